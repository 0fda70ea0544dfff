-- One row per line of targets.csv, measure (quota, budget) and month of its period. Of two lines that say the same of
-- one month (same measure, target and version) the first in the file stands; the other has its number in overlaps_line.
with

measures as (
    select line, level, target_key, first_month, last_month, version, 'quota' as measure, quota as amount
    from {{ ref('int_target_lines') }}
    where reject_reason is null and quota is not null
    union all
    select line, level, target_key, first_month, last_month, version, 'budget' as measure, budget as amount
    from {{ ref('int_target_lines') }}
    where reject_reason is null and budget is not null
),

months as (
    select measures.*, cast(series.month as date) as month
    from measures,
        unnest(generate_series(
            cast(measures.first_month as timestamp), cast(measures.last_month as timestamp), interval '1 month'
        )) as series (month)
)

select
    line, level, target_key, measure, month, version, amount,
    nullif(min(line) over (partition by level, target_key, measure, month, version), line) as overlaps_line
from months
