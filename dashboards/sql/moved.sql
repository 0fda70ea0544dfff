-- the hundred largest movements of single deals since yesterday; where a deal only changed hands is left out
select
    d.deal_name as deal,
    m.movement,
    m.pipeline_key as pipeline,
    coalesce(s.shown, '') as owner,
    coalesce(o.team_key, '') as team,
    coalesce(d.original_source, '') as source,
    m.amount_reporting as amount,
    m.occurred_at as at,
    d.source_url as url
from marts.fct_pipeline_movements as m
inner join marts.dim_deals as d using (deal_key)
left join marts.dim_owners as o on o.owner_key = m.owner_key
left join owner_names as s on s.owner_key = m.owner_key
where
    m.basis = 'all_open'
    and m.movement in ('created', 'reopened', 'increased', 'decreased', 'won', 'lost', 'void')
    and m.occurred_at >= (select yesterday from asked)
    and m.occurred_at < (select as_of from asked)
order by abs(m.amount_reporting) desc nulls last, d.deal_key, m.occurred_at
limit 100
