-- One row per month of creation and pipeline ('all' included): how many deals were created, and the Kaplan-Meier median
-- of their days from creation to closing with any outcome. Deals still open are censored at as_of, void ones when they
-- were set aside: dropping them would make growth look like speed. Null until half of the cohort is expected to have
-- closed; of new business alone beside it. Deals of a bulk import are counted apart and in no median.
with

lives as (
    select
        {{ to_reporting_month('deals.created_at') }} as month,
        scopes.pipeline_key,
        {{ days_from_zero('deals.created_at', 'coalesce(deals.closed_at, ' ~ as_of() ~ ')') }} as days,
        cast(deals.outcome in ('won', 'lost') as integer) as is_closed,
        deals.deal_type = 'new_business' as is_new_business,
        deals.import_batch_id is not null as is_imported
    from {{ ref('dim_deals') }} as deals
    cross join lateral (values (deals.pipeline_key), ('all')) as scopes (pipeline_key)
    -- a hand-typed creation date can lie before the deal was in any pipeline at as_of: it counts once it is in one
    where not deals.is_deleted and deals.created_at < {{ as_of() }} and deals.pipeline_key is not null
),

cycles as (
    select month, pipeline_key, days, is_closed as is_event
    from lives
    where not is_imported
),

survival as (
    {{ kaplan_meier('cycles', ['month', 'pipeline_key']) }}
),

medians as (
    select month, pipeline_key, {{ km_quantile(0.5) }} as km_sales_cycle_days
    from survival
    group by month, pipeline_key
),

fresh as (
    select month, pipeline_key, days, is_closed as is_event
    from lives
    where not is_imported and is_new_business
),

fresh_survival as (
    {{ kaplan_meier('fresh', ['month', 'pipeline_key']) }}
),

fresh_medians as (
    select month, pipeline_key, {{ km_quantile(0.5) }} as new_business_km_sales_cycle_days
    from fresh_survival
    group by month, pipeline_key
),

counts as (
    select
        month, pipeline_key,
        count(*) filter (where not is_imported) as new_deals,
        count(*) filter (where is_imported) as imported_deals
    from lives
    group by month, pipeline_key
)

select
    counts.month, counts.pipeline_key, medians.km_sales_cycle_days, fresh_medians.new_business_km_sales_cycle_days,
    counts.new_deals, counts.imported_deals
from counts
left join medians on counts.month = medians.month and counts.pipeline_key = medians.pipeline_key
left join fresh_medians on counts.month = fresh_medians.month and counts.pipeline_key = fresh_medians.pipeline_key
