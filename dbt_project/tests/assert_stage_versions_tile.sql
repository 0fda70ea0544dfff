-- Versions of a stage follow each other without gap or overlap, from the assumed first one to the one still valid.
with versions as (
    select
        *,
        lead(valid_from) over stage as next_valid_from,
        row_number() over stage as n
    from {{ ref('dim_stages_history') }}
    window stage as (partition by stage_key order by valid_from)
)

select stage_key
from versions
where
    valid_to is distinct from next_valid_from
    or valid_from >= valid_to
    or is_assumed <> (n = 1)
union all
select stages.stage_key
from {{ ref('dim_stages') }} as stages
left join versions on stages.stage_key = versions.stage_key
where versions.stage_key is null
