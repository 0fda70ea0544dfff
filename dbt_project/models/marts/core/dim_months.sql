-- One row per month of dim_dates with its fiscal names; a win may carry a close date that lies ahead.
select
    month,
    max(month_end) as month_end,
    max(fiscal_year) as fiscal_year,
    'FY' || max(fiscal_year) || '-Q' || max(fiscal_quarter) as fiscal_quarter_key,
    max(fiscal_period_key) as fiscal_period_key
from {{ ref('dim_dates') }}
group by month
