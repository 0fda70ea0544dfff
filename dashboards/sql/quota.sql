-- owner × team of then: the running month against its quota, three hundred nearest first
select
    coalesce(o.owner_name, '') as name,
    coalesce(s.shown, '') as owner,
    coalesce(m.team_key, '') as team,
    m.quota,
    m.won_amount,
    m.gap_amount,
    m.attainment,
    m.p_attain,
    m.open_weighted_amount as weighted,
    m.pipeline_needed_p80
from marts.mart_rep_performance_monthly as m
left join marts.dim_owners as o using (owner_key)
left join owner_names as s using (owner_key)
where m.month = (select month from asked) and (m.quota > 0 or m.won_amount > 0)
order by m.quota is null, m.attainment desc nulls last, m.won_amount desc, m.owner_key, m.team_key
limit 300
