{#- What every vendor's deal events share: CTEs of a query whose own CTEs are
    - history_events (series, effective_at, sequence, value, first_extracted_at, first_window_seq, origin),
    - property_values (series, version_number, version_count, extracted_at, updated_at, created_at, window_seq, value),
    - deals (source, source_deal_id, window_seq, deal_number), versions of them, absences and merged (loser_id …).
    `series` is a field of a deal as one integer (keys.sql). -#}

{#- The end of each field's history. -#}
{% macro last_told() -%}
last_events as (
    select
        series,
        max(effective_at) as effective_at,
        max_by(sequence, (effective_at, sequence)) as sequence,
        -- no value is '', and max_by would pass over nulls
        nullif(max_by(coalesce(value, ''), (effective_at, sequence)), '') as value
    from history_events
    group by series
),
{%- endmacro %}

{#- The versions beside the history, deletions, merges; ends in `numbered`, every event with its place in its instant. -#}
{% macro events_beside_history() -%}
-- The newest version disagrees with the history: the change was not recorded by the source.
difference_events as (
    select
        property_values.series,
        greatest(property_values.updated_at, last_events.effective_at) as effective_at,
        case
            when property_values.updated_at > last_events.effective_at then 0
            else last_events.sequence + 1
        end as sequence,
        property_values.value,
        property_values.extracted_at as first_extracted_at,
        property_values.window_seq as first_window_seq,
        'object_diff' as origin
    from property_values
    inner join last_events on property_values.series = last_events.series
    where
        property_values.version_number = property_values.version_count
        and property_values.value is distinct from last_events.value
),

-- No history of the field in any version: the versions themselves are the history.
unrecorded as (
    select
        property_values.*,
        lag(property_values.value) over (
            partition by property_values.series
            order by property_values.version_number
        ) as previous_value
    from property_values
    left join last_events on property_values.series = last_events.series
    where last_events.series is null
),

version_events as (
    select
        series,
        max(case when version_number = 1 then created_at else greatest(created_at, updated_at) end) over (
            partition by series
            order by version_number
        ) as effective_at,
        version_number as sequence,
        value,
        extracted_at as first_extracted_at,
        window_seq as first_window_seq,
        case when version_number = 1 then 'synthetic_create' else 'object_diff' end as origin
    from unrecorded
    where value is distinct from previous_value
),

-- Deletion and restoration --------------------------------------------------------------------------------------
lives as (
    select
        *,
        lag(is_archived) over (partition by deal_number order by version_number) as was_archived,
        lag(archived_at) over (partition by deal_number order by version_number) as was_archived_at
    from versions
),

deletion_events as (
    -- Archived, for the first time or (another archivedAt) once more after a restoration between two extractions.
    select
        {{ series_of('deal_number', "'deleted'") }} as series,
        archived_at as effective_at,
        version_number * 2 + 1 as sequence,
        'true' as value,
        extracted_at as first_extracted_at,
        window_seq as first_window_seq,
        'tombstone' as origin
    from lives
    where is_archived and (was_archived is distinct from true or archived_at > was_archived_at)
    union all
    -- Live again; no event says when, but restoring moves the modification time.
    select
        {{ series_of('deal_number', "'deleted'") }} as series,
        case
            when not is_archived then greatest(updated_at, was_archived_at)
            when updated_at > was_archived_at then least(updated_at, archived_at)
            else archived_at
        end as effective_at,
        version_number * 2 as sequence,
        'false' as value,
        extracted_at as first_extracted_at,
        window_seq as first_window_seq,
        'object_diff' as origin
    from lives
    where was_archived and (not is_archived or archived_at > was_archived_at)
    union all
    -- Gone from every list of the source. A later record of the deal shows that it was not, and cancels it.
    select
        {{ series_of('versions.deal_number', "'deleted'") }} as series,
        min(absences.absent_at) as effective_at,
        1000000000 as sequence,
        'true' as value,
        min(absences.extracted_at) as first_extracted_at,
        min(absences.window_seq) as first_window_seq,
        'sweep' as origin
    from absences
    inner join versions
        on
            absences.source = versions.source
            and absences.source_deal_id = versions.source_deal_id
            and versions.version_number = versions.version_count
            and absences.window_seq > versions.window_seq
    where not versions.is_archived
    group by versions.deal_number
),

merge_events as (
    select
        {{ series_of('deals.deal_number', "'merged_into'") }} as series,
        merged.merged_at as effective_at,
        row_number() over (
            partition by deals.deal_number, merged.merged_at
            order by merged.first_window_seq, merged.survivor_id
        ) as sequence,
        {{ deal_key('merged.source', 'merged.survivor_id') }} as value,
        merged.first_extracted_at,
        merged.first_window_seq,
        'object_diff' as origin
    from merged
    inner join deals on merged.source = deals.source and merged.loser_id = deals.source_deal_id
),

-- Together ------------------------------------------------------------------------------------------------------
events as (
    select * from history_events
    union all by name
    select * from difference_events
    union all by name
    select * from version_events
    union all by name
    select * from deletion_events
    union all by name
    select * from merge_events
),

numbered as (
    select
        *,
        {{ deal_number_of('series') }} as deal_number,
        row_number() over (partition by series, effective_at order by sequence) - 1 as place
    from events
)
{%- endmacro %}

{#- CTE: a connection's first full sync, what it brought was true before we were there to see it. -#}
{% macro first_syncs(vendor, stream) -%}
first_syncs as (
    select
        source,
        coalesce(min(window_seq) filter (where kind = 'full'), min(window_seq)) as first_seq
    from {{ source('raw', '_windows') }}
    where vendor = '{{ vendor }}' and stream = '{{ stream }}'
    group by source
),
{%- endmacro %}

{#- The common columns, out of `numbered`, `deals` and `first_syncs`. `is_ambiguous`: condition on `numbered`. -#}
{% macro told_deal_events(is_ambiguous) -%}
select
    deals.source,
    deals.source_deal_id,
    {{ field_of('numbered.series') }} as field,
    numbered.effective_at,
    cast(numbered.place as integer) as sequence,
    numbered.value,
    case
        when numbered.first_window_seq <= first_syncs.first_seq then numbered.effective_at
        else numbered.first_extracted_at
    end as recorded_at,
    numbered.origin,
    {{ is_ambiguous }} as is_order_ambiguous,
    deals.window_seq
from numbered
inner join deals on numbered.deal_number = deals.deal_number
left join first_syncs on deals.source = first_syncs.source
{%- endmacro %}
