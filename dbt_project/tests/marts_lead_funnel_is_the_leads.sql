-- Every lead is in its cohort once, no step holds more than the one before, and rates lie within their bounds.
select 'leads' as problem, count(*) as rows_
from {{ ref('dim_leads') }}
having count(*) <> (select coalesce(sum(leads), 0) from {{ ref('mart_lead_funnel_monthly') }})
union all
select 'steps' as problem, count(*) as rows_
from {{ ref('mart_lead_funnel_monthly') }}
where not (leads >= mqls and mqls >= sqls and sqls >= opportunities and opportunities >= customers)
    or lead_to_customer_rate not between lead_to_customer_rate_low and lead_to_customer_rate_high
    or (lead_to_customer_rate is null) <> (leads = 0)
    or (median_days_to_customer is null) <> (customers = 0)
having count(*) > 0
union all
select 'dense' as problem, count(*) as rows_
from (
    select original_source
    from {{ ref('mart_lead_funnel_monthly') }}
    group by 1
    having count(*) <> date_diff('month', min(cohort_month), max(cohort_month)) + 1
) as gaps
having count(*) > 0
