-- Every open lead once, ranks 1, 2, 3 …, rates within 0 and 1 and inside what they lean on.
select 'rank' as problem, count(*) as leads
from {{ ref('mart_lead_priority') }}
having count(*) <> coalesce(max(rank), 0) or count(distinct rank) <> count(*)
union all
select 'rate' as problem, count(*) as leads
from {{ ref('mart_lead_priority') }}
where rate_90d not between 0 and 1 or alike_customers > alike_leads or (rate_90d is null) <> (average_rate_90d is null)
having count(*) > 0
union all
select 'open' as problem, count(*) as leads
from {{ ref('dim_leads') }} as leads
left join {{ ref('mart_lead_priority') }} as listed on leads.lead_key = listed.lead_key
where
    (listed.lead_key is not null and (leads.is_deleted or leads.converted_at is not null))
    or (
        listed.lead_key is null and not leads.is_deleted and leads.converted_at is null
        and leads.furthest_lifecycle_stage = 'lead'
    )
having count(*) > 0
