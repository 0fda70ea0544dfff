-- One row per stay of a deal in a stage while the deal was there: a deletion cuts the stay and leaves as void, a
-- restoration enters it again. With the days of the whole stay for the Kaplan-Meier curves: uncut where the deal came
-- back, else up to the deletion, which censors it.
with

deletions as (
    select
        deal_key, deleted_at,
        case when restored_at < {{ as_of() }} then restored_at end as restored_at
    from {{ ref('int_deal_deletions') }}
    where deleted_at < {{ as_of() }}
),

-- Before the first deletion, between two, and after the last one where the deal is back.
live_periods as (
    select
        deal_key,
        lag(restored_at) over (partition by deal_key order by deleted_at) as from_at,
        deleted_at as to_at
    from deletions
    union all
    select deal_key, max(restored_at) as from_at, cast(null as timestamptz) as to_at
    from deletions
    group by deal_key
    having count(restored_at) = count(*)
),

gone as (
    select deal_key, deleted_at as gone_at
    from deletions
    where restored_at is null
),

cut as (
    select
        stays.deal_key, stays.pipeline_key, stays.to_stage_key, stays.entered_at, stays.exited_at, stays.exit_type,
        periods.from_at, periods.to_at, gone.gone_at,
        coalesce(periods.to_at < stays.exited_at, periods.to_at is not null) as is_cut,
        coalesce(periods.from_at > stays.entered_at, false) as is_restored,
        stays.exited_at is not null and coalesce(stays.exited_at <= gone.gone_at, true) as is_over
    from {{ ref('fct_stage_transitions') }} as stays
    left join live_periods as periods on stays.deal_key = periods.deal_key
    left join gone on stays.deal_key = gone.deal_key
    where
        (periods.to_at is null or stays.entered_at < periods.to_at)
        and (
            periods.from_at is null or stays.entered_at >= periods.from_at
            or stays.exited_at is null or stays.exited_at > periods.from_at
        )
),

placed as (
    select
        deal_key, pipeline_key, to_stage_key as stage_key, is_restored,
        case when is_restored then from_at else entered_at end as entered_at,
        case when is_cut then to_at else exited_at end as left_at,
        case when is_cut then 'void' else exit_type end as exit_type,
        {{ elapsed_days(
            'entered_at', 'case when is_over then exited_at else coalesce(gone_at, ' ~ as_of() ~ ') end'
        ) }} as days,
        cast(is_over as integer) as is_event
    from cut
)

select
    *,
    {{ to_reporting_month('entered_at') }} as entered_month,
    {{ to_reporting_month('left_at') }} as left_month
from placed
