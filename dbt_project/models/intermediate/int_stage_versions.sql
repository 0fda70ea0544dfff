-- One row per version of a stage (type 2): renamed, reordered, re-flagged, retired, returned, or put into another
-- category by the seed's effective dates. Uncut by as_of.
with listings as (
    select
        *,
        lag(updated_at) over (partition by stage_key order by window_seq) as previous_updated_at,
        row_number() over (partition by stage_key order by window_seq) as listing_number
    from {{ ref('int_stage_listings') }}
),

-- The stage's own modification time, where it moved; else the snapshot that showed the change.
dated as (
    select
        *,
        max(
            case
                when listing_number = 1 then {{ beginning_of_time() }}
                when updated_at > previous_updated_at then updated_at
                else extracted_at
            end
        ) over (partition by stage_key order by window_seq) as valid_from
    from listings
),

bounded as (
    select
        *,
        lead(valid_from) over (partition by stage_key order by window_seq) as valid_to
    from dated
),

map_dates as (
    select
        source,
        pipeline_id,
        stage_id,
        valid_from as start_date
    from {{ ref('stage_map') }}
    where valid_from is not null
    union
    select
        source,
        pipeline_id,
        stage_id,
        cast(valid_to + interval '1 day' as date) as start_date
    from {{ ref('stage_map') }}
    where valid_to is not null
),

starts as (
    select
        bounded.*,
        bounded.valid_from as start_at
    from bounded
    where bounded.valid_to is null or bounded.valid_to > bounded.valid_from
    union all
    select
        bounded.*,
        {{ start_of_reporting_day('map_dates.start_date') }} as start_at
    from bounded
    inner join map_dates
        on
            bounded.source = map_dates.source
            and bounded.pipeline_id = map_dates.pipeline_id
            and bounded.stage_id = map_dates.stage_id
            and bounded.valid_from < {{ start_of_reporting_day('map_dates.start_date') }}
            and (bounded.valid_to is null or bounded.valid_to > {{ start_of_reporting_day('map_dates.start_date') }})
),

categorised as (
    select
        starts.stage_key,
        starts.pipeline_key,
        starts.stage_name,
        starts.display_order,
        starts.probability,
        starts.is_retired,
        starts.start_at,
        {{ decided_category('configured.stage_category', 'stage_map.stage_category', 'starts') }} as stage_category,
        {{ is_category_inferred('configured.stage_category', 'stage_map.stage_category', 'starts') }}
            as is_category_inferred
    from starts
    left join {{ source('meta', 'configured_stages') }} as configured
        on
            starts.source = configured.source
            and starts.pipeline_id = configured.pipeline_id
            and starts.stage_id = configured.stage_id
    left join {{ ref('stage_map') }} as stage_map
        on
            starts.source = stage_map.source
            and starts.pipeline_id = stage_map.pipeline_id
            and starts.stage_id = stage_map.stage_id
            and {{ is_in_force('stage_map', to_reporting_date('starts.start_at')) }}
),

hashed as (
    select
        *,
        {{ hash_of([
            'stage_name', 'cast(display_order as varchar)', 'cast(probability as varchar)', 'stage_category',
            'cast(is_retired as varchar)'
        ]) }} as content
    from categorised
),

compared as (
    select
        *,
        lag(content) over (partition by stage_key order by start_at) as previous_content
    from hashed
)

select
    stage_key,
    pipeline_key,
    stage_name,
    stage_category,
    is_category_inferred,
    display_order,
    probability,
    stage_category = 'won' as is_won,
    stage_category = 'lost' as is_lost,
    is_retired,
    start_at as valid_from,
    lead(start_at) over (partition by stage_key order by start_at) as valid_to
from compared
where previous_content is null or previous_content <> content
