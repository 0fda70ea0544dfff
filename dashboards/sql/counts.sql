-- one row: how many rows the lists that are cut have in whole
select
    (select count(*) from marts.mart_open_deals where stage_category is distinct from 'fulfilment') as deals,
    (select count(*) from marts.mart_lead_priority) as leads,
    (select count(*) from marts.dim_owners) as owners,
    (select count(*) from marts.dim_deals) as deals_ever
