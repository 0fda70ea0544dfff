-- Every event starts from the value the one before it left, and changes it.
select *
from (
    select
        *,
        lag(new_value) over (partition by deal_key, field order by effective_at, sequence) as value_before
    from {{ ref('fct_deal_events') }}
) as events
where old_value is distinct from value_before or new_value is not distinct from old_value
