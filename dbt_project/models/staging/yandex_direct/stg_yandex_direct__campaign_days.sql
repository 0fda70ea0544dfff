-- One row per version of a campaign's figures of a day. Cost is with or without VAT, as the connection asks.
{{ staged_days(
    'yandex_direct',
    ['currency', 'CampaignName', 'CampaignType', 'Impressions', 'Clicks', 'Cost', 'Conversions'],
    cost='r.cost',
    currency='r.currency',
    impressions='r.impressions',
    clicks='r.clicks',
    conversions='r.conversions',
    campaign_name='r.campaignname',
    channel=yandex_channel('r.campaigntype')
) }}
