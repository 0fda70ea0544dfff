{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='deal_key',
    on_schema_change='fail'
) }}
-- One row per event of a tracked field of a deal, of all connections; everything ever seen, uncut by as_of.
-- Staging stamps every row of a deal with its newest window, so that `>` selects changed deals whole.
with events as (
    {{ union_vendors(
        'deal_events',
        columns='source, source_deal_id, field, effective_at, sequence, value, recorded_at, origin, '
            ~ 'is_order_ambiguous, window_seq',
        where='window_seq > ' ~ seen_up_to() if is_incremental() else none
    ) }}
)

select
    {{ deal_key('source', 'source_deal_id') }} as deal_key,
    source,
    source_deal_id,
    field,
    effective_at,
    sequence,
    value,
    recorded_at,
    origin,
    is_order_ambiguous,
    window_seq
from events
