-- open deals, most urgent first, five hundred
select
    o.deal_name as deal,
    o.source_url as url,
    o.priority_rank as rank,
    o.pipeline_key as pipeline,
    o.stage_key as stage,
    coalesce(s.shown, '') as owner,
    coalesce(o.team_key, '') as team,
    coalesce(d.original_source, '') as source,
    o.amount_reporting as amount,
    o.amount as native_amount,
    o.currency,
    o.win_probability_eventual as chance,
    o.expected_amount as expected,
    o.close_date,
    round(o.days_in_stage)::int as days,
    round(o.stall_after_days)::int as limit_days,
    o.is_stalled,
    o.close_date_pushes as pushes,
    o.risk_reasons as reasons
from marts.mart_open_deals as o
inner join marts.dim_deals as d using (deal_key)
left join owner_names as s on s.owner_key = o.owner_key
where o.stage_category is distinct from 'fulfilment'
order by o.priority_rank nulls last, o.deal_key
limit 500
