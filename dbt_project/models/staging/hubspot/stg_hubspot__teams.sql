-- One row per team and version of an owner that names it: teams are known to us through their members only.
with

versions as (
    select
        source, extracted_at, window_seq, part, line,
        unnest(from_json(record -> '$.teams', '[{"id":"VARCHAR","name":"VARCHAR"}]')) as team
    from {{ source('raw_hubspot', 'hubspot__owners') }}
)

select
    source,
    team.id as source_team_id,
    coalesce(nullif(trim(team.name), ''), team.id) as team_name,
    extracted_at, window_seq, part, line
from versions
where team.id is not null
