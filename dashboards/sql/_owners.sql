-- one row an owner: the key it is shown under, its own or ~ for all that have neither much open nor much won lately
create or replace temp table owner_names as
with weights as (
    select
        owner_key,
        sum(won_amount) + sum(case when month = (select month from asked) then open_amount else 0 end) as weight
    from marts.mart_sales_monthly
    where month > (select month from asked) - interval 12 month
    group by owner_key
)

select
    o.owner_key,
    case
        when row_number() over (order by w.weight desc nulls last, o.owner_key) <= (select owners from given) then o.owner_key
        else '~'
    end as shown
from marts.dim_owners as o
left join weights as w using (owner_key);
