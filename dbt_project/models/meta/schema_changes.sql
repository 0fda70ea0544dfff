-- One row per change of a property, pipeline or stage that was noticed, with what stands in it at as_of. Uncut by
-- as_of: what was noticed is known, whatever past is shown.
with changes as (
    select
        source, 'stage' as object, stage_key as key, pipeline_key, stage_name as name, kind, value_before, value_after,
        outcome_before, outcome_after, changed_at, window_seq
    from {{ ref('int_stage_changes') }}
    union all by name
    select
        source, 'pipeline' as object, pipeline_key as key, pipeline_key, pipeline_name as name, kind, value_before,
        value_after, window_seq
    from {{ ref('int_pipeline_changes') }}
    union all by name
    select
        source, 'property' as object, property_key as key, property_name as name, kind, value_before, value_after,
        window_seq
    from {{ ref('int_property_changes') }}
),

deals as (
    select
        stage_key,
        pipeline_key,
        is_open,
        coalesce(amount_reporting, 0) as amount
    from {{ ref('dim_deals') }}
    where not is_deleted
),

standing as (
    select
        stage_key as key,
        count(*) as deals,
        sum(amount) as amount,
        count(*) filter (where is_open) as open_deals,
        sum(amount) filter (where is_open) as open_amount
    from deals
    group by stage_key
    union all
    select
        pipeline_key as key,
        count(*) as deals,
        sum(amount) as amount,
        count(*) filter (where is_open) as open_deals,
        sum(amount) filter (where is_open) as open_amount
    from deals
    group by pipeline_key
),

weighed as (
    select
        changes.*,
        coalesce(standing.deals, 0) as deals,
        coalesce(standing.amount, 0) as amount,
        coalesce(standing.open_deals, 0) as open_deals,
        coalesce(standing.open_amount, 0) as open_amount,
        changes.outcome_before <> changes.outcome_after as is_outcome_changed,
        -- not where funnel.yml or stage_map.csv says otherwise, or the flag was changed again since
        case when stages.is_won then 'won' when stages.is_lost then 'lost' else 'open' end
        = changes.outcome_after as is_in_force
    from changes
    left join standing on changes.key = standing.key
    left join {{ ref('dim_stages') }} as stages on changes.key = stages.stage_key
)

select
    weighed.source,
    weighed.object,
    weighed.key,
    weighed.pipeline_key,
    weighed.name,
    weighed.kind,
    weighed.value_before,
    weighed.value_after,
    case
        when weighed.object = 'property' then null
        when weighed.kind <> 'reflagged' or not weighed.is_outcome_changed then weighed.open_deals
        when weighed.is_in_force then weighed.deals
        else 0
    end as affected_deals,
    cast(
        case
            when weighed.object = 'property' then null
            when weighed.kind <> 'reflagged' or not weighed.is_outcome_changed then weighed.open_amount
            when weighed.is_in_force then weighed.amount
            else 0
        end as decimal(18, 2)
    ) as affected_amount_reporting,
    coalesce(weighed.changed_at, windows.extracted_at) as effective_at,
    windows.extracted_at as noticed_at,
    windows.window_id
from weighed
inner join {{ source('raw', '_windows') }} as windows on weighed.window_seq = windows.window_seq
