-- pipeline × stage × owner × team × source: what is open now, as mart_open_deals has it; delivery after the win left out
select
    o.pipeline_key as pipeline,
    o.stage_key as stage,
    coalesce(s.shown, '') as owner,
    coalesce(o.team_key, '') as team,
    coalesce(d.original_source, '') as source,
    count(*) as deals,
    coalesce(sum(o.amount_reporting), 0) as amount,
    coalesce(sum(o.expected_amount), 0) as expected,
    count(*) filter (where o.is_stalled) as stalled,
    coalesce(sum(o.amount_reporting) filter (where o.is_stalled), 0) as stalled_amount,
    count(*) filter (where o.amount_reporting is null) as without_amount
from marts.mart_open_deals as o
inner join marts.dim_deals as d using (deal_key)
left join owner_names as s on s.owner_key = o.owner_key
where o.stage_category is distinct from 'fulfilment'
group by all
order by all
