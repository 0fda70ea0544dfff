-- One row per (survivor, loser) that a survivor's hs_merged_object_ids ever listed, with the instant of the merge.
-- Losers are in no list of the API any more: this is the only trace of them.
with runs as (
    select
        window_seq,
        {{ parse_timestamp(json_text('details', '$.as_of')) }} as as_of
    from {{ source('raw', '_windows') }}
    where vendor = 'hubspot' and stream = 'deals'
),

versions as (
    select
        told.source,
        told.source_deal_id,
        told.merged_ids,
        -- Modified while the run that read it began: dated just before its as-of, as absent_by dates purges, so that
        -- the losers are merged in the run that knows of it. Well after as-of a past is replayed: the date stands.
        case
            when told.updated_at >= runs.as_of and told.updated_at < runs.as_of + interval '1 hour'
                then runs.as_of - interval '1 millisecond'
            else coalesce(told.updated_at, told.extracted_at)
        end as updated_at,
        told.extracted_at,
        told.window_seq,
        told.part,
        told.line
    from {{ ref('stg_hubspot__deal_versions') }} as told
    left join runs on told.window_seq = runs.window_seq
    where told.merged_ids is not null and told.reject_reason is null
),

parsed as (
    select
        versions.source,
        versions.source_deal_id,
        versions.extracted_at,
        versions.window_seq,
        {{ json_events('raw_deals.record') }} as r
    from versions
    inner join {{ source('raw_hubspot', 'hubspot__deals') }} as raw_deals
        on
            versions.source = raw_deals.source
            and versions.source_deal_id = raw_deals.record_id
            and versions.window_seq = raw_deals.window_seq
            and versions.part = raw_deals.part
            and versions.line = raw_deals.line
),

history as (
    select
        source,
        source_deal_id,
        extracted_at,
        window_seq,
        {{ explode("r.propertiesWithHistory['hs_merged_object_ids']", 'entry') }}
    from parsed
),

listings as (
    select
        source,
        source_deal_id,
        extracted_at,
        window_seq,
        merged_ids,
        updated_at as property_at,
        cast(null as timestamptz) as history_at
    from versions
    union all
    select
        source,
        source_deal_id,
        extracted_at,
        window_seq,
        entry.value as merged_ids,
        cast(null as timestamptz) as property_at,
        {{ parse_timestamp('entry.timestamp') }} as history_at
    from history
),

pairs as (
    select
        source,
        source_deal_id as survivor_id,
        extracted_at,
        window_seq,
        property_at,
        history_at,
        {{ explode(split_list('merged_ids'), 'loser') }}
    from listings
)

select
    source,
    trim(loser) as loser_id,
    survivor_id,
    -- The history entry that first lists the loser; a portal that gives no history: the first version that did.
    coalesce(min(history_at), min(property_at)) as merged_at,
    min(extracted_at) as first_extracted_at,
    min(window_seq) as first_window_seq,
    max(window_seq) as window_seq
from pairs
where trim(loser) <> '' and trim(loser) <> survivor_id
group by source, trim(loser), survivor_id
