-- One row per deal, contact, company and lead object ever landed: is it live, as far as we were told? What parses and
-- what does not alike, so that the source's own counts can be held against it.
with

parsed as (
    select source, 'contacts' as object, source_lead_id as record_id, is_archived, merged_ids
    from {{ ref('stg_hubspot__leads') }}
    union all
    select source, 'companies' as object, source_company_id as record_id, is_archived, merged_ids
    from {{ ref('stg_hubspot__companies') }}
    union all
    select source, 'leads' as object, source_lead_object_id as record_id, is_archived, merged_ids
    from {{ ref('stg_hubspot__lead_objects') }}
),

landed as (
    select
        source, 'deals' as object, source_deal_id as record_id,
        max_by(is_archived, (window_seq, state_at, part, line)) as is_archived,
        bool_or(reject_reason is null) as is_parsed
    from {{ ref('stg_hubspot__deal_versions') }}
    group by 1, 3
    union all
    select source, object, record_id, is_archived, true as is_parsed from parsed
    union all
    select
        rejects.source, rejects.stream as object, rejects.record_id,
        max_by(rejects.is_archived, rejects.window_seq) as is_archived, false as is_parsed
    from {{ ref('stg_hubspot__rejected_objects') }} as rejects
    left join parsed
        on rejects.source = parsed.source and rejects.stream = parsed.object and rejects.record_id = parsed.record_id
    where parsed.record_id is null
    group by 1, 2, 3
),

merged as (
    select source, 'deals' as object, loser_id as record_id from {{ ref('stg_hubspot__deal_merges') }}
    union
    select source, object, unnest(merged_ids) as record_id from parsed
)

select
    landed.source,
    landed.object,
    landed.record_id,
    landed.is_parsed,
    not landed.is_archived and merged.record_id is null and absent.object_id is null as is_live
from landed
left join merged
    on landed.source = merged.source and landed.object = merged.object and landed.record_id = merged.record_id
left join {{ ref('stg_hubspot__absent_objects') }} as absent
    on landed.source = absent.source and landed.object = absent.object and landed.record_id = absent.object_id
