-- One row per month, basis, pipeline and currency: what open value there was, what moved it, what is left; in native
-- money. Dense over the months and over every pair of pipeline and currency that was ever open.
{%- set words = ['opening'] + movement_words() + ['closing'] %}
with

-- one pass over the movements, then a few thousand sums to lay out
sums as (
    select month, basis, pipeline_key, currency, movement, sum(amount) as amount, count(*) as movements
    from {{ ref('fct_pipeline_movements') }}
    group by 1, 2, 3, 4, 5
),

pairs as (
    select distinct pipeline_key, currency
    from sums
),

moved as (
    select
        month, basis, pipeline_key, currency
        {%- for word in words %},
        sum(amount) filter (where movement = '{{ word }}') as {{ word }}_amount,
        cast(sum(movements) filter (where movement = '{{ word }}') as bigint) as {{ word }}_count
        {%- endfor %}
    from sums
    group by 1, 2, 3, 4
)

select
    months.month,
    months.month_end,
    bases.basis,
    pairs.pipeline_key,
    pairs.currency
    {%- for word in words %},
    cast(coalesce(moved.{{ word }}_amount, 0) as decimal(18, 2)) as {{ word }}_amount,
    coalesce(moved.{{ word }}_count, 0) as {{ word }}_count
    {%- endfor %},
    months.is_complete_month
from {{ ref('int_months') }} as months
cross join (values ('all_open'), ('close_in_month'), ('close_in_quarter')) as bases (basis)
cross join pairs
left join moved
    on months.month = moved.month and bases.basis = moved.basis
    and pairs.pipeline_key = moved.pipeline_key and pairs.currency = moved.currency
