-- Fields are not listed.
{{ no_rows('property_listings') }}
