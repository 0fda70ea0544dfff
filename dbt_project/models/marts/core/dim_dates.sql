-- One row per day, from the year before the first stage event to the end of the third year after as_of.
{%- set start_month = var('fiscal_year_start_month') %}
{#- the month freezes at this business day; what changes later is a restatement -#}
{%- set close_window = var('close_window_business_days', 5) %}
with

span as (
    select min(month) as first_month, max(month) as last_month from {{ ref('int_months') }}
),

days as (
    select cast(series.day as date) as date
    from span,
        unnest(generate_series(
            date_trunc('year', cast(span.first_month as timestamp) - interval '1 year'),
            date_trunc('year', cast(span.last_month as timestamp) + interval '4 years') - interval '1 day',
            interval '1 day'
        )) as series (day)
),

fiscal as (
    select
        date,
        {{ month_of('date') }} as month,
        isodow(date) <= 5 as is_business_day,
        -- a fiscal year is named after the calendar year it ends in
        cast(
            year(date)
            + case when {{ start_month }} > 1 and month(date) >= {{ start_month }} then 1 else 0 end as integer
        ) as fiscal_year,
        cast((month(date) - {{ start_month }} + 12) % 12 + 1 as integer) as fiscal_month
    from days
),

counted as (
    select
        *,
        cast(sum(cast(is_business_day as integer)) over (
            partition by month order by date
        ) as integer) as business_day_of_month
    from fiscal
)

select
    date,
    month,
    last_day(date) as month_end,
    fiscal_year,
    cast((fiscal_month - 1) // 3 + 1 as integer) as fiscal_quarter,
    fiscal_month,
    'FY' || fiscal_year || '-P' || lpad(cast(fiscal_month as varchar), 2, '0') as fiscal_period_key,
    is_business_day,
    business_day_of_month,
    business_day_of_month <= {{ close_window }} as is_close_window
from counted
