-- One row per deal, touch and attribution model. Weights of a deal sum to 1 in every model: a deal of which nobody
-- tells how it came is one row of the channel unattributed.
with models (attribution_model) as (
    {{ attribution_model_rows() }}
),

touches as (
    select deal_key, touch_at, channel, campaign_key, place, touches
    from {{ ref('int_deal_touches') }}
    union all
    select
        deals.deal_key, deals.created_at as touch_at, 'unattributed' as channel, null as campaign_key, 1 as place,
        1 as touches
    from {{ ref('dim_deals') }} as deals
    left join {{ ref('int_deal_touches') }} as told on deals.deal_key = told.deal_key
    where told.deal_key is null and not deals.is_deleted
)

select
    touches.deal_key,
    models.attribution_model,
    touches.place as touch_number,
    touches.touch_at,
    touches.channel,
    touches.campaign_key,
    cast({{ attribution_weight('models.attribution_model', 'touches.place', 'touches.touches') }} as double) as weight
from touches
cross join models
