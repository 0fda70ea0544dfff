-- One row per lead that is open at as_of (not deleted, without a deal, no customer), in the order in which leads like
-- it became customers; where that is equal, or not known yet, the newest first.
{%- set drivers = {
    'stage': "'stage ' || leads.lifecycle_stage", 'origin': "'source ' || leads.original_source",
    'age': "'age ' || leads.age_band"
} %}
with

leads as (
    select * from {{ ref('int_lead_landmarks') }}
    where landmark = 0
),

rated as (
    select
        leads.*, rates.rate_90d, rates.average_rate, rates.alike_leads, rates.alike_customers,
        nullif(concat_ws(
            '; '
            {%- for name, text in drivers.items() %},
            {{ text }} || ': ' || printf('%.1f', 100 * rates.{{ name }}_rate) || ' % of ' || rates.{{ name }}_leads
            || coalesce(printf(' (%.1f times all)', rates.{{ name }}_rate / nullif(rates.average_rate, 0)), '')
            {%- endfor %}
        ), '') as drivers
    from leads
    left join {{ ref('int_lead_rates') }} as rates
        on rates.landmark = 0 and leads.source = rates.source and leads.original_source = rates.original_source
        and leads.lifecycle_stage = rates.lifecycle_stage and leads.age_band = rates.age_band
)

select
    rated.lead_key,
    rated.source,
    known.original_source,
    known.lifecycle_stage,
    known.owner_key,
    rated.created_at,
    rated.age_days,
    rated.age_band,
    rated.rate_90d as probability_customer_90d,
    rated.rate_90d,
    rated.average_rate as average_rate_90d,
    coalesce(rated.alike_leads, 0) as alike_leads,
    coalesce(rated.alike_customers, 0) as alike_customers,
    {{ wilson_low('rated.alike_customers', 'rated.alike_leads') }} as alike_rate_low,
    {{ wilson_high('rated.alike_customers', 'rated.alike_leads') }} as alike_rate_high,
    cast(row_number() over (
        order by rated.rate_90d desc nulls last, rated.created_at desc, rated.lead_key asc
    ) as integer) as rank,
    rated.drivers,
    known.source_url
from rated
inner join {{ ref('dim_leads') }} as known on rated.lead_key = known.lead_key
