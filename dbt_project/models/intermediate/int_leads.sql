-- One row per lead ever seen (merged-away ones too): newest version, when it was deleted, and who survived it.
with recursive

leads as (
    {{ union_vendors('leads') }}
),

absences as (
    {{ union_vendors('absent_objects', where="object = 'contacts'") }}
),

pairs as (
    select
        source, unnest(merged_ids) as loser_id, source_lead_id as survivor_id, unnest(merged_times) as merged_at
    from leads
),

{{ merge_chains('pairs') }}

select
    {{ entity_key('leads.source', 'leads.source_lead_id') }} as lead_key,
    {{ entity_key('leads.source', 'leads.owner_id') }} as owner_key,
    {{ entity_key('leads.source', 'coalesce(survivors.survivor_id, leads.source_lead_id)') }} as person_key,
    survivors.survivor_id is not null as is_merged_away,
    -- null in a merged-away lead: nobody tells when, so that it counts as merged ever since
    survivors.merged_at,
    -- archived without a time: known to be gone from the version that said so
    case
        when leads.is_archived then coalesce(leads.archived_at, leads.updated_at, leads.extracted_at)
        else absences.absent_by
    end as deleted_at,
    leads.*
from leads
left join survivors on leads.source = survivors.source and leads.source_lead_id = survivors.loser_id
left join absences on leads.source = absences.source and leads.source_lead_id = absences.object_id
