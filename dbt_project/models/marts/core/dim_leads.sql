-- One row per lead (person after merges; in HubSpot a contact) created before as_of.
with

leads as (
    select *
    from {{ ref('int_leads') }}
    where created_at < {{ as_of() }} and not (is_merged_away and coalesce(merged_at < {{ as_of() }}, true))
),

visits as (
    select visits.lead_key, visits.to_stage, visits.entered_at, visits.exited_at, visits.visit_number, stages.position
    from {{ ref('int_lead_visits') }} as visits
    left join {{ ref('int_lifecycle_stages') }} as stages
        on visits.source = stages.source and visits.to_stage = stages.lifecycle_stage
    where visits.entered_at < {{ as_of() }}
),

reached as (
    select
        lead_key,
        max(to_stage) filter (where exited_at is null or exited_at >= {{ as_of() }}) as lifecycle_stage,
        -- of a tie (a stage the portal does not list) the first reached
        max_by(to_stage, (coalesce(position, -2), -visit_number)) as furthest_lifecycle_stage,
        min(entered_at) filter (where to_stage in ('opportunity', 'customer')) as opportunity_at
    from visits
    group by 1
),

campaigned as (
    select leads.lead_key, campaigns.campaign_key
    from leads
    inner join {{ ref('int_campaigns') }} as campaigns
        on
            {{ channel_of_source('leads.original_source') }} = campaigns.channel
            and lower(leads.original_source_detail) = lower(campaigns.campaign_name)
    qualify row_number() over (
        partition by leads.lead_key
        order by
            {{ as_it_ran('leads.created_at', 'campaigns') }}
    ) = 1
),

last_events as (
    select lead_key, field, value
    from {{ ref('int_lead_events') }}
    where effective_at < {{ as_of() }} and field in ('lead_status', 'owner')
    qualify row_number() over (partition by lead_key, field order by effective_at desc, sequence desc) = 1
)

select
    leads.lead_key,
    leads.source,
    leads.source_lead_id,
    leads.original_source,
    leads.latest_source,
    campaigns.campaign_key,
    leads.created_at,
    reached.lifecycle_stage,
    reached.furthest_lifecycle_stage,
    statuses.value as lead_status,
    {{ entity_key('leads.source', 'owners.value') }} as owner_key,
    coalesce(deals.deal_created_at, reached.opportunity_at) as converted_at,
    deals.deal_key as converted_deal_key,
    coalesce(leads.deleted_at < {{ as_of() }}, false) as is_deleted,
    leads.person_hash,
    leads.source_url,
    batches.import_batch_id
from leads
left join reached on leads.lead_key = reached.lead_key
left join last_events as statuses on leads.lead_key = statuses.lead_key and statuses.field = 'lead_status'
left join last_events as owners on leads.lead_key = owners.lead_key and owners.field = 'owner'
left join campaigned as campaigns on leads.lead_key = campaigns.lead_key
left join {{ ref('int_lead_deals') }} as deals on leads.lead_key = deals.lead_key
left join {{ ref('int_import_batches') }} as batches
    on leads.lead_key = batches.record_key and batches.record_kind = 'lead'
