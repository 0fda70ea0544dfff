-- Every event starts from the value the one before it left, and changes it. Looked for in hashes, which are put in
-- order at half the price; the fields in which something is found are told from their values.
with suspect as (
    select series
    from (
        select
            series, old_hash, new_hash,
            lag(new_hash) over (partition by series order by effective_at, sequence) as hash_before
        from (
            select
                hash(deal_key, field) as series, effective_at, sequence,
                hash(old_value) as old_hash, hash(new_value) as new_hash
            from {{ ref('fct_deal_events') }}
        ) as hashed
    ) as events
    where old_hash <> coalesce(hash_before, hash(cast(null as varchar))) or new_hash = old_hash
)

select *
from (
    select
        *,
        lag(new_value) over (partition by deal_key, field order by effective_at, sequence) as value_before
    from {{ ref('fct_deal_events') }}
    where hash(deal_key, field) in (select suspect.series from suspect)
) as events
where old_value is distinct from value_before or new_value is not distinct from old_value
