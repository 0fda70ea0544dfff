-- One row per month and pipeline ('all' included) with closings: counts, money and cycles of the deals that closed.
with

closings as (
    select
        closed.*,
        scopes.pipeline_key as scope_key,
        closed.outcome = 'won' as is_won,
        closed.outcome = 'lost' as is_lost
    from {{ ref('int_sales_closings') }} as closed
    cross join lateral (values (closed.pipeline_key), ('all')) as scopes (pipeline_key)
)

select
    month,
    scope_key as pipeline_key,
    count(*) filter (where is_won) as won_count,
    count(*) filter (where is_lost) as lost_count,
    count(*) filter (where outcome = 'void') as void_count,
    {%- for type in deal_types() %}
    count(*) filter (where is_won and deal_type = '{{ type }}') as {{ type }}_won_count,
    count(*) filter (where is_lost and deal_type = '{{ type }}') as {{ type }}_lost_count,
    cast(coalesce(sum(amount_reporting) filter (where is_won and deal_type = '{{ type }}'), 0) as decimal(18, 2))
        as {{ type }}_won_amount,
    {%- endfor %}
    cast(coalesce(sum(amount_reporting) filter (where is_won), 0) as decimal(18, 2)) as won_amount,
    cast(coalesce(sum(amount_reporting) filter (where is_lost), 0) as decimal(18, 2)) as lost_amount,
    sum(amount_reporting) filter (where is_won and amount_reporting > 0) as won_value,
    sum(amount_reporting) filter (where (is_won or is_lost) and amount_reporting > 0) as closed_value,
    {{ exact_average('amount_plan', 'is_sized') }} as average_deal_size,
    median(cast(amount_plan as double)) filter (where is_sized) as median_deal_size,
    count(amount_plan) filter (where is_sized) as deal_size_n,
    count(*) filter (where is_won and amount_at_close = 0) as zero_amount_won_count,
    count(*) filter (where is_won and amount_at_close is null) as missing_amount_won_count,
    count(*) filter (where is_unconverted) as unconverted_count,
    {{ exact_average('cycle_microseconds', 'is_won') }} / 86400000000 as average_sales_cycle_days,
    median(sales_cycle_days) filter (where is_won) as median_sales_cycle_days,
    -- renewals and upsells are quicker and won more often: they enter no size and no cycle of new business
    {{ exact_average('amount_plan', "is_sized and deal_type = 'new_business'") }} as new_business_average_deal_size,
    count(amount_plan) filter (where is_sized and deal_type = 'new_business') as new_business_deal_size_n,
    {{ exact_average('cycle_microseconds', "is_won and deal_type = 'new_business'") }} / 86400000000
        as new_business_average_sales_cycle_days,
    median(sales_cycle_days) filter (where is_won and deal_type = 'new_business')
        as new_business_median_sales_cycle_days
from closings
group by 1, 2
