-- Invariant 1: stays tile a deal's life without gap or overlap, to the microsecond; numbers are gapless; each comes
-- from the stage before; only the last is open; what lies before the first close adds up to its distance.
with stays as (
    select
        deal_key,
        visit_number,
        from_stage_key,
        to_stage_key,
        entered_at,
        exited_at,
        duration_seconds,
        transition_type,
        exit_type,
        is_current,
        row_number() over deal as expected_number,
        lag(to_stage_key) over deal as stage_before,
        lead(entered_at) over deal as next_entered_at,
        lead(transition_type) over deal as next_type,
        min({{ epoch_us('entered_at') }}) over (partition by deal_key) as first_us,
        sum(cast(round(duration_seconds * 1000000) as bigint)) over (
            partition by deal_key
            order by visit_number
            rows between unbounded preceding and 1 preceding
        ) as elapsed_us
    from {{ ref('fct_stage_transitions') }}
    window deal as (partition by deal_key order by visit_number)
)

select *
from stays
where
    visit_number <> expected_number
    or from_stage_key is distinct from stage_before
    or exited_at is distinct from next_entered_at
    or exit_type is distinct from next_type
    or entered_at > exited_at
    or is_current <> (next_entered_at is null)
    or (visit_number > 1 and elapsed_us <> {{ epoch_us('entered_at') }} - first_us)
