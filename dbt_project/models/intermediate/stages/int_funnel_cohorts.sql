-- One row per basis, month and step with deals in the cohort: how many, what came of them, and how probable it is in
-- the end that one reaches the step's other stage, where losing competes and open deals are censored at as_of.
{%- set cohort = ['basis', 'cohort_month', 'step_number'] %}
with

members as (
    select 'stage_entered' as basis, entered_month as cohort_month, *
    from {{ ref('int_funnel_journeys') }}
    union all
    select 'created' as basis, created_month as cohort_month, *
    from {{ ref('int_funnel_journeys') }}
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

lives as (
    select {{ cohort | join(', ') }}, days, event
    from members
    where state <> 'void'
),

estimates as (
    {{ aalen_johansen('lives', cohort) }}
)

select
    counts.*,
    estimates.eventual,
    estimates.variance,
    estimates.median_days
from counts
left join estimates
    on counts.basis = estimates.basis and counts.cohort_month = estimates.cohort_month
    and counts.step_number = estimates.step_number
