-- What was available was renewed, contracted, lost or is open; every renewal with a due day is due in one month.
select due_month, pipeline_key
from {{ ref('mart_renewals_monthly') }}
where available_amount <> won_gross + contraction_amount + lost + open
    or due_count <> won_count + lost_count + late_count + open_count
    or won_gross > available_amount or late_amount > lost or inferred_count > due_count or without_value_count > due_count
    or renewal_rate_gross not between 0 and 1
    or (renewal_rate_gross is null) <> (available_amount = 0)
union all
select min(renewal_due_date) as due_month, 'deals' as pipeline_key
from {{ ref('dim_deals') }}
where not is_deleted and outcome <> 'void' and renewal_due_date is not null
    and (deal_type = 'renewal' or renewal_of_deal_key is not null)
having count(*) <> (select coalesce(sum(due_count), 0) from {{ ref('mart_renewals_monthly') }})
