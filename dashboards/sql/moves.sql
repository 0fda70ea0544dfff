-- span (yesterday, month) × movement × pipeline × owner × team of today × source: what moved the open pipeline
with spans as (
    select 'day' as span, yesterday as since from asked
    union all
    select 'month', month::timestamp at time zone timezone from asked
)

select
    p.span,
    m.movement,
    m.pipeline_key as pipeline,
    coalesce(s.shown, '') as owner,
    coalesce(o.team_key, '') as team,
    coalesce(d.original_source, '') as source,
    count(*) as rows,
    coalesce(sum(m.amount_reporting), 0) as amount
from marts.fct_pipeline_movements as m
inner join spans as p on m.occurred_at >= p.since
inner join marts.dim_deals as d using (deal_key)
left join marts.dim_owners as o on o.owner_key = m.owner_key
left join owner_names as s on s.owner_key = m.owner_key
where m.basis = 'all_open' and m.movement not in ('opening', 'closing') and m.occurred_at < (select as_of from asked)
group by all
order by all
