-- One row per month, owner and team the owner was in when it happened. Whoever changes teams within a month has a row
-- for each, the quota split by days, so that rows add up. Owner null: deals that nobody owned.
with

figures as (
    select
        month, owner_key, team_key,
        count(*) filter (where outcome = 'won') as won_count,
        count(*) filter (where outcome = 'lost') as lost_count,
        count(*) filter (where outcome = 'won' and deal_type = 'new_business') as new_business_won_count,
        count(*) filter (where outcome = 'lost' and deal_type = 'new_business') as new_business_lost_count,
        {{ exact_average('amount_plan', "is_sized and deal_type = 'new_business'") }} as new_business_average_deal_size,
        {{ exact_average('cycle_microseconds', "outcome = 'won' and deal_type = 'new_business'") }} / 86400000000
            as new_business_average_sales_cycle_days,
        cast(coalesce(sum(amount_reporting) filter (where outcome = 'won'), 0) as decimal(18, 2)) as won_amount,
        {%- for type in deal_types() %}
        cast(coalesce(
            sum(amount_reporting) filter (where outcome = 'won' and deal_type = '{{ type }}'), 0
        ) as decimal(18, 2)) as {{ type }}_won_amount,
        {%- endfor %}
        count(*) filter (where outcome = 'won' and is_unconverted) as unconverted_count,
        {{ exact_average('amount_plan', 'is_sized') }} as average_deal_size,
        count(amount_plan) filter (where is_sized) as deal_size_n,
        {{ exact_average('cycle_microseconds', "outcome = 'won'") }} / 86400000000 as average_sales_cycle_days,
        coalesce(sum(new_deals), 0) as new_deals,
        cast(coalesce(sum(open_amount), 0) as decimal(18, 2)) as open_amount,
        cast(sum(open_weighted_amount) as decimal(18, 2)) as open_weighted_amount,
        cast(coalesce(sum(crm_weighted_amount), 0) as decimal(18, 2)) as crm_weighted_amount,
        cast(coalesce(sum(due_amount), 0) as decimal(18, 2)) as due_amount,
        cast(coalesce(sum(opening_due_amount), 0) as decimal(18, 2)) as opening_due_amount
    from {{ ref('int_rep_events') }}
    group by 1, 2, 3
),

reps as (
    select month, owner_key, team_key from {{ ref('int_owner_quotas') }}
    union
    select month, owner_key, team_key from figures
)

select
    reps.month,
    reps.owner_key,
    reps.team_key,
    owners.team_key as team_now,
    quotas.quota,
    quotas.quota_version,
    coalesce(figures.won_amount, 0) as won_amount,
    {%- for type in deal_types() %}
    coalesce(figures.{{ type }}_won_amount, 0) as {{ type }}_won_amount,
    {%- endfor %}
    coalesce(figures.unconverted_count, 0) as unconverted_count,
    cast(coalesce(figures.won_amount, 0) as double) / nullif(quotas.quota, 0) as attainment,
    cast(quotas.quota - coalesce(figures.won_amount, 0) as decimal(18, 2)) as gap_amount,
    coalesce(figures.open_amount, 0) as open_amount,
    figures.open_weighted_amount,
    coalesce(figures.crm_weighted_amount, 0) as crm_weighted_amount,
    coalesce(figures.due_amount, 0) as due_amount,
    coalesce(figures.opening_due_amount, 0) as opening_due_amount,
    case
        when quotas.quota > coalesce(figures.won_amount, 0)
            then cast(coalesce(figures.due_amount, 0) as double) / (quotas.quota - coalesce(figures.won_amount, 0))
    end as coverage_remaining,
    cast(coalesce(figures.due_amount, 0) as double) / nullif(quotas.quota, 0) as coverage_full,
    cast(coalesce(figures.opening_due_amount, 0) as double) / nullif(quotas.quota, 0) as opening_coverage_full,
    odds.p_attain,
    odds.pipeline_needed_p80,
    coalesce(figures.won_count, 0) as won_count,
    coalesce(figures.lost_count, 0) as lost_count,
    cast(figures.won_count as double) / nullif(figures.won_count + figures.lost_count, 0) as win_rate,
    coalesce(figures.won_count + figures.lost_count, 0) as win_rate_n,
    {{ wilson_low('figures.won_count', '(figures.won_count + figures.lost_count)') }} as win_rate_low,
    {{ wilson_high('figures.won_count', '(figures.won_count + figures.lost_count)') }} as win_rate_high,
    figures.average_deal_size,
    coalesce(figures.deal_size_n, 0) as deal_size_n,
    figures.average_sales_cycle_days,
    coalesce(figures.new_business_won_count, 0) as new_business_won_count,
    coalesce(figures.new_business_lost_count, 0) as new_business_lost_count,
    cast(figures.new_business_won_count as double)
    / nullif(figures.new_business_won_count + figures.new_business_lost_count, 0) as new_business_win_rate,
    figures.new_business_average_deal_size,
    figures.new_business_average_sales_cycle_days,
    cast(coalesce(figures.new_deals, 0) as bigint) as new_deals,
    months.is_complete_month
from reps
inner join {{ ref('int_months') }} as months on reps.month = months.month
left join {{ ref('int_owner_quotas') }} as quotas
    on reps.month = quotas.month and reps.owner_key = quotas.owner_key
    and reps.team_key is not distinct from quotas.team_key
left join figures
    on reps.month = figures.month and reps.owner_key is not distinct from figures.owner_key
    and reps.team_key is not distinct from figures.team_key
left join {{ ref('int_owner_odds') }} as odds on reps.month = odds.month and reps.owner_key = odds.owner_key
left join {{ ref('dim_owners') }} as owners on reps.owner_key = owners.owner_key
