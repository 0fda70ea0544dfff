-- One row per month of dim_dates up to as_of's month: the months that the marts have, with their fiscal names.
select
    month,
    max(month_end) as month_end,
    max(fiscal_year) as fiscal_year,
    'FY' || max(fiscal_year) || '-Q' || max(fiscal_quarter) as fiscal_quarter_key,
    max(fiscal_period_key) as fiscal_period_key
from {{ ref('dim_dates') }}
where month <= (select max(month) from {{ ref('int_months') }})
group by month
