-- One row per month from the first stage event to as_of, in the reporting time zone. `ends_at` is the first instant of
-- the next month; `seen_at` is where the month is looked at from: its end, or as_of while it runs.
with

span as (
    select
        min(entered_at) as first_at,
        {{ as_of() }} as as_of
    from {{ ref('int_stage_visits') }}
    where entered_at < {{ as_of() }}
),

months as (
    select
        cast(series.month as date) as month,
        last_day(cast(series.month as date)) as month_end,
        span.as_of
    from span,
        -- as_of itself belongs to no run: what counts is the last instant before it
        unnest(generate_series(
            cast({{ to_reporting_month('span.first_at') }} as timestamp),
            cast({{ month_of(last_day_before('span.as_of')) }} as timestamp),
            interval '1 month'
        )) as series (month)
),

bounded as (
    select
        month,
        month_end,
        as_of,
        {{ start_of_reporting_day('month') }} as starts_at,
        {{ start_of_reporting_day('month_end + 1') }} as ends_at
    from months
)

select month, month_end, starts_at, ends_at, least(ends_at, as_of) as seen_at, ends_at <= as_of as is_complete_month
from bounded
