{%- set steps = [
    ('lead', 'mql'), ('mql', 'sql'), ('sql', 'opportunity'), ('opportunity', 'customer'), ('lead', 'customer')
] %}
{%- set counts = {
    'lead': 'leads', 'mql': 'mqls', 'sql': 'sqls', 'opportunity': 'opportunities', 'customer': 'customers'
} %}
-- One row per month of creation and original source of leads: how far they came, by the furthest lifecycle stage each
-- ever reached. A source has a row in every month since the first lead of all.
with

-- A portal may lack a stage, or keep stages of its own: a step counts from the place of its stage on, and without one
-- from the place of the next.
ranks as (
    select
        source,
        coalesce(
            min(position) filter (where funnel_step = 'mql'),
            min(position) filter (where funnel_step = 'sql'),
            min(position) filter (where funnel_step = 'opportunity'),
            min(position) filter (where funnel_step = 'customer')
        ) as mql_from,
        coalesce(
            min(position) filter (where funnel_step = 'sql'),
            min(position) filter (where funnel_step = 'opportunity'),
            min(position) filter (where funnel_step = 'customer')
        ) as sql_from,
        coalesce(
            min(position) filter (where funnel_step = 'opportunity'),
            min(position) filter (where funnel_step = 'customer')
        ) as opportunity_from,
        min(position) filter (where funnel_step = 'customer') as customer_from
    from {{ ref('int_lifecycle_stages') }}
    group by 1
),

became as (
    select transitions.lead_key, min(transitions.entered_at) as customer_at
    from {{ ref('fct_lead_transitions') }} as transitions
    inner join {{ ref('dim_leads') }} as leads on transitions.lead_key = leads.lead_key
    inner join {{ ref('int_lifecycle_stages') }} as stages
        on leads.source = stages.source and transitions.to_stage = stages.lifecycle_stage
    inner join ranks on leads.source = ranks.source and stages.position >= ranks.customer_from
    group by 1
),

leads as (
    select
        {{ to_reporting_month('leads.created_at') }} as cohort_month,
        leads.original_source,
        stages.position >= ranks.mql_from as is_mql,
        stages.position >= ranks.sql_from as is_sql,
        stages.position >= ranks.opportunity_from as is_opportunity,
        stages.position >= ranks.customer_from as is_customer,
        {{ days_from_zero('leads.created_at', 'became.customer_at') }} as days_to_customer
    from {{ ref('dim_leads') }} as leads
    left join ranks on leads.source = ranks.source
    left join {{ ref('int_lifecycle_stages') }} as stages
        on leads.source = stages.source and leads.furthest_lifecycle_stage = stages.lifecycle_stage
    left join became on leads.lead_key = became.lead_key
),

counted as (
    select
        cohort_month,
        original_source,
        count(*) as leads,
        count(*) filter (where is_mql) as mqls,
        count(*) filter (where is_sql) as sqls,
        count(*) filter (where is_opportunity) as opportunities,
        count(*) filter (where is_customer) as customers,
        median(days_to_customer) filter (where is_customer) as median_days_to_customer
    from leads
    group by 1, 2
),

-- leads are older than the first deal in many a portal
span as (
    select min(month) as first_month
    from (
        select cohort_month as month from counted
        union all
        select month from {{ ref('int_months') }}
    ) as all_months
),

months as (
    select cast(series.month as date) as month
    from span,
        unnest(generate_series(
            cast(span.first_month as timestamp),
            cast({{ month_of(last_day_before(as_of())) }} as timestamp),
            interval '1 month'
        )) as series (month)
),

sources as (
    select distinct original_source from counted
),

cohorts as (
    select
        months.month as cohort_month,
        sources.original_source,
        {%- for name in counts.values() %}
        coalesce(counted.{{ name }}, 0) as {{ name }},
        {%- endfor %}
        counted.median_days_to_customer
    from months
    cross join sources
    left join counted
        on months.month = counted.cohort_month and sources.original_source is not distinct from counted.original_source
)

select
    cohort_month,
    original_source,
    {%- for name in counts.values() %}
    {{ name }},
    {%- endfor %}
    {%- for before, after in steps %}
    cast({{ counts[after] }} as double) / nullif({{ counts[before] }}, 0) as {{ before }}_to_{{ after }}_rate,
    {{ wilson_low(counts[after], counts[before]) }} as {{ before }}_to_{{ after }}_rate_low,
    {{ wilson_high(counts[after], counts[before]) }} as {{ before }}_to_{{ after }}_rate_high,
    {%- endfor %}
    median_days_to_customer,
    {{ start_of_reporting_day('last_day(cohort_month) + 1') }} <= {{ as_of() }} as is_complete_month
from cohorts
