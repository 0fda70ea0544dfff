-- One row per month and pipeline ('all' included) with open deals: at the month's end, the running month at as_of.
-- Summed by pipeline first: 'all' adds up some rows, not every deal once more.
with pipelines as (
    select
        month,
        pipeline_key,
        count(*) as open_opportunities,
        sum(amount_reporting) as open_amount,
        sum(crm_weighted_amount) as crm_weighted_amount,
        count(*) filter (where is_unconverted) as unconverted_open_count,
        count(*) filter (where is_fulfilment) as fulfilment_count,
        sum(amount_reporting) filter (where is_fulfilment) as fulfilment_amount
    from {{ ref('int_sales_open') }}
    group by 1, 2
)

select
    pipelines.month,
    scopes.pipeline_key,
    cast(sum(pipelines.open_opportunities) as bigint) as open_opportunities,
    cast(coalesce(sum(pipelines.open_amount), 0) as decimal(18, 2)) as open_amount,
    cast(coalesce(sum(pipelines.crm_weighted_amount), 0) as decimal(18, 2)) as crm_weighted_amount,
    cast(sum(pipelines.unconverted_open_count) as bigint) as unconverted_open_count,
    cast(sum(pipelines.fulfilment_count) as bigint) as fulfilment_count,
    cast(coalesce(sum(pipelines.fulfilment_amount), 0) as decimal(18, 2)) as fulfilment_amount
from pipelines
cross join lateral (values (pipelines.pipeline_key), ('all')) as scopes (pipeline_key)
group by 1, 2
