-- One row per company ever seen (merged-away ones too): newest version, when it was deleted, and who survived it.
with recursive

companies as (
    {{ union_vendors('companies') }}
),

absences as (
    {{ union_vendors('absent_objects', where="object = 'companies'") }}
),

pairs as (
    select
        source, unnest(merged_ids) as loser_id, source_company_id as survivor_id, cast(null as timestamptz) as merged_at
    from companies
),

{{ merge_chains('pairs') }}

select
    {{ entity_key('companies.source', 'companies.source_company_id') }} as company_key,
    {{ entity_key(
        'companies.source', 'coalesce(survivors.survivor_id, companies.source_company_id)'
    ) }} as survivor_key,
    survivors.survivor_id is not null as is_merged_away,
    case
        when companies.is_archived then coalesce(companies.archived_at, companies.updated_at, companies.extracted_at)
        else absences.absent_by
    end as deleted_at,
    companies.*
from companies
left join survivors on companies.source = survivors.source and companies.source_company_id = survivors.loser_id
left join absences on companies.source = absences.source and companies.source_company_id = absences.object_id
