-- One row per change of a stage that two successive lists of its connection's pipelines show. The first list of a
-- connection is no change. Uncut by as_of.
with listings as (
    select
        *,
        min(window_seq) over (partition by source) as first_window_seq,
        row_number() over (partition by stage_key order by window_seq) as listing_number,
        lag(stage_name) over (partition by stage_key order by window_seq) as name_before,
        lag(stage_order) over (partition by stage_key order by window_seq) as order_before,
        lag(probability) over (partition by stage_key order by window_seq) as probability_before,
        lag(is_won) over (partition by stage_key order by window_seq) as was_won,
        lag(is_lost) over (partition by stage_key order by window_seq) as was_lost,
        lag(updated_at) over (partition by stage_key order by window_seq) as updated_before,
        coalesce(lag(is_retired) over (partition by stage_key order by window_seq), true) as was_retired
    from {{ ref('int_stage_listings') }}
),

-- A stage that comes or goes shifts those behind it: only the order among those in both lists tells who moved.
placed as (
    select
        *,
        not is_retired and not was_retired as is_in_both,
        rank() over (
            partition by pipeline_key, window_seq, not is_retired and not was_retired
            order by stage_order asc
        ) as place_after,
        rank() over (
            partition by pipeline_key, window_seq, not is_retired and not was_retired
            order by order_before asc
        ) as place_before,
        case when is_won then 'won' when is_lost then 'lost' else 'open' end as outcome_after,
        case when was_won then 'won' when was_lost then 'lost' else 'open' end as outcome_before,
        -- the source's own time of the change, where it tells one, as in int_stage_versions
        case when updated_at > updated_before then updated_at else extracted_at end as changed_at
    from listings
),

changes as (
    select
        *,
        'added' as kind,
        cast(null as varchar) as value_before,
        stage_name as value_after
    from placed
    where was_retired and not is_retired and window_seq > first_window_seq
    union all
    select
        *,
        'retired' as kind,
        stage_name as value_before,
        cast(null as varchar) as value_after
    from placed
    where not was_retired and is_retired
    union all
    select
        *,
        'renamed' as kind,
        name_before as value_before,
        stage_name as value_after
    from placed
    where is_in_both and name_before <> stage_name
    union all
    select
        *,
        'reordered' as kind,
        cast(place_before as varchar) as value_before,
        cast(place_after as varchar) as value_after
    from placed
    where is_in_both and place_before <> place_after
    union all
    select
        *,
        'reflagged' as kind,
        outcome_before || coalesce(', probability ' || cast(probability_before as varchar), '') as value_before,
        outcome_after || coalesce(', probability ' || cast(probability as varchar), '') as value_after
    from placed
    where is_in_both and (outcome_before <> outcome_after or probability_before is distinct from probability)
)

select
    source,
    stage_key,
    pipeline_key,
    stage_name,
    kind,
    value_before,
    value_after,
    outcome_before,
    outcome_after,
    case when kind in ('added', 'retired') then extracted_at else changed_at end as changed_at,
    window_seq
from changes
