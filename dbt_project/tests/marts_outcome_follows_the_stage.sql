-- Flags, outcome, dates and stage of a deal tell one story.
select deal_key
from {{ ref('dim_deals') }}
where
    is_open is distinct from (case when created_at is not null or stage_key is not null
        then coalesce(stage_category, 'unknown') not in ('won', 'lost', 'void') end)
    or (merged_into_deal_key is not null and not (outcome = 'void' and is_deleted))
    or (outcome = 'void' and merged_into_deal_key is null and coalesce(stage_category, '') <> 'void')
    or (closed_at is not null) <> (coalesce(stage_category, '') in ('won', 'lost', 'void'))
    or (outcome in ('won', 'lost')) <> (merged_into_deal_key is null and coalesce(is_won or is_lost, false))
    or (deleted_at is not null) <> is_deleted
    or (sales_cycle_days is not null) <> coalesce(is_won or is_lost, false)
    or sales_cycle_days < 0
    or first_created_at > created_at
    or closed_at >= {{ as_of() }}
    or deleted_at >= {{ as_of() }}
