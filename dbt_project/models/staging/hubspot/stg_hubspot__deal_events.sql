{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source', 'source_deal_id'],
    on_schema_change='fail'
) }}
-- One row per event of a tracked field of a deal, out of all versions ever landed: an event once seen stays, also
-- when a later answer is truncated. Deals with anything new are computed whole; all rows of a deal carry its newest
-- window_seq, which is what the models after this one select by.
{%- set amount = 'amount_property' if var('amount_properties') is mapping and var('amount_properties') else none %}
{%- set properties = var('deal_properties') | select('mapping') | list %}
{%- set asked, tracked = properties or amount, properties | selectattr('tracked') | list %}
with
{% if is_incremental() %}
affected as (
    select
        source,
        source_deal_id
    from {{ ref('stg_hubspot__deal_versions') }}
    where window_seq > {{ seen_up_to() }}
    union
    -- The loser of a merge changed although its own record did not.
    select
        source,
        loser_id
    from {{ ref('stg_hubspot__deal_merges') }}
    where window_seq > {{ seen_up_to() }}
    union
    select
        source,
        {{ json_text('record', '$.object_id') }}
    from {{ source('raw_hubspot', 'hubspot__absences') }}
    where window_seq > {{ seen_up_to() }} and record_id like 'deals:%'
    {%- if asked %}
    union
    select
        source,
        record_id
    from {{ source('raw_hubspot', 'hubspot__deal_properties') }}
    where window_seq > {{ seen_up_to() }}
    {%- endif %}
),
{% endif %}

{{ first_syncs('hubspot', 'deals') }}

version_rows as (
    select
        source,
        source_deal_id,
        extracted_at,
        coalesce(updated_at, extracted_at) as updated_at,
        coalesce(source_created_at, created_at, updated_at, extracted_at) as created_at,
        is_archived,
        coalesce(archived_at, updated_at, extracted_at) as archived_at,
        state_at,
        pipeline_id,
        window_seq,
        part,
        line
    from {{ ref('stg_hubspot__deal_versions') }}
    where
        reject_reason is null
        {% if is_incremental() %}
        and (source, source_deal_id) in (select affected.source, affected.source_deal_id from affected)
        {% endif %}
),

absences as (
    select
        raw_absences.source,
        raw_absences.source_deal_id,
        raw_absences.absent_at,
        raw_absences.extracted_at,
        raw_absences.window_seq
    from (
        select
            source,
            {{ json_text('record', '$.object_id') }} as source_deal_id,
            coalesce({{ parse_timestamp(json_text('record', '$.absent_by')) }}, extracted_at) as absent_at,
            extracted_at,
            window_seq
        from {{ source('raw_hubspot', 'hubspot__absences') }}
        where record_id like 'deals:%'
    ) as raw_absences
    {% if is_incremental() %}
    where (source, source_deal_id) in (select affected.source, affected.source_deal_id from affected)
    {% endif %}
),

merged as (
    select *
    from {{ ref('stg_hubspot__deal_merges') }}
    {% if is_incremental() %}
    where (source, loser_id) in (select affected.source, affected.source_deal_id from affected)
    {% endif %}
),

{%- if asked %}
-- Properties that funnel.yml named later were read alone.
late_answers as ( -- noqa: ST03
    select
        source,
        record_id as source_deal_id,
        extracted_at,
        window_seq,
        {{ json_events('record') }} as r
    from {{ source('raw_hubspot', 'hubspot__deal_properties') }}
    {% if is_incremental() %}
    where (source, record_id) in (select affected.source, affected.source_deal_id from affected)
    {% endif %}
),
{%- endif %}

