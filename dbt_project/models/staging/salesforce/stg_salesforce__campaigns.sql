-- One row per campaign of the CRM: its newest version. Its cost is a total without days: it is not among spend.
select
    source,
    record_id as source_campaign_id,
    coalesce({{ blank_to_null('r.name') }}, record_id) as campaign_name,
    coalesce({{ channel_of_source('r.type') }}, 'other') as channel,
    lower(r.status) as status,
    extracted_at,
    window_seq
from {{ salesforce_newest('campaigns', ['Name', 'Type', 'Status', 'SystemModstamp']) }} as versions
