-- Properties of deals of one's own are read from HubSpot only.
{{ no_rows('rejected_properties') }}
