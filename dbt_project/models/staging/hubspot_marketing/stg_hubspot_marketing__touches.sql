-- One row per version of a submission of a form: how the person came is what the page's UTM parameters say.
{%- set channel = channel_of_utm("(record ->> '$.utm_source')", "(record ->> '$.utm_medium')") %}
{{ staged_lead_forms('hubspot_marketing', "coalesce(" ~ channel ~ ", 'direct')", '$.utm_campaign') }}
