-- One row per line of targets.csv or goal that is set aside, in whole or for some of its months, with the reason.
select distinct origin, record_id, reject_reason as reason
from {{ ref('int_target_lines') }}
where reject_reason is not null
union all
select
    origin,
    record_id,
    string_agg(distinct strftime(month, '%Y-%m'), ', ' order by strftime(month, '%Y-%m'))
    || ': the same period is in ' || case when origin = 'targets.csv' then '' else 'goal ' end
    || min_by(overlaps_record, overlaps_line) as reason
from {{ ref('int_target_months') }}
where overlaps_line is not null
group by origin, record_id
