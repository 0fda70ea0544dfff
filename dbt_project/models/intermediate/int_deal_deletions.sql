-- One row per period in which a deal was deleted (archived, or gone from the source); restored_at null = still.
-- Uncut by as_of. Merged-away deals are in int_merges.
select
    deal_key,
    valid_from as deleted_at,
    valid_to as restored_at
from {{ ref('int_deal_values') }}
where field = 'deleted' and value = 'true'
