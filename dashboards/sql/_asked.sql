-- one row: the instants that every other query counts from, in the reporting time zone
create or replace temp table asked as
with today as (
    select
        as_of,
        timezone,
        ((as_of - interval 1 microsecond) at time zone timezone)::date as day
    from given
)

select
    as_of,
    timezone,
    day,
    date_trunc('month', day)::date as month,
    (date_trunc('month', day) - interval 24 month)::date as first_month,
    (day - 1)::timestamp at time zone timezone as yesterday
from today;
