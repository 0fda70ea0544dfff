-- One row per listed version of an owner whose name, team or activity differs from the version before.
with

listed as (
    {{ union_vendors('owners') }}
),

changes as (
    select
        {{ entity_key('source', 'source_owner_id') }} as owner_key,
        source,
        owner_name,
        {{ entity_key('source', 'team_id') }} as team_key,
        is_active,
        extracted_at,
        window_seq,
        part,
        line,
        lag(hash_of_version) over (
            partition by source, source_owner_id order by window_seq, part, line
        ) as hash_before,
        hash_of_version
    from (
        select *, {{ hash_of(['owner_name', 'team_id', 'cast(is_active as varchar)']) }} as hash_of_version
        from listed
    ) as hashed
)

select
    owner_key,
    source,
    owner_name,
    team_key,
    is_active,
    extracted_at as valid_from,
    lead(extracted_at) over (partition by owner_key order by window_seq, part, line) as valid_to,
    lag(extracted_at) over (partition by owner_key order by window_seq, part, line) is null as is_first
from changes
where hash_before is null or hash_before <> hash_of_version
