-- Rows of pipelines add up to the row 'all', months are dense, rates agree with their parts, and closings are the deals'.
with

sums as (
    select
        month,
        {%- for column in ['new_deals', 'won_count', 'lost_count', 'void_count', 'won_amount', 'lost_amount',
            'zero_amount_won_count', 'deal_size_n', 'open_opportunities', 'open_amount'] %}
        sum({{ column }}) filter (where is_rollup) as all_{{ column }},
        sum({{ column }}) filter (where not is_rollup) as sum_{{ column }},
        {%- endfor %}
        count(*) filter (where is_rollup) as rollups
    from {{ ref('mart_sales_kpis_monthly') }}
    group by month
),

closed as (
    select month, count(*) as closings, sum(amount_reporting) filter (where outcome = 'won') as won_amount
    from {{ ref('int_sales_closings') }}
    where outcome <> 'void'
    group by 1
)

select 'sum' as problem, month
from sums
where rollups <> 1
    {%- for column in ['new_deals', 'won_count', 'lost_count', 'void_count', 'won_amount', 'lost_amount',
        'zero_amount_won_count', 'deal_size_n', 'open_opportunities', 'open_amount'] %}
    or all_{{ column }} is distinct from sum_{{ column }}
    {%- endfor %}
union all
select 'dense' as problem, min(month) as month
from {{ ref('mart_sales_kpis_monthly') }}
group by pipeline_key
having count(*) <> date_diff('month', min(month), max(month)) + 1
union all
select 'rate' as problem, month
from {{ ref('mart_sales_kpis_monthly') }}
where abs(win_rate - win_loss_ratio / (1 + win_loss_ratio)) > 1e-12
    or (win_rate is null) <> (win_rate_n = 0)
    or win_rate < win_rate_low or win_rate > win_rate_high or win_rate_low < 0 or win_rate_high > 1
    or win_rate_value not between 0 and 1
union all
select 'closings' as problem, kpis.month
from {{ ref('mart_sales_kpis_monthly') }} as kpis
left join closed on kpis.month = closed.month
where kpis.is_rollup and (
    kpis.win_rate_n <> coalesce(closed.closings, 0) or kpis.won_amount <> coalesce(closed.won_amount, 0)
)
