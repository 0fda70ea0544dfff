-- One row per month and pipeline, and one per month with pipeline_key 'all' (is_rollup): never sum the two together.
with

weighted as (
    select month, pipeline_key, sum(weighted_amount) as weighted_amount
    from {{ ref('int_forecast_weighted') }}
    group by 1, 2
    union all by name
    select month, 'all' as pipeline_key, sum(weighted_amount) as weighted_amount
    from {{ ref('int_forecast_weighted') }}
    group by 1
),

figures as (
    select
        scopes.month, scopes.month_end, scopes.pipeline_key, scopes.is_rollup, scopes.is_complete_month,
        case when scopes.is_rollup then coalesce(leads.new_leads, 0) end as new_leads,
        case when scopes.is_rollup then leads.lead_to_deal_rate end as lead_to_deal_rate,
        coalesce(cycles.new_deals, 0) as new_deals,
        coalesce(cycles.imported_deals, 0) as imported_deals,
        cycles.km_sales_cycle_days,
        cycles.new_business_km_sales_cycle_days,
        {%- for type in deal_types() %}
        coalesce(closings.{{ type }}_won_count, 0) as {{ type }}_won_count,
        coalesce(closings.{{ type }}_lost_count, 0) as {{ type }}_lost_count,
        cast(coalesce(closings.{{ type }}_won_amount, 0) as decimal(18, 2)) as {{ type }}_won_amount,
        {%- endfor %}
        coalesce(closings.won_count, 0) as won_count,
        coalesce(closings.lost_count, 0) as lost_count,
        coalesce(closings.void_count, 0) as void_count,
        coalesce(closings.won_amount, 0) as won_amount,
        coalesce(closings.won_value, 0) as won_amount_positive,
        coalesce(closings.lost_amount, 0) as lost_amount,
        cast(coalesce(closings.won_value, 0) as double) / nullif(closings.closed_value, 0) as win_rate_value,
        closings.average_deal_size,
        closings.median_deal_size,
        coalesce(closings.deal_size_n, 0) as deal_size_n,
        coalesce(closings.zero_amount_won_count, 0) as zero_amount_won_count,
        coalesce(closings.missing_amount_won_count, 0) as missing_amount_won_count,
        coalesce(closings.unconverted_count, 0) as unconverted_count,
        closings.average_sales_cycle_days,
        closings.median_sales_cycle_days,
        closings.new_business_average_deal_size,
        coalesce(closings.new_business_deal_size_n, 0) as new_business_deal_size_n,
        closings.new_business_average_sales_cycle_days,
        closings.new_business_median_sales_cycle_days,
        coalesce(standing.open_opportunities, 0) as open_opportunities,
        coalesce(standing.open_amount, 0) as open_amount,
        weighted.weighted_amount,
        coalesce(standing.crm_weighted_amount, 0) as crm_weighted_amount,
        coalesce(standing.unconverted_open_count, 0) as unconverted_open_count,
        coalesce(standing.fulfilment_count, 0) as fulfilment_count,
        cast(coalesce(standing.fulfilment_amount, 0) as decimal(18, 2)) as fulfilment_amount,
        velocity.trailing_win_rate * velocity.trailing_deal_size as value_per_open_deal,
        nullif(velocity.trailing_cycle_days, 0) as trailing_cycle_days,
        nullif(velocity.trailing_throughput_days, 0) as trailing_throughput_days,
        -- the first month of all starts with nothing open
        coalesce(lag(standing.open_opportunities) over (
            partition by scopes.pipeline_key order by scopes.month
        ), 0) as open_at_start
    from {{ ref('int_sales_months') }} as scopes
    left join {{ ref('int_sales_closings_monthly') }} as closings
        on scopes.month = closings.month and scopes.pipeline_key = closings.pipeline_key
    left join {{ ref('int_sales_open_monthly') }} as standing
        on scopes.month = standing.month and scopes.pipeline_key = standing.pipeline_key
    left join weighted on scopes.month = weighted.month and scopes.pipeline_key = weighted.pipeline_key
    left join {{ ref('int_sales_cycles_monthly') }} as cycles
        on scopes.month = cycles.month and scopes.pipeline_key = cycles.pipeline_key
    left join {{ ref('int_sales_velocity_monthly') }} as velocity
        on scopes.month = velocity.month and scopes.pipeline_key = velocity.pipeline_key
    left join {{ ref('int_sales_leads_monthly') }} as leads on scopes.month = leads.month
)

select
    month,
    month_end,
    pipeline_key,
    cast(new_leads as bigint) as new_leads,
    lead_to_deal_rate,
    cast(new_deals as bigint) as new_deals,
    cast(imported_deals as bigint) as imported_deals,
    won_count,
    lost_count,
    void_count,
    cast(won_amount as decimal(18, 2)) as won_amount,
    cast(won_amount_positive as decimal(18, 2)) as won_amount_positive,
    cast(lost_amount as decimal(18, 2)) as lost_amount,
    cast(won_count as double) / nullif(won_count + lost_count, 0) as win_rate,
    won_count + lost_count as win_rate_n,
    {{ wilson_low('won_count', '(won_count + lost_count)') }} as win_rate_low,
    {{ wilson_high('won_count', '(won_count + lost_count)') }} as win_rate_high,
    win_rate_value,
    cast(won_count as double) / nullif(lost_count, 0) as win_loss_ratio,
    average_deal_size,
    median_deal_size,
    deal_size_n,
    zero_amount_won_count,
    missing_amount_won_count,
    unconverted_count,
    average_sales_cycle_days,
    median_sales_cycle_days,
    km_sales_cycle_days,
    open_opportunities,
    cast(open_amount as decimal(18, 2)) as open_amount,
    cast(weighted_amount as decimal(18, 2)) as weighted_amount,
    cast(crm_weighted_amount as decimal(18, 2)) as crm_weighted_amount,
    unconverted_open_count,
    fulfilment_count,
    fulfilment_amount,
    open_at_start * value_per_open_deal / trailing_cycle_days as pipeline_velocity_per_day,
    open_at_start * value_per_open_deal / trailing_throughput_days as pipeline_velocity_throughput,
    {%- for type in deal_types() %}
    {{ type }}_won_count,
    {{ type }}_lost_count,
    {{ type }}_won_amount,
    {%- endfor %}
    cast(new_business_won_count as double) / nullif(new_business_won_count + new_business_lost_count, 0)
        as new_business_win_rate,
    {{ wilson_low('new_business_won_count', '(new_business_won_count + new_business_lost_count)') }}
        as new_business_win_rate_low,
    {{ wilson_high('new_business_won_count', '(new_business_won_count + new_business_lost_count)') }}
        as new_business_win_rate_high,
    new_business_average_deal_size,
    new_business_deal_size_n,
    new_business_average_sales_cycle_days,
    new_business_median_sales_cycle_days,
    new_business_km_sales_cycle_days,
    is_complete_month,
    is_rollup
from figures
