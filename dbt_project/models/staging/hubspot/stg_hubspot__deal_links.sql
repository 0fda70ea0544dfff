-- One row per record linked to a deal: of the newest set the API gave, and of the last set that was not empty
-- (the API forgets the associations of archived deals).
with

sets as (
    select source, record_id, 'lead' as kind, record, extracted_at, window_seq, part, line
    from {{ source('raw_hubspot', 'hubspot__deal_contacts') }}
    union all
    select source, record_id, 'company' as kind, record, extracted_at, window_seq, part, line
    from {{ source('raw_hubspot', 'hubspot__deal_companies') }}
),

parsed as (
    select
        * exclude (record),
        coalesce(from_json(
            record -> '$.to', '[{"toObjectId":"VARCHAR","associationTypes":[{"typeId":"VARCHAR"}]}]'
        ), []) as links
    from sets
),

ranked as (
    select
        *,
        row_number() over (
            partition by kind, source, record_id order by window_seq desc, part desc, line desc
        ) = 1 as is_newest,
        row_number() over (
            partition by kind, source, record_id order by len(links) = 0, window_seq desc, part desc, line desc
        ) = 1 as is_last_told
    from parsed
),

links as (
    select * exclude (links), unnest(links) as link, generate_subscripts(links, 1) as position
    from ranked
    where is_newest or is_last_told
)

select
    source,
    record_id as source_deal_id,
    kind,
    link.toobjectid as linked_id,
    is_newest,
    is_last_told,
    -- deal → company is primary under type 5; a deal's contacts have no primary
    bool_or(
        kind = 'company' and list_contains(list_transform(link.associationtypes, lambda t: t.typeid), '5')
    ) as is_primary,
    cast(min(position) as integer) as position,
    max(window_seq) as window_seq
from links
where link.toobjectid is not null
group by all
