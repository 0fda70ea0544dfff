-- One row per version of an e-mail's report, as a campaign.
{{ staged_campaigns('mailchimp', '$.campaign_title', '$.type', "'email'", stream='email_campaigns') }}
