{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ drop_touched() }}",
    post_hook="{{ remember_build() }}",
    meta={'shared': {
        'int_months': 'case when is_complete_month then hash(month_end, ends_at) end',
        'int_stages': 'hash(stage_key, stage_category)',
        'int_exchange_rates': 'hash(source, currency, kind, valid_from, valid_to, rate, origin)',
        'int_home_currencies': 'hash(source, home_currency)',
        'int_landings': 'hash(source, first_landed_at)'
    }}
) }}
-- depends_on: {{ ref('int_home_currencies') }}
-- One row per complete month and deal open at the month's last instant, with what was true of it then. Deleted deals
-- stand up to their deletion, restored ones come back; losers of a merge never appear.
with

months as (
    select month_end, ends_at
    from {{ ref('int_months') }}
    where is_complete_month
),

visits as {{ 'materialized ' if is_incremental() }}(
    select deal_key, pipeline_key, stage_key, entered_at, exited_at
    from {{ ref('int_stage_visits') }}
    where {{ is_touched('deal_key') }}
),

open_visits as (
    select
        months.month_end, months.ends_at,
        visits.deal_key, visits.pipeline_key, visits.stage_key, visits.entered_at,
        coalesce(stages.stage_category, 'unknown') as stage_category
    from visits
    inner join months
        on visits.entered_at < months.ends_at and (visits.exited_at is null or visits.exited_at >= months.ends_at)
    left join {{ ref('int_stages') }} as stages on visits.stage_key = stages.stage_key
    where coalesce(stages.stage_category, 'unknown') not in ('won', 'lost', 'void')
),

standing as (
    select *
    from open_visits
    where
        deal_key not in (select merged.loser_deal_key from {{ ref('int_merges') }} as merged)
        and not exists (
            select 1
            from {{ ref('int_deal_deletions') }} as deletions
            where
                deletions.deal_key = open_visits.deal_key
                and deletions.deleted_at < open_visits.ends_at
                and (deletions.restored_at is null or deletions.restored_at >= open_visits.ends_at)
        )
),

described as (
    select
        standing.*,
        deals.source,
        deals.created_at,
        states.owner_key,
        states.amount,
        states.currency,
        coalesce(states.currency, currencies.home_currency) as currency_used,
        {{ to_reporting_date('states.close_date_at') }} as close_date,
        states.forecast_category,
        coalesce(states.close_date_pushes, 0) as close_date_pushes,
        landings.first_landed_at
    from standing
    inner join {{ ref('int_deals') }} as deals on standing.deal_key = deals.deal_key
    left join {{ ref('int_deal_currencies') }} as currencies on standing.deal_key = currencies.deal_key
    left join {{ ref('int_landings') }} as landings on deals.source = landings.source
    left join {{ ref('int_deal_states') }} as states
        on standing.deal_key = states.deal_key and states.valid_from < standing.ends_at
        and (states.valid_to is null or states.valid_to >= standing.ends_at)
)

select
    described.month_end,
    described.deal_key,
    described.pipeline_key,
    described.stage_key,
    described.stage_category,
    described.owner_key,
    described.amount,
    described.currency,
    {{ converted('described.amount', rate_of('rates', 'currencies', 'described.currency_used')) }} as amount_reporting,
    described.close_date,
    described.forecast_category,
    {{ days_from_zero('described.created_at', 'described.ends_at') }} as age_days,
    {{ elapsed_days('described.entered_at', 'described.ends_at') }} as days_in_stage,
    described.close_date_pushes,
    coalesce(described.ends_at <= described.first_landed_at, false) as is_reconstructed
from described
left join {{ ref('int_deal_currencies') }} as currencies on described.deal_key = currencies.deal_key
{{ join_rate('rates', 'described.source', 'described.currency_used', "'month_end'", 'described.month_end') }}
