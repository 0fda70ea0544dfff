-- Invariant 7: booked + open + new = total; segments of one type add up to the company; p10 <= p50 <= p90; nine months
-- each; odds of a deal add up to 1. Money is rounded once a row, so a sum may be a cent a row off.
with

vintages as (
    select * from {{ ref('forecast_monthly') }}
),

components as (
    select as_of_month_end, target_month, segment_type, segment,
        sum(case when component = 'total' then -expected_revenue else expected_revenue end) as gap
    from vintages
    group by 1, 2, 3, 4
),

segments as (
    select as_of_month_end, target_month, component, segment_type, count(*) as parts, sum(expected_revenue) as expected
    from vintages
    group by 1, 2, 3, 4
),

months as (
    select as_of_month_end, component, segment_type, segment
    from vintages
    group by 1, 2, 3, 4
    having count(*) <> 9 or min(horizon_months) <> 1 or max(horizon_months) <> 9
),

-- months ahead of a vintage, cumulated, are its forecast of a period that has no month behind it
spans as (
    select periods.as_of_date, periods.period_end, periods.segment
    from {{ ref('forecast_periods') }} as periods
    inner join vintages
        on periods.as_of_date = vintages.as_of_month_end and periods.segment_type = vintages.segment_type
        and periods.segment = vintages.segment and vintages.target_month <= periods.period_end
    where not periods.is_current and periods.period_type = 'cumulative' and vintages.component = 'total'
    group by all
    having abs(sum(vintages.expected_revenue) - max(periods.expected_revenue)) > 0.01 * count(*)
),

bridged as (
    select as_of_month_end, target_month, sum(amount) as told
    from {{ ref('forecast_bridge') }}
    group by 1, 2
),

-- the change of each target month that two neighbouring vintages share, of the last 24 month ends
changes as (
    select now.as_of_month_end, now.target_month, now.expected_revenue - before.expected_revenue as change
    from vintages as now
    inner join vintages as before
        on now.target_month = before.target_month and now.horizon_months = before.horizon_months - 1
    where
        now.component = 'total' and before.component = 'total' and now.segment_type = 'all'
        and before.segment_type = 'all'
        and now.as_of_month_end > (
            select last_day(cast(max(as_of_month_end) - interval '23 months' as date)) from vintages
        )
),

odds as (
    select deal_key
    from {{ ref('forecast_deal_months') }}
    group by 1
    having abs(sum(p_won) + sum(p_lost) + min_by(p_open, -epoch(target_month)) - 1) > 1e-9
)

select 'components' as rule, as_of_month_end, cast(target_month as varchar) as what
from components
where abs(gap) > 0.02
union all
select 'segments', parts.as_of_month_end, parts.target_month || ' ' || parts.component || ' ' || parts.segment_type
from segments as parts
inner join segments as company
    on parts.as_of_month_end = company.as_of_month_end and parts.target_month = company.target_month
    and parts.component = company.component and company.segment_type = 'all'
where abs(parts.expected - company.expected) > 0.01 * parts.parts
union all
select 'order', as_of_month_end, target_month || ' ' || component || ' ' || segment
from vintages
where p10 > p50 or p50 > p90 or p10 < 0
union all
select 'order', as_of_date, period_type || ' ' || period_end || ' ' || segment
from {{ ref('forecast_periods') }}
where p10 > p50 or p50 > p90 or p10 < won_so_far
union all
select 'nine months', as_of_month_end, component || ' ' || segment
from months
union all
select 'odds', null, deal_key
from odds
union all
select 'periods', as_of_date, period_end || ' ' || segment
from spans
union all
select 'bridge', changes.as_of_month_end, cast(changes.target_month as varchar)
from changes
left join bridged
    on changes.as_of_month_end = bridged.as_of_month_end and changes.target_month = bridged.target_month
where changes.change <> coalesce(bridged.told, 0)
