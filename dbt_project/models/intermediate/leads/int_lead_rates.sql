-- One row per landmark and kind of lead standing then (source, stage, age): which share of such leads became customers
-- within ninety days, over the landmarks of the year whose ninety days were over by then. Nothing later is looked at,
-- so that a past landmark shows what the list would have said. What a few leads say is held back: a stage and age leans
-- on all leads as if one customer more had come of as many leads as that takes; how a source does beside what the
-- stages and ages of its leads let expect, and a kind beside its source, as if five more had come as expected.
{%- set levels = {
    'alike': ['original_source', 'lifecycle_stage', 'age_band'], 'stage_and_age': ['lifecycle_stage', 'age_band'],
    'stage': ['lifecycle_stage'], 'origin': ['original_source'], 'age': ['age_band'], 'everyone': []
} %}
{%- set held_back = 5 %}
with

counts as (
    select
        landmark, source, original_source, lifecycle_stage, age_band,
        -- an import's leads are as old as their import, and no such lead as others
        count(is_customer) filter (where not is_imported) as leads,
        coalesce(sum(is_customer) filter (where not is_imported), 0) as customers
    from {{ ref('int_lead_landmarks') }}
    group by 1, 2, 3, 4, 5
),

landmarks as (
    select distinct landmark from counts
),

known as (
    select
        landmarks.landmark, counts.source, counts.original_source, counts.lifecycle_stage, counts.age_band,
        cast(sum(counts.leads) as bigint) as leads,
        cast(sum(counts.customers) as bigint) as customers
    from landmarks
    inner join counts on counts.landmark between landmarks.landmark + 3 and landmarks.landmark + 14
    group by 1, 2, 3, 4, 5
),
{%- for name, columns in levels.items() %}

{{ name }} as (
    select
        {{ (['landmark', 'source'] + columns) | join(', ') }},
        cast(sum(leads) as bigint) as leads,
        cast(sum(customers) as bigint) as customers,
        cast(sum(customers) as double) / nullif(sum(leads), 0) as rate
    from known
    group by {{ range(1, columns | length + 3) | join(', ') }}
),
{%- endfor %}

staged as (
    select
        stage_and_age.landmark, stage_and_age.source, stage_and_age.lifecycle_stage, stage_and_age.age_band,
        case
            when everyone.rate > 0 then (stage_and_age.customers + 1) / (stage_and_age.leads + 1 / everyone.rate)
            else everyone.rate
        end as rate
    from stage_and_age
    inner join everyone on stage_and_age.landmark = everyone.landmark and stage_and_age.source = everyone.source
),

origins as (
    select
        known.landmark, known.source, known.original_source,
        (cast(sum(known.customers) as double) + {{ held_back }})
        -- decimals add up the same in any order
        / (cast(sum(cast(known.leads * staged.rate as decimal(28, 12))) as double) + {{ held_back }}) as factor
    from known
    inner join staged
        on known.landmark = staged.landmark and known.source = staged.source
        and known.lifecycle_stage = staged.lifecycle_stage and known.age_band = staged.age_band
    group by 1, 2, 3
),

joined as (
    select
        counts.landmark, counts.source, counts.original_source, counts.lifecycle_stage, counts.age_band,
        least(coalesce(staged.rate, everyone.rate) * coalesce(origins.factor, 1), 1) as expected_rate
        {%- for name in levels %},
        coalesce({{ name }}.leads, 0) as {{ name }}_leads,
        coalesce({{ name }}.customers, 0) as {{ name }}_customers,
        {{ name }}.rate as {{ name }}_rate
        {%- endfor %}
    from counts
    {%- for name, columns in levels.items() %}
    left join {{ name }}
        on counts.landmark = {{ name }}.landmark and counts.source = {{ name }}.source
        {%- for column in columns %}
        and counts.{{ column }} = {{ name }}.{{ column }}
        {%- endfor %}
    {%- endfor %}
    left join staged
        on counts.landmark = staged.landmark and counts.source = staged.source
        and counts.lifecycle_stage = staged.lifecycle_stage and counts.age_band = staged.age_band
    left join origins
        on counts.landmark = origins.landmark and counts.source = origins.source
        and counts.original_source = origins.original_source
)

select
    landmark,
    source,
    original_source,
    lifecycle_stage,
    age_band,
    alike_leads,
    alike_customers,
    everyone_rate as average_rate,
    -- least() passes over null: nothing known is no rate
    case
        when everyone_rate is not null then round(least(
            expected_rate * (alike_customers + {{ held_back }}) / (alike_leads * expected_rate + {{ held_back }}), 1
        ), 9)
    end as rate_90d
    {%- for name in ['stage', 'origin', 'age'] %},
    {{ name }}_leads,
    {{ name }}_rate
    {%- endfor %}
from joined
