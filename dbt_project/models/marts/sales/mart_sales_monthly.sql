-- One row per month, pipeline, owner, team, deal type and original source with anything in it, and one per month and
-- pipeline without owner, team, type and source, so that months are dense. All columns add up; leads have no pipeline.
with

-- summed before the rest: there are as many rows as open deals at every month's end
standing as (
    select
        standing.month, standing.pipeline_key, standing.owner_key, deals.deal_type, deals.original_source,
        count(*) as open_opportunities,
        sum(standing.amount_reporting) as open_amount,
        sum(standing.crm_weighted_amount) as crm_weighted_amount,
        count(*) filter (where standing.is_unconverted) as unconverted_open_count,
        count(*) filter (where standing.is_fulfilment) as fulfilment_count,
        sum(standing.amount_reporting) filter (where standing.is_fulfilment) as fulfilment_amount
    from {{ ref('int_sales_open') }} as standing
    inner join {{ ref('dim_deals') }} as deals on standing.deal_key = deals.deal_key
    group by 1, 2, 3, 4, 5
),

facts as (
    select
        'created' as kind, {{ to_reporting_month('created_at') }} as month, pipeline_key,
        owner_key_at_creation as owner_key, created_at as owned_at, deal_type, original_source,
        import_batch_id is not null as is_imported
    from {{ ref('dim_deals') }}
    where not is_deleted and created_at < {{ as_of() }} and pipeline_key is not null
    union all by name
    select
        'closed' as kind, month, pipeline_key, owner_key, closed_at as owned_at, deal_type, original_source,
        outcome, is_sized, is_unconverted, amount_at_close, amount_reporting, amount_plan, cycle_microseconds
    from {{ ref('int_sales_closings') }}
    union all by name
    select
        'open' as kind, months.seen_at - interval '1 microsecond' as owned_at, standing.*
    from standing
    inner join {{ ref('int_months') }} as months on standing.month = months.month
    union all by name
    select
        'weighted' as kind, weighted.month, weighted.pipeline_key, weighted.owner_key,
        months.seen_at - interval '1 microsecond' as owned_at, weighted.deal_type, weighted.original_source,
        weighted.weighted_amount
    from {{ ref('int_forecast_weighted') }} as weighted
    inner join {{ ref('int_months') }} as months on weighted.month = months.month
    union all by name
    select
        'lead' as kind, {{ to_reporting_month('leads.created_at') }} as month, creations.owner_key,
        leads.created_at as owned_at, leads.original_source
    from {{ ref('dim_leads') }} as leads
    left join {{ ref('int_lead_creations') }} as creations on leads.lead_key = creations.lead_key
    union all by name
    select 'none' as kind, month, pipeline_key
    from {{ ref('int_sales_months') }}
    where not is_rollup
),

placed as (
    select facts.*, owners.team_key
    from facts
    left join {{ ref('dim_owners_history') }} as owners
        on facts.owner_key = owners.owner_key and facts.owned_at >= owners.valid_from
        and (owners.valid_to is null or facts.owned_at < owners.valid_to)
),

summed as (
    select
        month, pipeline_key, owner_key, team_key, deal_type, original_source,
        count(*) filter (where kind = 'lead') as new_leads,
        count(*) filter (where kind = 'created' and not is_imported) as new_deals,
        count(*) filter (where kind = 'created' and is_imported) as imported_deals,
        count(*) filter (where outcome = 'won') as won_count,
        count(*) filter (where outcome = 'lost') as lost_count,
        count(*) filter (where outcome = 'void') as void_count,
        sum(amount_reporting) filter (where outcome = 'won') as won_amount,
        sum(amount_reporting) filter (where outcome = 'lost') as lost_amount,
        sum(amount_reporting) filter (where outcome = 'won' and amount_reporting > 0) as won_amount_positive,
        sum(amount_reporting) filter (where outcome in ('won', 'lost') and amount_reporting > 0)
            as closed_amount_positive,
        sum(amount_plan) filter (where is_sized) as won_amount_plan,
        count(amount_plan) filter (where is_sized) as won_count_positive,
        count(*) filter (where outcome = 'won' and amount_at_close = 0) as zero_amount_won_count,
        count(*) filter (where outcome = 'won' and amount_at_close is null) as missing_amount_won_count,
        count(*) filter (where kind = 'closed' and is_unconverted) as unconverted_count,
        sum(cycle_microseconds) filter (where outcome = 'won') as cycle_microseconds,
        count(cycle_microseconds) filter (where outcome = 'won') as cycle_count,
        cast(coalesce(sum(open_opportunities), 0) as bigint) as open_opportunities,
        sum(open_amount) as open_amount,
        sum(weighted_amount) as weighted_amount,
        sum(crm_weighted_amount) as crm_weighted_amount,
        cast(coalesce(sum(unconverted_open_count), 0) as bigint) as unconverted_open_count,
        cast(coalesce(sum(fulfilment_count), 0) as bigint) as fulfilment_count,
        sum(fulfilment_amount) as fulfilment_amount
    from placed
    group by 1, 2, 3, 4, 5, 6
)

select
    summed.month,
    months.month_end,
    summed.pipeline_key,
    summed.owner_key,
    summed.team_key,
    owners.team_key as team_now,
    summed.deal_type,
    summed.original_source,
    summed.new_leads,
    summed.new_deals,
    summed.imported_deals,
    summed.won_count,
    summed.lost_count,
    summed.void_count,
    {%- for column in ['won_amount', 'lost_amount', 'won_amount_positive', 'closed_amount_positive',
        'won_amount_plan'] %}
    cast(coalesce(summed.{{ column }}, 0) as decimal(18, 2)) as {{ column }},
    {%- endfor %}
    summed.won_count_positive,
    summed.zero_amount_won_count,
    summed.missing_amount_won_count,
    summed.unconverted_count,
    cast(coalesce(summed.cycle_microseconds, 0) as double) / 86400000000 as cycle_days_sum,
    summed.cycle_count,
    summed.open_opportunities,
    cast(coalesce(summed.open_amount, 0) as decimal(18, 2)) as open_amount,
    -- null where the forecast has no view of that month: before its first vintage
    cast(
        case when summed.month in (select known.month from {{ ref('int_forecast_weighted') }} as known)
            then coalesce(summed.weighted_amount, 0) end as decimal(18, 2)
    ) as weighted_amount,
    cast(coalesce(summed.crm_weighted_amount, 0) as decimal(18, 2)) as crm_weighted_amount,
    summed.unconverted_open_count,
    summed.fulfilment_count,
    cast(coalesce(summed.fulfilment_amount, 0) as decimal(18, 2)) as fulfilment_amount,
    months.is_complete_month
from summed
inner join {{ ref('int_months') }} as months on summed.month = months.month
left join {{ ref('dim_owners') }} as owners on summed.owner_key = owners.owner_key
