-- month × pipeline × owner × team of then × source: the additive figures of mart_sales_monthly, 25 months
select
    strftime(month, '%Y-%m') as month,
    coalesce(pipeline_key, '') as pipeline,
    coalesce(s.shown, '') as owner,
    coalesce(team_key, '') as team,
    coalesce(original_source, '') as source,
    sum(new_deals) as created,
    sum(won_count) as won,
    sum(lost_count) as lost,
    sum(won_amount) as won_amount,
    sum(lost_amount) as lost_amount,
    sum(won_amount_positive) as won_positive,
    sum(won_count_positive) as won_count_positive
from marts.mart_sales_monthly as m
left join owner_names as s using (owner_key)
where month between (select first_month from asked) and (select month from asked)
group by all
having sum(new_deals) + sum(won_count) + sum(lost_count) > 0
order by all