-- Deals by number: sorting millions of entries by one integer costs half of sorting them by connection, id and field.
deals as (
    select
        source,
        source_deal_id,
        max(window_seq) as window_seq,
        row_number() over (order by source, source_deal_id) as deal_number
    from (
        select source, source_deal_id, window_seq from version_rows
        union all
        select source, source_deal_id, window_seq from absences
        union all
        select source, loser_id, window_seq from merged
        {%- if asked %}
        union all
        -- of a deal that was read before, and not one that was first seen later
        select late_answers.source, late_answers.source_deal_id, late_answers.window_seq
        from late_answers
        semi join version_rows
            on late_answers.source = version_rows.source and late_answers.source_deal_id = version_rows.source_deal_id
        {%- endif %}
    ) as inputs
    group by source, source_deal_id
),

versions as (
    select
        deals.deal_number,
        version_rows.*,
        row_number() over (
            partition by deals.deal_number
            order by version_rows.window_seq, version_rows.state_at, version_rows.part, version_rows.line
        ) as version_number,
        count(*) over (partition by deals.deal_number) as version_count
        {%- if asked %},
        lead(version_rows.window_seq) over (
            partition by deals.deal_number
            order by version_rows.window_seq, version_rows.state_at, version_rows.part, version_rows.line
        ) as next_seq
        {%- endif %}
    from version_rows
    inner join deals
        on version_rows.source = deals.source and version_rows.source_deal_id = deals.source_deal_id
),

parsed as (
    select
        versions.deal_number,
        versions.version_number,
        versions.version_count,
        versions.extracted_at,
        versions.updated_at,
        versions.created_at,
        versions.window_seq,
        {%- if asked %}
        versions.source,
        versions.next_seq,
        {%- endif %}
        {{ json_events('raw_deals.record') }} as r
    from versions
    inner join {{ source('raw_hubspot', 'hubspot__deals') }} as raw_deals
        on
            versions.window_seq = raw_deals.window_seq
            and versions.part = raw_deals.part
            and versions.line = raw_deals.line
),

{%- if asked %}

-- What was read alone belongs to the version that was the newest then; of one property the last answer counts.
answers as (
    select
        parsed.deal_number,
        parsed.version_number,
        parsed.version_count,
        late_answers.extracted_at,
        parsed.updated_at,
        parsed.created_at,
        late_answers.window_seq,
        parsed.source,
        late_answers.r
    from parsed
    inner join versions on parsed.deal_number = versions.deal_number and parsed.version_number = versions.version_number
    inner join late_answers
        on
            versions.source = late_answers.source
            and versions.source_deal_id = late_answers.source_deal_id
            and versions.window_seq < late_answers.window_seq
            and (versions.next_seq is null or versions.next_seq > late_answers.window_seq)
    union all
    select
        deal_number,
        version_number,
        version_count,
        extracted_at,
        updated_at,
        created_at,
        window_seq,
        source,
        r
    from parsed
),

amounts as (
    select
        deal_number,
        {{ amount_property_of('source', 'pipeline_id') }} as amount_property
    from versions
    where version_number = version_count
),
{%- endif %}

-- History entries of every version ------------------------------------------------------------------------------
{{ 'told_histories' if asked else 'histories' }} as (
    select
        deal_number,
        version_number,
        version_count,
        extracted_at,
        window_seq,
        {%- if asked %}
        source,
        {%- endif %}
        {{ explode('map_entries(r.propertiesWithHistory)', 'history') }}
    from {{ 'answers' if asked else 'parsed' }}
),

{%- if asked %}

histories as (
    select
        told_histories.*,
        amounts.amount_property
    from told_histories
    inner join amounts on told_histories.deal_number = amounts.deal_number
    qualify row_number() over (
        partition by told_histories.deal_number, told_histories.version_number, told_histories.history.key
        order by told_histories.window_seq desc
    ) = 1
),
{%- endif %}

