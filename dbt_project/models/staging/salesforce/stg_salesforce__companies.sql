{{ config(materialized='table') }}
-- One row per account: its newest version.
with newest as (
    select *
    from {{ salesforce_newest('accounts', [
        'Name', 'domain_hash', 'Industry', 'BillingCountry', 'MasterRecordId', 'CreatedDate', 'SystemModstamp',
        'IsDeleted',
    ]) }} as versions
),

masters as (
    select source, r.masterrecordid as survivor_id, list(record_id order by record_id) as merged_ids
    from newest
    where {{ blank_to_null('r.masterrecordid') }} is not null
    group by source, r.masterrecordid
),

organizations as (
    select source, {{ blank_to_null('r.instanceurl') }} as instance_url
    from {{ salesforce_listed('organization', ['InstanceUrl']) }} as listed
)

select
    newest.source,
    newest.record_id as source_company_id,
    {{ blank_to_null('newest.r.name') }} as company_name,
    {{ blank_to_null('newest.r.domain_hash') }} as domain_hash,
    {{ blank_to_null('newest.r.industry') }} as industry,
    {{ blank_to_null('newest.r.billingcountry') }} as country,
    {{ parse_timestamp('newest.r.createddate') }} as created_at,
    {{ parse_timestamp('newest.r.systemmodstamp') }} as updated_at,
    coalesce({{ parse_boolean('newest.r.isdeleted') }}, false) as is_archived,
    case when {{ parse_boolean('newest.r.isdeleted') }} then {{ parse_timestamp('newest.r.systemmodstamp') }} end
        as archived_at,
    coalesce(masters.merged_ids, cast([] as varchar[])) as merged_ids,
    {{ salesforce_url('organizations.instance_url', 'newest.record_id') }} as source_url,
    newest.extracted_at,
    newest.window_id,
    newest.window_seq
from newest
left join masters on newest.source = masters.source and newest.record_id = masters.survivor_id
left join organizations on newest.source = organizations.source
