-- One row per lead that has a deal which stands at as_of, in whichever connection: the first of them to be created.
select
    people.lead_key,
    min_by(deals.deal_key, (deals.created_at, deals.deal_key)) as deal_key,
    min(deals.created_at) as deal_created_at
from {{ ref('int_deal_people') }} as people
inner join {{ ref('int_deals') }} as deals on people.deal_key = deals.deal_key
inner join {{ ref('int_deal_outcomes') }} as outcomes on people.deal_key = outcomes.deal_key
where not outcomes.is_deleted and deals.created_at < {{ as_of() }}
group by 1
