-- month × basis × pipeline × owner × team of today × movement: the open pipeline's bridge in the reporting currency, 25 months
select
    strftime(m.month, '%Y-%m') as month,
    m.basis,
    m.pipeline_key as pipeline,
    coalesce(s.shown, '') as owner,
    coalesce(o.team_key, '') as team,
    m.movement,
    count(*) as rows,
    coalesce(sum(m.amount_reporting), 0) as amount
from marts.fct_pipeline_movements as m
left join marts.dim_owners as o on o.owner_key = m.owner_key
left join owner_names as s on s.owner_key = m.owner_key
where m.month between (select first_month from asked) and (select month from asked)
group by all
order by all
