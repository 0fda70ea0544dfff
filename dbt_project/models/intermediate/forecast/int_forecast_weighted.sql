-- One row per month, pipeline, owner, deal type and original source with open deals: what these are expected to bring
-- within nine months, at the month's end or, of the running month, now.
select
    cast(as_of_month as date) as month,
    segment as pipeline_key,
    nullif(owner_key, '') as owner_key,
    nullif(split_part(note, chr(31), 1), '') as deal_type,
    nullif(split_part(note, chr(31), 2), '') as original_source,
    cast(forecast as decimal(18, 2)) as weighted_amount
from {{ ref('int_forecast') }}
where record = 'weighted'
