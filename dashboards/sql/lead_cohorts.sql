-- month of creation × source: leads, and the furthest stage each has reached
select
    strftime(cohort_month, '%Y-%m') as month,
    coalesce(original_source, '') as source,
    leads,
    mqls,
    sqls,
    opportunities,
    customers
from marts.mart_lead_funnel_monthly
where cohort_month between (select first_month from asked) and (select month from asked) and leads > 0
order by all
