-- open leads, likeliest first, three hundred; people have no names here, the CRM's own id stands for them
select
    split_part(l.lead_key, ':', 2) as lead,
    l.source_url as url,
    l.rank,
    coalesce(l.original_source, '') as source,
    coalesce(s.shown, '') as owner,
    coalesce(o.team_key, '') as team,
    l.lifecycle_stage as lifecycle,
    round(l.age_days)::int as days,
    l.probability_customer_90d as chance,
    l.alike_leads as alike,
    l.drivers
from marts.mart_lead_priority as l
left join marts.dim_owners as o using (owner_key)
left join owner_names as s using (owner_key)
order by l.rank, l.lead_key
limit 300
