-- One row per month, pipeline, stage lost from and reason with losses, and one per month and pipeline without a stage
-- and without a reason, so that months are dense.
with

lost as (
    select
        deal_key, month, pipeline_key, deal_type, {{ blank_to_null('lost_reason') }} as lost_reason, amount_reporting,
        amount_at_close, is_unconverted
    from {{ ref('int_sales_closings') }}
    where outcome = 'lost'
),

-- the last open stage it stood in: what came between, a duplicate or an earlier loss, is not where it was lost
left_stages as (
    select transitions.deal_key, max_by(transitions.to_stage_key, transitions.visit_number) as stage_key
    from {{ ref('fct_stage_transitions') }} as transitions
    inner join {{ ref('dim_stages') }} as stages on transitions.to_stage_key = stages.stage_key
    where stages.stage_category not in ('won', 'lost', 'void')
    group by 1
),

reasons as (
    select
        lost.month,
        lost.pipeline_key,
        left_stages.stage_key as lost_from_stage_key,
        coalesce(lost.lost_reason, 'not given') as lost_reason,
        1 as losses,
        lost.deal_type,
        lost.amount_reporting,
        lost.amount_at_close,
        lost.is_unconverted
    from lost
    left join left_stages on lost.deal_key = left_stages.deal_key
    union all by name
    select month, pipeline_key, 'not given' as lost_reason, 0 as losses
    from {{ ref('int_sales_months') }}
    where not is_rollup
)

select
    reasons.month,
    reasons.pipeline_key,
    reasons.lost_from_stage_key,
    reasons.lost_reason,
    {{ lost_reason_group("nullif(reasons.lost_reason, 'not given')") }} as lost_reason_group,
    cast(sum(reasons.losses) as bigint) as lost_count,
    cast(coalesce(sum(reasons.amount_reporting), 0) as decimal(18, 2)) as lost_amount,
    count(*) filter (where reasons.losses = 1 and reasons.deal_type = 'new_business') as new_business_lost_count,
    cast(
        coalesce(sum(reasons.amount_reporting) filter (where reasons.deal_type = 'new_business'), 0) as decimal(18, 2)
    ) as new_business_lost_amount,
    count(*) filter (where reasons.losses = 1 and reasons.amount_at_close is null) as missing_amount_count,
    count(*) filter (where reasons.is_unconverted) as unconverted_count,
    months.is_complete_month
from reasons
inner join {{ ref('int_months') }} as months on reasons.month = months.month
group by 1, 2, 3, 4, 12
