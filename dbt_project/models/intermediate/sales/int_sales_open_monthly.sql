-- One row per month and pipeline ('all' included) with open deals: at the month's end, the running month at as_of.
select
    standing.month,
    scopes.pipeline_key,
    count(*) as open_opportunities,
    cast(coalesce(sum(standing.amount_reporting), 0) as decimal(18, 2)) as open_amount,
    cast(coalesce(sum(standing.crm_weighted_amount), 0) as decimal(18, 2)) as crm_weighted_amount,
    count(*) filter (where standing.is_unconverted) as unconverted_open_count,
    count(*) filter (where standing.is_fulfilment) as fulfilment_count,
    cast(coalesce(sum(standing.amount_reporting) filter (where standing.is_fulfilment), 0) as decimal(18, 2))
        as fulfilment_amount
from {{ ref('int_sales_open') }} as standing
cross join lateral (values (standing.pipeline_key), ('all')) as scopes (pipeline_key)
group by 1, 2
