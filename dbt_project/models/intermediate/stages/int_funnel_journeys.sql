{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ drop_touched() }}",
    post_hook="{{ remember_build() }}",
    meta={'reads_record': true, 'shared': {
        'int_stages': 'hash(stage_key, pipeline_key, stage_category, position, is_won)',
        'int_funnel_steps':
            'hash(step_number, pipeline_key, from_stage_key, from_rung, to_stage_key, is_next_stage, is_to_won)'
    }}
) }}
-- depends_on: {{ ref('int_stage_visits') }}
-- One row per deal and step (int_funnel_steps) whose first stage it reached: when, by the high-water mark, and what
-- came of it: it reached the other stage, was lost, void (set aside, or gone to another pipeline before), or is open at
-- as_of; with the days until it reached or was lost. Deleted and merged-away deals are in none.
{%- set mine = 'deal_key in (select touched.deal_key from touched)' if is_incremental() else 'true' %}
with
{% if is_incremental() %}
touched as materialized (
    select deal_key
    from {{ ref('int_deals') }}
    where {{ is_touched('deal_key') }}
),
{% endif %}
stays as {{ 'materialized ' if is_incremental() }}(
    select
        deal_key, visit_number, pipeline_key, from_stage_key, to_stage_key, entered_at, is_first_reach, is_latest_visit
    from {{ ref('fct_stage_transitions') }}
    where {{ mine }}
),

raised as (
    select
        stays.deal_key, stays.pipeline_key, stays.to_stage_key, stays.entered_at,
        coalesce(came_from.pipeline_key <> stays.pipeline_key, true) as is_arrival,
        case when stages.is_won then 1000000 else stages.position end as reach,
        lag(case when stages.is_won then 1000000 else stages.position end) over (
            partition by stays.deal_key, stays.pipeline_key order by stays.visit_number
        ) as reached_before
    from stays
    inner join {{ ref('int_stages') }} as stages on stays.to_stage_key = stages.stage_key
    left join {{ ref('int_stages') }} as came_from on stays.from_stage_key = came_from.stage_key
    where stays.is_first_reach
),

rungs as (
    select
        pipeline_key, from_stage_key as stage_key, from_rung as rung,
        max(case when is_next_stage then step_number end) as next_step,
        max(case when is_to_won then step_number end) as won_step
    from {{ ref('int_funnel_steps') }}
    group by pipeline_key, from_stage_key, from_rung
    union all
    select distinct pipeline_key, to_stage_key as stage_key, 1000000 as rung, null as next_step, null as won_step
    from {{ ref('int_funnel_steps') }}
    where is_to_won
),

-- the last open stage of a pipeline that has no won stage
tops as (
    select steps.pipeline_key, steps.to_stage_key as stage_key, stages.position as rung
    from {{ ref('int_funnel_steps') }} as steps
    inner join {{ ref('int_stages') }} as stages on steps.to_stage_key = stages.stage_key
    left join rungs on steps.to_stage_key = rungs.stage_key
    where rungs.stage_key is null
),

ladder as (
    select pipeline_key, stage_key, rung, next_step, won_step
    from rungs
    union all
    select pipeline_key, stage_key, rung, null as next_step, null as won_step
    from tops
),

reached as (
    select
        raised.deal_key, raised.pipeline_key, raised.entered_at, ladder.rung, ladder.next_step, ladder.won_step,
        raised.is_arrival and raised.reached_before is null and raised.to_stage_key = ladder.stage_key as is_direct,
        -- passed over, and not visited later either
        raised.to_stage_key <> ladder.stage_key and ladder.rung < 1000000 and visits.deal_key is null as is_implied
    from raised
    inner join ladder
        on raised.pipeline_key = ladder.pipeline_key
        and ladder.rung > coalesce(raised.reached_before, 0) and ladder.rung <= raised.reach
    left join stays as visits
        on raised.deal_key = visits.deal_key and ladder.stage_key = visits.to_stage_key
        and visits.is_latest_visit and raised.to_stage_key <> ladder.stage_key
),

linked as (
    select
        *,
        lead(entered_at) over (partition by deal_key, pipeline_key order by rung) as next_at,
        lead(is_implied) over (partition by deal_key, pipeline_key order by rung) as is_next_implied,
        max(case when rung = 1000000 then entered_at end) over (partition by deal_key, pipeline_key) as won_at
    from reached
),

asked as (
    select deal_key, pipeline_key, next_step as step_number, entered_at, is_direct, next_at as to_at, is_next_implied
    from linked
    where next_step is not null
    union all
    select
        deal_key, pipeline_key, won_step as step_number, entered_at, is_direct, won_at as to_at,
        false as is_next_implied
    from linked
    where won_step is not null and won_step <> next_step
),

told as (
    select
        asked.deal_key, asked.step_number, asked.entered_at, asked.is_direct, asked.to_at,
        deals.created_at, outcomes.closed_at,
        asked.to_at is not null and asked.is_next_implied as is_implied,
        case
            when asked.to_at is not null then 'reached'
            -- won otherwise: by a stage that is retired and reaches nothing
            when asked.pipeline_key <> outcomes.pipeline_key or outcomes.outcome in ('void', 'won') then 'void'
            else outcomes.outcome
        end as state
    from asked
    inner join {{ ref('int_deal_outcomes') }} as outcomes on asked.deal_key = outcomes.deal_key
    inner join {{ ref('int_deals') }} as deals on asked.deal_key = deals.deal_key
    where not outcomes.is_deleted
)

select
    deal_key,
    step_number,
    entered_at,
    is_direct,
    is_implied,
    state,
    case state when 'reached' then 1 when 'lost' then 2 when 'open' then 0 end as event,
    {{ elapsed_days('entered_at', "case state when 'reached' then to_at when 'lost' then closed_at end") }} as days,
    {{ to_reporting_month('entered_at') }} as entered_month,
    {{ to_reporting_month('created_at') }} as created_month
from told
