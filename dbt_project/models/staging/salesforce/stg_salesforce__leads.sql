{{ config(materialized='table') }}
-- One row per lead ever seen: its newest version. A merged-away one names its master; the common columns have it the
-- other way round.
with newest as (
    select *
    from {{ salesforce_newest('leads', [
        'Status', 'OwnerId', 'LeadSource', 'email_hash', 'ConvertedAccountId', 'MasterRecordId', 'CreatedDate',
        'SystemModstamp', 'IsDeleted',
    ]) }} as versions
),

typed as (
    select
        *,
        {{ parse_timestamp('r.createddate') }} as created_at,
        {{ parse_timestamp('r.systemmodstamp') }} as updated_at,
        coalesce({{ parse_boolean('r.isdeleted') }}, false) as is_archived
    from newest
),

masters as (
    select
        source,
        r.masterrecordid as survivor_id,
        list(record_id order by record_id) as merged_ids,
        list(updated_at order by record_id) as merged_times
    from typed
    where {{ blank_to_null('r.masterrecordid') }} is not null
    group by source, r.masterrecordid
),

organizations as (
    select source, {{ blank_to_null('r.instanceurl') }} as instance_url
    from {{ salesforce_listed('organization', ['InstanceUrl']) }} as listed
)

select
    typed.source,
    typed.record_id as source_lead_id,
    typed.created_at,
    typed.created_at as source_created_at,
    typed.updated_at,
    {{ blank_to_null('typed.r.status') }} as lifecycle_stage,
    {{ blank_to_null('typed.r.status') }} as lead_status,
    {{ blank_to_null('typed.r.ownerid') }} as owner_id,
    {{ blank_to_null('typed.r.leadsource') }} as original_source,
    cast(null as varchar) as original_source_detail,
    cast(null as varchar) as latest_source,
    cast(null as varchar) as object_source,
    cast(null as varchar) as object_source_id,
    cast(null as varchar) as object_source_detail,
    {{ blank_to_null('typed.r.convertedaccountid') }} as company_id,
    {{ blank_to_null('typed.r.email_hash') }} as person_hash,
    typed.is_archived,
    case when typed.is_archived then typed.updated_at end as archived_at,
    coalesce(masters.merged_ids, cast([] as varchar[])) as merged_ids,
    {{ salesforce_url('organizations.instance_url', 'typed.record_id') }} as source_url,
    typed.extracted_at,
    typed.window_id,
    typed.window_seq,
    coalesce(masters.merged_times, cast([] as timestamptz[])) as merged_times
from typed
left join masters on typed.source = masters.source and typed.record_id = masters.survivor_id
left join organizations on typed.source = organizations.source
where typed.created_at is not null
