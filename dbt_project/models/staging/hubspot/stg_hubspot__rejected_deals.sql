-- One row per deal record that did not parse (its previous good version is used instead), and per history entry of
-- a deal's newest version that did not (left out by itself, the rest is kept).
with versions as (
    select
        *,
        row_number() over (
            partition by source, source_deal_id
            order by window_seq desc, state_at desc, part desc, line desc
        ) as age
    from {{ ref('stg_hubspot__deal_versions') }}
),

records as (
    select
        versions.source,
        versions.source_deal_id,
        versions.reject_reason,
        versions.age,
        versions.window_id,
        versions.window_seq,
        versions.extracted_at,
        raw_deals.record
    from versions
    inner join {{ source('raw_hubspot', 'hubspot__deals') }} as raw_deals
        on
            versions.source = raw_deals.source
            and versions.source_deal_id = raw_deals.record_id
            and versions.window_seq = raw_deals.window_seq
            and versions.part = raw_deals.part
            and versions.line = raw_deals.line
    where versions.age = 1 or versions.reject_reason is not null
),

histories as (
    select
        source,
        source_deal_id,
        window_id,
        window_seq,
        extracted_at,
        {{ json_events('record') }} as r
    from records
    where age = 1 and reject_reason is null
),

properties as (
    select
        source,
        source_deal_id,
        window_id,
        window_seq,
        extracted_at,
        {{ explode('map_entries(r.propertiesWithHistory)', 'history') }}
    from histories
),

entries as (
    select
        source,
        source_deal_id,
        window_id,
        window_seq,
        extracted_at,
        history.key as property,
        {{ hubspot_deal_field('history.key') }} as field,
        {{ explode('history.value', 'entry') }}
    from properties
    where {{ hubspot_deal_field('history.key') }} is not null
)

select
    source,
    'deals' as stream,
    source_deal_id as record_id,
    reject_reason as reason,
    -- A newer version has arrived since, so that the reject no longer costs anything.
    age > 1 as is_superseded,
    window_id,
    window_seq,
    extracted_at,
    cast(record as varchar) as record
from records
where reject_reason is not null
union all
select
    source,
    'deals' as stream,
    source_deal_id as record_id,
    case
        when {{ parse_timestamp('entry.timestamp') }} is null
            then 'history entry of ' || property || ': timestamp is not a date'
        else 'history entry of ' || property || ': value does not parse'
    end as reason,
    false as is_superseded,
    window_id,
    window_seq,
    extracted_at,
    cast(entry as varchar) as record
from entries
where
    {{ parse_timestamp('entry.timestamp') }} is null
    or (
        {{ blank_to_null('entry.value') }} is not null
        and {{ hubspot_field_value('field', blank_to_null('entry.value')) }} is null
    )
