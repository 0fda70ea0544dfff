-- One row per line of targets.csv that is set aside, in whole or for some of its months, with the reason.
select line, reject_reason as reason
from {{ ref('int_target_lines') }}
where reject_reason is not null
union all
select
    line,
    string_agg(distinct strftime(month, '%Y-%m'), ', ' order by strftime(month, '%Y-%m'))
    || ': the same period is in line ' || min(overlaps_line) as reason
from {{ ref('int_target_months') }}
where overlaps_line is not null
group by line
