-- One row per month and pipeline ('all' included) with open deals: at the month's end, the running month at as_of.
with

standing as (
    select {{ month_of('month_end') }} as month, pipeline_key, stage_key, amount, amount_reporting
    from {{ ref('fct_pipeline_month_end') }}
    union all
    select months.month, deals.pipeline_key, deals.stage_key, deals.amount, deals.amount_reporting
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('int_months') }} as months on not months.is_complete_month
    where deals.is_open and not deals.is_deleted and deals.stage_key is not null
),

weighted as (
    select
        standing.*,
        cast(standing.amount_reporting as decimal(28, 2)) * cast(stages.probability as decimal(9, 6)) as weighted_value
    from standing
    left join {{ ref('dim_stages') }} as stages on standing.stage_key = stages.stage_key
)

select
    weighted.month,
    scopes.pipeline_key,
    count(*) as open_opportunities,
    cast(coalesce(sum(weighted.amount_reporting), 0) as decimal(18, 2)) as open_amount,
    cast(coalesce(sum(weighted.weighted_value), 0) as decimal(18, 2)) as crm_weighted_amount,
    count(*) filter (where weighted.amount is not null and weighted.amount_reporting is null) as unconverted_open_count
from weighted
cross join lateral (values (weighted.pipeline_key), ('all')) as scopes (pipeline_key)
group by 1, 2
