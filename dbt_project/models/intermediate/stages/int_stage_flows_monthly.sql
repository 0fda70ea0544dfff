-- One row per month and stage in which stays were entered or left: how many, and by which kind of move.
{%- set kinds = ['forward', 'backward', 'won', 'lost', 'reopened', 'pipeline_change', 'void'] %}
with moves as (
    select stage_key, entered_month as month, 'entered' as kind
    from {{ ref('int_live_stays') }}
    union all
    select stage_key, left_month as month, exit_type as kind
    from {{ ref('int_live_stays') }}
    where left_at is not null
)

select
    stage_key,
    month,
    count(case when kind = 'entered' then 1 end) as entered,
    {%- for kind in kinds %}
    count(case when kind = '{{ kind }}' then 1 end) as exits_{{ kind }},
    {%- endfor %}
    count(case when kind <> 'entered' then 1 end) as exits
from moves
group by stage_key, month
