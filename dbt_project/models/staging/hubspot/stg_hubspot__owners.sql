-- One row per version of an owner as HubSpot listed it: deactivated ones included, the primary team beside it.
with

versions as (
    select
        source, record_id, extracted_at, window_id, window_seq, part, line,
        from_json(record, '{"firstName":"VARCHAR","lastName":"VARCHAR","type":"VARCHAR","archived":"BOOLEAN",
            "createdAt":"VARCHAR","teams":[{"id":"VARCHAR","name":"VARCHAR","primary":"BOOLEAN"}]}') as r
    from {{ source('raw_hubspot', 'hubspot__owners') }}
),

teamed as (
    select
        *,
        -- a member of several teams reports to the primary one; without a mark the first listed is taken
        coalesce(list_filter(r.teams, lambda t: t.primary)[1], r.teams[1]) as team
    from versions
)

select
    source,
    record_id as source_owner_id,
    coalesce(nullif(trim(concat_ws(' ', r.firstname, r.lastname)), ''), record_id) as owner_name,
    team.id as team_id,
    team.name as team_name,
    not coalesce(r.archived, false) as is_active,
    {{ parse_timestamp('r.createdAt') }} as created_at,
    extracted_at, window_id, window_seq, part, line
from teamed
