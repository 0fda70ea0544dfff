-- month × channel × attribution model: what campaigns cost and what is put down to them
select
    strftime(month, '%Y-%m') as month,
    channel,
    attribution_model as model,
    sum(spend) as spend,
    sum(clicks) as clicks,
    sum(leads) as leads,
    sum(deals) as deals,
    sum(won_deals) as won,
    sum(won_amount) as won_amount
from marts.mart_marketing_performance_monthly
where month between (select first_month from asked) and (select month from asked)
group by all
order by all
