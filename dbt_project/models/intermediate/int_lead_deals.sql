-- One row per lead that has a deal which stands at as_of: the first of them to be created.
select
    links.linked_key as lead_key,
    min_by(deals.deal_key, (deals.created_at, deals.deal_key)) as deal_key,
    min(deals.created_at) as deal_created_at
from {{ ref('int_deal_links') }} as links
inner join {{ ref('int_deals') }} as deals on links.deal_key = deals.deal_key
inner join {{ ref('int_deal_outcomes') }} as outcomes on links.deal_key = outcomes.deal_key
where links.kind = 'lead' and not outcomes.is_deleted and deals.created_at < {{ as_of() }}
group by 1
