-- One row per closed month, deal and cause: by how much the deal's won revenue of that month is not what it was closed
-- with. Unknown at the cut-off is what landed after it. The amounts of a deal sum to its whole change.
with

closed as (
    select cast(date_trunc('month', month_end) as date) as month, known_at
    from {{ source('meta', 'frozen_vintages') }}
    where is_latest
),

stood as (
    select wins.*, coalesce(wins.amount_reporting, 0) as value
    from {{ source('meta', 'frozen_wins') }} as wins
),

stands as (
    select
        deal_key, won_month, won_at, amount, currency, pipeline_key, coalesce(team_key, '') as team_key,
        amount_reporting, coalesce(amount_reporting, 0) as value
    from {{ ref('fct_won_revenue') }}
    where not is_reversed
),

pairs as (
    select
        closed.month, closed.known_at,
        coalesce(stood.deal_key, stands.deal_key) as deal_key,
        stood.deal_key is not null as was_there,
        stands.deal_key is not null as is_there,
        stood.value as old_value, stands.value as new_value,
        stood.amount as old_amount, stands.amount as new_amount,
        coalesce(stood.currency, '') = coalesce(stands.currency, '') as is_same_currency,
        stood.pipeline_key as old_pipeline, stands.pipeline_key as new_pipeline,
        stood.team_key as old_team, stands.team_key as new_team,
        stood.stage_key as old_stage, stands.won_at
    from closed
    inner join (
        select wins.month, wins.deal_key from stood as wins
        union
        select wins.won_month, wins.deal_key from stands as wins
    ) as deals on closed.month = deals.month
    left join stood on deals.month = stood.month and deals.deal_key = stood.deal_key
    left join stands on deals.month = stands.won_month and deals.deal_key = stands.deal_key
),

-- what became known of a deal after the cut-off
learnt as (
    select
        pairs.month, pairs.deal_key,
        bool_or(events.field = 'stage') as of_stage,
        bool_or(events.field = 'stage' and events.effective_at = pairs.won_at) as of_win,
        bool_or(events.field = 'close_date') as of_close_date,
        bool_or(events.field = 'deleted') as of_deletion,
        max(events.recorded_at) as detected_at
    from pairs
    inner join {{ ref('fct_deal_events') }} as events
        on pairs.deal_key = events.deal_key
        and (events.recorded_at > pairs.known_at or events.effective_at >= pairs.known_at)
    group by 1, 2
),

survivors as (
    select deals.merged_into_deal_key as deal_key, max(events.recorded_at) as recorded_at
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('fct_deal_events') }} as events
        on deals.deal_key = events.deal_key and events.field = 'merged_into'
    where deals.merged_into_deal_key is not null
    group by 1
),

won_now as (
    select deal_key, entered_at, max_by(to_stage_key, visit_number) as stage_key
    from {{ ref('fct_stage_transitions') }}
    group by 1, 2
),

facts as (
    select
        pairs.*,
        coalesce(learnt.of_stage, false) as of_stage,
        coalesce(learnt.of_win, false) as of_win,
        coalesce(learnt.of_close_date, false) as of_close_date,
        coalesce(learnt.of_deletion, false) as of_deletion,
        learnt.detected_at,
        deals.merged_into_deal_key is not null as is_merged_away,
        coalesce(deals.is_deleted, true) as is_deleted,
        coalesce(survivors.recorded_at > pairs.known_at, false) as is_survivor,
        elsewhere.won_at as won_elsewhere_at,
        coalesce(old_stages.stage_category <> 'won', false) as old_stage_lost_meaning,
        won_now.stage_key is not null and won_stages.stage_key is null as new_stage_gained_meaning
    from pairs
    left join learnt on pairs.month = learnt.month and pairs.deal_key = learnt.deal_key
    left join {{ ref('dim_deals') }} as deals on pairs.deal_key = deals.deal_key
    left join survivors on pairs.deal_key = survivors.deal_key
    left join stands as elsewhere on pairs.deal_key = elsewhere.deal_key and pairs.month <> elsewhere.won_month
    left join {{ ref('dim_stages') }} as old_stages on pairs.old_stage = old_stages.stage_key
    left join won_now on pairs.deal_key = won_now.deal_key and pairs.won_at = won_now.entered_at
    left join {{ source('meta', 'frozen_won_stages') }} as won_stages
        on pairs.month = won_stages.month and won_now.stage_key = won_stages.stage_key
),

judged as (
    select
        *,
        case
            when was_there and not is_there then
                case
                    when is_merged_away then 'merged'
                    when is_deleted then 'deleted'
                    when old_stage_lost_meaning then 'stage_remap'
                    when won_elsewhere_at is not null and of_close_date then 'backdated'
                    when of_stage then 'reopened'
                    else 'code_version'
                end
            when is_there and not was_there then
                case
                    when is_survivor then 'merged'
                    when of_win and won_at >= known_at then 'late_close'
                    when of_win then 'backdated'
                    when new_stage_gained_meaning then 'stage_remap'
                    when of_deletion then 'deleted'
                    when of_close_date then 'backdated'
                    else 'code_version'
                end
            when is_survivor and coalesce(old_amount, -1) <> coalesce(new_amount, -1) then 'merged'
            when coalesce(old_amount, -1) <> coalesce(new_amount, -1) or not is_same_currency then 'amount_edit'
            else 'fx'
        end as cause,
        -- the edit is worth what it would have been at the old rate; the rest is the rate's
        case
            when was_there and is_there and is_same_currency and old_amount <> new_amount and old_amount <> 0
                then cast(
                    cast(new_amount as double) * cast(old_value as double) / cast(old_amount as double)
                    as decimal(18, 2)
                )
        end as at_old_rate
    from facts
),

parts as (
    select *, coalesce(at_old_rate, new_value, 0) - coalesce(old_value, 0) as part
    from judged
    union all
    select * replace ('fx' as cause), new_value - at_old_rate as part
    from judged
    where at_old_rate is not null
)

select
    month, deal_key, cause,
    cast(part as decimal(18, 2)) as amount,
    old_value, new_value, was_there, is_there, old_pipeline, new_pipeline, old_team, new_team,
    coalesce(detected_at, {{ as_of() }}) as detected_at
from parts
where part <> 0 or old_pipeline <> new_pipeline or old_team <> new_team
