-- Rows of owners and teams add up to the company's row of the month, quotas to the active share of what was set; one
-- row a key, dense months for every owner.
with

reps as (
    select
        month,
        {%- for column in ['won_count', 'lost_count', 'won_amount', 'new_deals', 'open_amount', 'crm_weighted_amount'] %}
        sum({{ column }}) as {{ column }},
        {%- endfor %}
        sum(new_business_won_amount + upsell_won_amount + renewal_won_amount + other_won_amount) as won_by_type
    from {{ ref('mart_rep_performance_monthly') }}
    group by 1
),

quotas as (
    select owners.month, owners.owner_key, owners.quota, targets.quota as whole, days.active_share
    from (
        select month, owner_key, sum(quota) as quota from {{ ref('mart_rep_performance_monthly') }} group by 1, 2
    ) as owners
    left join {{ ref('fct_targets') }} as targets
        on owners.month = targets.month and targets.level = 'owner' and owners.owner_key = targets.target_key
    left join (
        select month, owner_key, cast(sum(active_days) as double) / any_value(days_in_month) as active_share
        from {{ ref('int_owner_months') }}
        group by 1, 2
    ) as days on owners.month = days.month and owners.owner_key = days.owner_key
)

select 'company' as problem, kpis.month, cast(null as varchar) as owner_key
from {{ ref('mart_sales_kpis_monthly') }} as kpis
left join reps on kpis.month = reps.month
where kpis.is_rollup and (
    reps.month is null or reps.won_by_type <> reps.won_amount
    {%- for column in ['won_count', 'lost_count', 'won_amount', 'new_deals', 'open_amount', 'crm_weighted_amount'] %}
    or reps.{{ column }} <> kpis.{{ column }}
    {%- endfor %}
)
union all
select 'quota' as problem, month, owner_key
from quotas
where (quota is null) <> (whole is null) or abs(quota - whole * active_share) > 0.005001
union all
select 'key' as problem, month, owner_key
from {{ ref('mart_rep_performance_monthly') }}
group by month, owner_key, team_key
having count(*) > 1
union all
select 'dense' as problem, min(month) as month, owner_key
from {{ ref('mart_rep_performance_monthly') }}
where owner_key is not null
group by owner_key
having count(distinct month) <> (select count(*) from {{ ref('int_months') }})
