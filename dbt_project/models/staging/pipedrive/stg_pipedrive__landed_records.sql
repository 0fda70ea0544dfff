-- One row per deal, person and lead ever landed: is it live, as far as we were told?
with landed as (
    select
        source, 'deals' as object, source_deal_id as record_id,
        max_by(is_archived, (window_seq, state_at, part, line)) as is_archived,
        bool_or(reject_reason is null) as is_parsed
    from {{ ref('stg_pipedrive__deal_versions') }}
    group by source, source_deal_id
    union all
    select source, 'contacts' as object, source_lead_id as record_id, is_archived, true as is_parsed
    from {{ ref('stg_pipedrive__leads') }}
    union all
    select source, 'leads' as object, source_lead_object_id as record_id, is_archived, true as is_parsed
    from {{ ref('stg_pipedrive__lead_objects') }}
)

select
    landed.source,
    landed.object,
    landed.record_id,
    landed.is_parsed,
    not landed.is_archived and absent.object_id is null as is_live
from landed
left join {{ ref('stg_pipedrive__absent_objects') }} as absent
    on landed.source = absent.source and landed.object = absent.object and landed.record_id = absent.object_id
