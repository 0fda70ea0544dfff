-- One row per stage and snapshot of its connection's pipelines since the stage was first listed: as it was listed
-- then, or (gone from the list, or archived) as it was listed last, is_retired.
with listings as (
    {{ union_vendors(
        'stages',
        columns='source, pipeline_id, stage_id, stage_name, display_order, list_position, probability, is_won, is_lost, '
            ~ 'is_archived, updated_at, extracted_at, window_seq'
    ) }}
),

ordered as (
    select
        *,
        row_number() over (
            partition by source, pipeline_id, window_seq
            order by display_order asc nulls last, list_position asc, stage_id asc
        ) as stage_order,
        count(*) filter (where not is_won and not is_lost) over (
            partition by source, pipeline_id, window_seq
        ) as open_stages,
        count(*) filter (where not is_won and not is_lost) over (
            partition by source, pipeline_id, window_seq
            order by display_order asc nulls last, list_position asc, stage_id asc
            rows between unbounded preceding and current row
        ) as open_stages_so_far,
        count(*) filter (where is_won) over (
            partition by source, pipeline_id, window_seq
            order by display_order asc nulls last, list_position asc, stage_id asc
            rows between unbounded preceding and current row
        ) as won_stages_so_far
    from listings
),

categorised as (
    select
        *,
        {{ infer_open_category(
            'stage_name',
            'probability',
            '(open_stages_so_far / cast(open_stages + 1 as double))',
            'won_stages_so_far > 0'
        ) }} as inferred_category
    from ordered
),

snapshots as (
    select
        source,
        window_seq,
        min(extracted_at) as extracted_at
    from listings
    group by source, window_seq
),

stages as (
    select
        source,
        pipeline_id,
        stage_id,
        min(window_seq) as first_window_seq
    from listings
    group by source, pipeline_id, stage_id
),

grid as (
    select
        stages.source,
        stages.pipeline_id,
        stages.stage_id,
        snapshots.window_seq,
        snapshots.extracted_at,
        categorised.stage_id is null as is_absent,
        {{ last_known(
            'categorised.window_seq',
            'partition by stages.source, stages.pipeline_id, stages.stage_id order by snapshots.window_seq'
        ) }} as listed_window_seq,
        max(snapshots.window_seq) over (partition by stages.source) as latest_window_seq
    from stages
    inner join snapshots
        on stages.source = snapshots.source and stages.first_window_seq <= snapshots.window_seq
    left join categorised
        on
            stages.source = categorised.source
            and stages.pipeline_id = categorised.pipeline_id
            and stages.stage_id = categorised.stage_id
            and snapshots.window_seq = categorised.window_seq
)

select
    {{ stage_key('grid.source', 'grid.pipeline_id', 'grid.stage_id') }} as stage_key,
    {{ pipeline_key('grid.source', 'grid.pipeline_id') }} as pipeline_key,
    grid.source,
    grid.pipeline_id,
    grid.stage_id,
    categorised.stage_name,
    categorised.display_order,
    categorised.stage_order,
    categorised.probability,
    categorised.is_won,
    categorised.is_lost,
    categorised.inferred_category,
    categorised.updated_at,
    grid.is_absent or categorised.is_archived as is_retired,
    grid.listed_window_seq,
    grid.window_seq,
    grid.extracted_at,
    grid.window_seq = grid.latest_window_seq as is_latest
from grid
inner join categorised
    on
        grid.source = categorised.source
        and grid.pipeline_id = categorised.pipeline_id
        and grid.stage_id = categorised.stage_id
        and grid.listed_window_seq = categorised.window_seq
