-- month × figure × cause: published figures that changed afterwards, two hundred newest
select
    strftime(r.month, '%Y-%m') as month,
    r.table_name as figure,
    r.column_name as part,
    r.segment_type as kind,
    r.segment,
    r.cause,
    d.deal_name as deal,
    d.source_url as url,
    r.old_value as old,
    r.new_value as new,
    r.amount,
    r.detected_at as at
from marts.forecast_restatements as r
left join marts.dim_deals as d using (deal_key)
order by r.detected_at desc, r.month desc, r.cause, r.deal_key
limit 200
