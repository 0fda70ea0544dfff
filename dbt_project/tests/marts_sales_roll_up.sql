-- mart_sales_monthly adds up to mart_sales_kpis_monthly exactly, by pipeline and in all; ratios of its sums are the rates.
{%- set columns = ['new_deals', 'imported_deals', 'won_count', 'lost_count', 'void_count', 'won_amount', 'lost_amount',
    'won_amount_positive', 'zero_amount_won_count', 'missing_amount_won_count', 'unconverted_count', 'open_opportunities',
    'open_amount', 'weighted_amount', 'crm_weighted_amount', 'unconverted_open_count', 'fulfilment_count',
    'fulfilment_amount'] %}
with

sums as (
    select
        month,
        coalesce(pipeline_key, 'leads') as pipeline_key,
        {%- for column in columns + ['new_leads', 'won_count_positive', 'won_amount_plan', 'closed_amount_positive',
            'cycle_days_sum', 'cycle_count'] %}
        sum({{ column }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('mart_sales_monthly') }}
    group by 1, 2
),

scoped as (
    select * from sums
    where pipeline_key <> 'leads'
    union all
    select month, 'all' as pipeline_key, sum(columns(* exclude (month, pipeline_key))) from sums
    group by 1
)

select coalesce(kpis.month, scoped.month) as month, coalesce(kpis.pipeline_key, scoped.pipeline_key) as pipeline_key
from {{ ref('mart_sales_kpis_monthly') }} as kpis
full join scoped on kpis.month = scoped.month and kpis.pipeline_key = scoped.pipeline_key
where kpis.month is null or scoped.month is null
    {%- for column in columns %}
    or kpis.{{ column }} <> scoped.{{ column }}
    {%- endfor %}
    or kpis.deal_size_n <> scoped.won_count_positive
    or (kpis.is_rollup and kpis.new_leads <> scoped.new_leads)
    or abs(coalesce(kpis.average_deal_size, 0) - coalesce(scoped.won_amount_plan / nullif(scoped.won_count_positive, 0), 0)) > 0.000001
    or abs(coalesce(kpis.average_sales_cycle_days, 0) - coalesce(scoped.cycle_days_sum / nullif(scoped.cycle_count, 0), 0)) > 0.000001
    or abs(coalesce(kpis.win_rate_value, 0)
        - coalesce(cast(scoped.won_amount_positive as double) / nullif(scoped.closed_amount_positive, 0), 0)) > 0.000001
union all
-- one kind of deal is never mixed up with another
select month, pipeline_key
from {{ ref('mart_sales_kpis_monthly') }}
where won_count <> {% for type in deal_types() %}{{ type }}_won_count{{ ' + ' if not loop.last }}{% endfor %}
    or lost_count <> {% for type in deal_types() %}{{ type }}_lost_count{{ ' + ' if not loop.last }}{% endfor %}
    or won_amount <> {% for type in deal_types() %}{{ type }}_won_amount{{ ' + ' if not loop.last }}{% endfor %}
