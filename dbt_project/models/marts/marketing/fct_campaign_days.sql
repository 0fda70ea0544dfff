-- One row per campaign and day of its ad account.
select
    days.campaign_key,
    days.source,
    days.date,
    days.impressions,
    days.clicks,
    days.cost,
    days.currency,
    case
        when days.currency = '{{ var("reporting_currency") }}' then cast(days.cost as decimal(18, 2))
        else {{ converted('days.cost', 'rates.rate') }}
    end as cost_reporting,
    days.conversions
from {{ ref('int_campaign_days') }} as days
{{ join_rate('rates', 'days.source', 'days.currency', "'spot'", 'days.date') }}
where days.date <= {{ last_day_before(as_of()) }}
