-- One row per month, metric and deal that counts differently here and in the CRM's own report of that name, and one per
-- month and metric with deal_key 'all' (is_rollup): never sum the two together. The deals add up to the difference.
{%- set metrics = {
    'win_rate': {
        'ours': ("outcome = 'won'", "outcome in ('won', 'lost')", '1'),
        'crm': ('is_crm_won', 'is_crm_closed', '1'),
    },
    'win_rate_value': {
        'ours': ("outcome = 'won' and our_amount > 0", "outcome in ('won', 'lost') and our_amount > 0", 'our_amount'),
        'crm': ('is_crm_won and crm_amount <> 0', 'is_crm_closed and crm_amount <> 0', 'crm_amount'),
    },
} %}
with

deals as (
    select
        deals.deal_key, deals.outcome, deals.deal_type, deals.amount, deals.amount_at_close, deals.source_url,
        -- ours: closings with their amount at close
        closings.month as our_month,
        closings.amount_reporting as our_amount,
        case when closings.is_sized then closings.amount_plan end as our_size,
        -- the CRM's: what its flags call closed, by its close date, with today's amount
        {{ month_of('deals.close_date') }} as crm_month,
        coalesce(listings.is_won, false) as is_crm_won,
        coalesce(listings.is_won or listings.is_lost, false) as is_crm_closed,
        deals.amount_reporting as crm_amount
    from {{ ref('dim_deals') }} as deals
    left join {{ ref('int_sales_closings') }} as closings on deals.deal_key = closings.deal_key
    left join {{ ref('int_stage_listings') }} as listings on deals.stage_key = listings.stage_key and listings.is_latest
    where not deals.is_deleted and (closings.deal_key is not null or listings.is_won or listings.is_lost)
),

counted as (
    {%- for metric, sides in metrics.items() %}
    {%- for side, (numerator, denominator, value) in sides.items() %}
    select
        {{ 'our_month' if side == 'ours' else 'crm_month' }} as month, '{{ metric }}' as metric, deal_key,
        '{{ side }}' as side,
        cast(case when {{ numerator }} then {{ value }} else 0 end as decimal(18, 2)) as numerator,
        cast({{ value }} as decimal(18, 2)) as denominator
    from deals
    where {{ denominator }}
    union all
    {%- endfor %}
    {%- endfor %}
    select
        our_month as month, 'average_deal_size' as metric, deal_key, 'ours' as side, our_size as numerator,
        1 as denominator
    from deals
    where our_size is not null
    union all
    -- deals won for nothing are in the CRM's mean, deals without an amount are not
    select
        crm_month as month, 'average_deal_size' as metric, deal_key, 'crm' as side, crm_amount as numerator,
        1 as denominator
    from deals
    where is_crm_won and crm_amount is not null
),

sides as (
    select
        month, metric, deal_key,
        coalesce(sum(numerator) filter (where side = 'ours'), 0) as our_numerator,
        coalesce(sum(denominator) filter (where side = 'ours'), 0) as our_denominator,
        coalesce(sum(numerator) filter (where side = 'crm'), 0) as crm_numerator,
        coalesce(sum(denominator) filter (where side = 'crm'), 0) as crm_denominator
    from counted
    group by 1, 2, 3
),

totals as (
    select
        months.month, metrics.metric,
        {%- for column in ['our_numerator', 'our_denominator', 'crm_numerator', 'crm_denominator'] %}
        coalesce(sum(sides.{{ column }}), 0) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_months') }} as months
    cross join (values ('win_rate'), ('win_rate_value'), ('average_deal_size')) as metrics (metric)
    left join sides on months.month = sides.month and metrics.metric = sides.metric
    group by 1, 2
),

listed as (
    select *, 'all' as deal_key, true as is_rollup from totals
    union all by name
    select *, false as is_rollup from sides
    where our_numerator <> crm_numerator or our_denominator <> crm_denominator
)

select
    listed.month,
    listed.metric,
    listed.deal_key,
    cast(totals.our_numerator as double) / nullif(totals.our_denominator, 0) as our_figure,
    cast(totals.crm_numerator as double) / nullif(totals.crm_denominator, 0) as crm_figure,
    {%- for column in ['our_numerator', 'our_denominator', 'crm_numerator', 'crm_denominator'] %}
    cast(listed.{{ column }} as decimal(18, 2)) as {{ column }},
    {%- endfor %}
    case
        when listed.is_rollup then null
        when deals.outcome = 'void' then 'void_here'
        when deals.outcome = 'won' and not deals.is_crm_won then 'other_outcome'
        when deals.outcome <> 'won' and deals.is_crm_won then 'other_outcome'
        when deals.outcome = 'lost' and not deals.is_crm_closed then 'other_outcome'
        when deals.outcome = 'open' then 'other_outcome'
        when deals.crm_month is null then 'no_close_date'
        when deals.our_month <> deals.crm_month then 'other_month'
        when
            (deals.amount_at_close is not null and deals.our_amount is null)
            or (deals.amount is not null and deals.crm_amount is null)
            then 'missing_rate'
        when (deals.amount_at_close is distinct from deals.amount) then 'amount_edited'
        when deals.amount_at_close = 0 then 'zero_amount'
        when deals.amount_at_close < 0 then 'negative_amount'
        else 'other_rate'
    end as reason,
    deals.deal_type,
    deals.source_url,
    listed.is_rollup
from listed
inner join totals on listed.month = totals.month and listed.metric = totals.metric
left join deals on listed.deal_key = deals.deal_key