entries as (
    select
        deal_number,
        version_number,
        version_count,
        extracted_at,
        window_seq,
        {{ hubspot_deal_field('history.key', amount) }} as field,
        {{ explode_positions('history.value', 'entry') }}
    from histories
    where {{ hubspot_deal_field('history.key', amount) }} is not null
    {%- if tracked %}
    union all
    select
        deal_number,
        version_number,
        version_count,
        extracted_at,
        window_seq,
        {{ hubspot_tracked_field('history.key', 'source') }} as field,
        {{ explode_positions('history.value', 'entry') }}
    from histories
    where {{ hubspot_tracked_field('history.key', 'source') }} is not null
    {%- endif %}
),

typed as (
    select
        {{ series_of('deal_number', 'field') }} as series,
        version_number,
        version_count,
        extracted_at,
        window_seq,
        entry_position,
        {{ parse_timestamp('entry.timestamp') }} as effective_at,
        {{ blank_to_null('entry.value') }} as value_text,
        {{ hubspot_field_value('field', blank_to_null('entry.value')) }} as value
    from entries
),

-- Several changes can share one millisecond: (series, timestamp) is a tie group, ordered by the position in the list.
-- Of each group the version that shows most of it counts, the newest on equality (a truncated answer shows less).
counted as (
    select
        *,
        count(*) over (partition by series, effective_at, version_number) as group_size,
        min(extracted_at) over (partition by series, effective_at, value) as first_extracted_at,
        min(window_seq) over (partition by series, effective_at, value) as first_window_seq
    from typed
    -- An entry with a bad timestamp or number is rejected by itself (stg_hubspot__rejected_deals), the rest is kept.
    where version_count > 1 and effective_at is not null and (value is not null or value_text is null)
),

chosen as (
    select
        *,
        first_value(version_number) over (
            partition by series, effective_at
            order by group_size desc, version_number desc
        ) as chosen_version
    from counted
),

history_events as (
    select
        series,
        effective_at,
        -entry_position as sequence,
        value,
        first_extracted_at,
        first_window_seq,
        'history_api' as origin
    from chosen
    where version_number = chosen_version
    union all
    -- With one version there is nothing to choose from.
    select
        series,
        effective_at,
        -entry_position as sequence,
        value,
        extracted_at as first_extracted_at,
        window_seq as first_window_seq,
        'history_api' as origin
    from typed
    where version_count = 1 and effective_at is not null and (value is not null or value_text is null)
),

-- The object's own values beside the history --------------------------------------------------------------------
{{ last_told() }}

{{ 'told_properties' if asked else 'properties' }} as (
    select
        deal_number,
        version_number,
        version_count,
        extracted_at,
        updated_at,
        created_at,
        window_seq,
        {%- if asked %}
        source,
        {%- endif %}
        {{ explode('map_entries(r.properties)', 'property') }}
    from {{ 'answers' if asked else 'parsed' }}
),

{%- if asked %}

properties as (
    select
        told_properties.*,
        amounts.amount_property
    from told_properties
    inner join amounts on told_properties.deal_number = amounts.deal_number
    qualify row_number() over (
        partition by told_properties.deal_number, told_properties.version_number, told_properties.property.key
        order by told_properties.window_seq desc
    ) = 1
),
{%- endif %}

-- A property that the answer lacks altogether (removed at the source) has no row here: that is no change of the deal.
fields as (
    select
        *,
        {{ hubspot_deal_field('property.key', amount) }} as field
    from properties
    where {{ hubspot_deal_field('property.key', amount) }} is not null
    {%- if tracked %}
    union all
    select
        *,
        {{ hubspot_tracked_field('property.key', 'source') }} as field
    from properties
    where {{ hubspot_tracked_field('property.key', 'source') }} is not null
    {%- endif %}
),

property_values as (
    select
        {{ series_of('deal_number', 'field') }} as series,
        version_number,
        version_count,
        extracted_at,
        updated_at,
        created_at,
        window_seq,
        {{ hubspot_field_value('field', blank_to_null('property.value')) }} as value
    from fields
),

{{ events_beside_history() }}

-- HubSpot's lists are ordered, also within one millisecond.
{{ told_deal_events('false') }}
