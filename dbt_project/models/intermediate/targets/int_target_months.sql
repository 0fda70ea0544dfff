-- One row per line of targets.csv or of a goal, measure (quota, budget) and month of its period. Of two lines that say
-- the same of one month (same measure, target and version) the first in the file stands; the other has its number in
-- overlaps_line. Of two goals for one target and month the one with the smaller id; versions of one do not overlap.
with

measures as (
    select
        origin, record_id, line, level, target_key, first_month, last_month, version, 'quota' as measure,
        quota as amount
    from {{ ref('int_target_lines') }}
    where reject_reason is null and quota is not null
    union all
    select
        origin, record_id, line, level, target_key, first_month, last_month, version, 'budget' as measure,
        budget as amount
    from {{ ref('int_target_lines') }}
    where reject_reason is null and budget is not null
),

months as (
    select
        measures.*, cast(series.month as date) as month,
        case when measures.origin = 'targets.csv' then measures.version end as version_apart
    from measures,
        unnest(generate_series(
            cast(measures.first_month as timestamp), cast(measures.last_month as timestamp), interval '1 month'
        )) as series (month)
),

firsts as (
    select
        *,
        min(line) over same as first_line,
        first_value(record_id) over (
            partition by origin, level, target_key, measure, month, version_apart order by line
        ) as first_record_id
    from months
    window same as (partition by origin, level, target_key, measure, month, version_apart)
)

select
    origin, record_id, line, level, target_key, measure, month, version, amount,
    case when record_id <> first_record_id then first_line end as overlaps_line,
    case when record_id <> first_record_id then first_record_id end as overlaps_record
from firsts
