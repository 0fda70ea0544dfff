-- One row per month with leads created in it: how many, and the share with a deal within 90 days of their creation,
-- once every lead of the month has had its 90 days.
select
    months.month,
    count(*) as new_leads,
    case
        when any_value(months.ends_at) + interval '90 days' <= {{ as_of() }}
            then cast(count(*) filter (
                where deals.deal_created_at < leads.created_at + interval '90 days'
            ) as double) / count(*)
    end as lead_to_deal_rate
from {{ ref('dim_leads') }} as leads
inner join {{ ref('int_months') }} as months
    on leads.created_at >= months.starts_at and leads.created_at < months.ends_at
left join {{ ref('int_lead_deals') }} as deals on leads.lead_key = deals.lead_key
group by 1
