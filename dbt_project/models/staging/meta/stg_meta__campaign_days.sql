-- One row per version of a campaign's figures of a day.
{{ staged_days(
    'meta',
    ['account_currency', 'campaign_name', 'impressions', 'clicks', 'spend', 'conversions'],
    cost='r.spend',
    currency='r.account_currency',
    impressions='r.impressions',
    clicks='r.clicks',
    conversions='r.conversions',
    campaign_name='r.campaign_name',
    channel="'paid_social'"
) }}
