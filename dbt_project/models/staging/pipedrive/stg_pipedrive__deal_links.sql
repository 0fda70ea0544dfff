-- One row per deal with a person: the one that its newest version names.
select
    source,
    source_deal_id,
    'lead' as kind,
    person_id as linked_id,
    true as is_newest,
    true as is_last_told,
    true as is_primary,
    1 as position,
    window_seq
from {{ ref('stg_pipedrive__deal_versions') }}
where reject_reason is null
qualify
    row_number() over (
        partition by source, source_deal_id order by window_seq desc, state_at desc, part desc, line desc
    ) = 1
    and person_id is not null
