-- One row per version of a campaign's figures of a day. Conversions: on the site and by lead form.
{{ staged_days(
    'linkedin',
    ['currency', 'impressions', 'clicks', 'costInLocalCurrency', 'oneClickLeads', 'externalWebsiteConversions'],
    cost='r.costinlocalcurrency',
    currency='r.currency',
    impressions='r.impressions',
    clicks='r.clicks',
    conversions="(coalesce(r.oneclickleads, '0')::double + coalesce(r.externalwebsiteconversions, '0')::double)",
    channel="'paid_social'"
) }}
