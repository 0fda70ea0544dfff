-- One row per deal or lead that came with a bulk import, with the batch it came in: the source's own import id where
-- there is one; else, of records that an import or an integration made, those of a burst (thresholds: vars
-- import_burst_records and import_burst_minutes of dbt_project.yml). Uncut by as_of.
{%- set reach = (var('import_burst_minutes') | int) * 60000000 %}
with records as (
    select
        'deal' as record_kind,
        deal_key as record_key,
        source,
        coalesce(source_created_at, created_at) as created_at,
        object_source,
        object_source_id,
        object_source_detail
    from {{ ref('int_deals') }}
    union all
    select
        'lead' as record_kind,
        lead_key as record_key,
        source,
        coalesce(source_created_at, created_at) as created_at,
        object_source,
        object_source_id,
        object_source_detail
    from {{ ref('int_leads') }}
),

-- What an import names is a batch, however small. An integration's id names the integration, not the batch.
imported as (
    select
        record_kind,
        record_key,
        {{ hash_of(['source', 'record_kind', 'object_source', 'object_source_id', 'object_source_detail']) }} as maker,
        {{ epoch_us('created_at') }} as created_us,
        source,
        case when object_source = 'IMPORT' then object_source_id end as import_id
    from records
    where object_source in ('IMPORT', 'INTEGRATION', 'API') and created_at is not null
),

counted as (
    select
        *,
        count(*) over (
            partition by maker order by created_us range between {{ reach }} preceding and {{ reach }} following
        ) as neighbours
    from imported
    where import_id is null
),

-- A pause as long as the reach ends a burst.
begun as (
    select
        *,
        coalesce(
            created_us - lag(created_us) over (partition by maker order by created_us, record_key) > {{ reach }},
            true
        ) as is_beginning
    from counted
    where neighbours >= {{ var('import_burst_records') }}
),

bursts as (
    select
        *,
        sum(cast(is_beginning as integer)) over (
            partition by maker order by created_us, record_key rows between unbounded preceding and current row
        ) as burst_number
    from begun
)

select
    record_kind,
    record_key,
    {{ entity_key('source', 'import_id') }} as import_batch_id
from imported
where import_id is not null
union all
select
    record_kind,
    record_key,
    source
    || ':burst-'
    || cast(cast(min(created_us) over (partition by maker, burst_number) / 1000 as bigint) as varchar)
    || '-'
    || substr(maker, 1, 6) as import_batch_id
from bursts
