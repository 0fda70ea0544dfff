-- One row per period in which a deal was deleted (archived, or gone from the source); restored_at null = still.
-- Of several events in one instant the last one counts. Uncut by as_of. Merged-away deals are in int_merges.
with ranked as (
    select
        deal_key,
        effective_at,
        value,
        row_number() over (partition by deal_key, effective_at order by sequence desc) as age
    from {{ ref('int_deal_events') }}
    where field = 'deleted'
),

compared as (
    select
        *,
        lag(value) over (partition by deal_key order by effective_at) as previous_value
    from ranked
    where age = 1
),

changes as (
    select
        deal_key,
        value,
        effective_at as deleted_at,
        lead(effective_at) over (partition by deal_key order by effective_at) as restored_at
    from compared
    where value is distinct from previous_value
)

select
    deal_key,
    deleted_at,
    restored_at
from changes
where value = 'true'
