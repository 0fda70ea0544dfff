-- One row per version of a marketing e-mail, as a campaign.
{{ staged_campaigns('hubspot_marketing', '$.name', '$.state', "'email'", stream='email_campaigns') }}
