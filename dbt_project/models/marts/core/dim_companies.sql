-- One row per company; of merged ones the survivor. Companies that only deals name stay visible, without attributes.
with

known as (
    select company_key, source, company_name, domain_hash, industry, country, deleted_at, source_url
    from {{ ref('int_companies') }}
    where not is_merged_away and coalesce(created_at < {{ as_of() }}, true)
),

linked as (
    select distinct linked_key as company_key
    from {{ ref('int_deal_links') }}
    where kind = 'company'
)

select
    coalesce(known.company_key, linked.company_key) as company_key,
    coalesce(known.source, split_part(linked.company_key, ':', 1)) as source,
    known.company_name,
    known.domain_hash,
    known.industry,
    known.country,
    coalesce(known.deleted_at < {{ as_of() }}, false) as is_deleted,
    known.source_url
from known
full join linked on known.company_key = linked.company_key
