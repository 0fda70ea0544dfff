-- One row per basis, month and step with deals in the cohort: how many, what came of them, and how probable it is in
-- the end that one reaches the step's other stage, where losing competes and open deals are censored at as_of. Deals
-- that came with a bulk import are in none.
{%- set cohort = ['basis', 'cohort_month', 'step_number'] %}
{%- set cohort_number -%}
cast(
        (step_number * 100000 + extract(year from cohort_month) * 12 + extract(month from cohort_month)) * 2
        + case basis when 'created' then 0 else 1 end as bigint
    )
{%- endset %}
with

journeys as (
    select
        journeys.step_number, journeys.entered_at, journeys.is_direct, journeys.is_implied, journeys.state,
        journeys.event, journeys.entered_month, journeys.created_month,
        case journeys.state
            when 'open' then {{ elapsed_days('journeys.entered_at', as_of()) }} else journeys.days
        end as days
    from {{ ref('int_funnel_journeys') }} as journeys
    left join {{ ref('int_import_batches') }} as imports
        on journeys.deal_key = imports.record_key and imports.record_kind = 'deal'
    where imports.record_key is null
),

members as (
    select 'stage_entered' as basis, entered_month as cohort_month, *
    from journeys
    union all
    select 'created' as basis, created_month as cohort_month, *
    from journeys
),

counts as (
    select
        {{ cohort | join(', ') }},
        max(entered_at) as last_entered_at,
        count(*) as entered,
        count(case when is_direct then 1 end) as direct_entry,
        count(case when is_implied then 1 end) as n_implied,
        {%- for state in ['reached', 'lost', 'void', 'open'] %}
        count(case when state = '{{ state }}' then 1 end) as n_{{ state }},
        {%- endfor %}
        {%- for age in [30, 60, 90, 180] %}
        count(case when state = 'reached' and days <= {{ age }} then 1 end)
            as reached_{{ age }}d{{ ',' if not loop.last }}
        {%- endfor %}
    from members
    group by {{ cohort | join(', ') }}
),

-- one whole number a cohort: sorting millions of lives by it costs half of sorting them by three columns
lives as (
    select {{ cohort_number }} as cohort_number, days, event
    from members
    where state <> 'void'
),

estimates as (
    {{ aalen_johansen('lives', ['cohort_number']) }}
)

select
    counts.*,
    estimates.eventual,
    estimates.variance,
    estimates.median_days
from counts
left join estimates
    on {{ cohort_number }} = estimates.cohort_number
