-- one row: the day that as_of has seen last, its month, and the first month shown
select
    strftime(month, '%Y-%m') as month,
    strftime(first_month, '%Y-%m') as first_month,
    day,
    yesterday,
    timezone
from asked
