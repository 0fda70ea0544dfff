-- Chains of merges are followed to their end: a survivor is never itself a loser.
select survivors.*
from {{ ref('int_merges') }} as survivors
inner join {{ ref('int_merges') }} as losers on survivors.survivor_deal_key = losers.loser_deal_key
