-- One row per member of a campaign of the CRM: a lead, or the lead that a contact once was. Whoever did not respond was
-- only addressed: that is no touch.
with leads as (
    select source, record_id, {{ blank_to_null('r.convertedcontactid') }} as contact_id
    from {{ salesforce_newest('leads', ['ConvertedContactId', 'SystemModstamp']) }} as versions
),

members as (
    select *
    from {{ salesforce_newest('campaign_members', [
        'CampaignId', 'LeadId', 'ContactId', 'HasResponded', 'FirstRespondedDate', 'CreatedDate', 'IsDeleted',
        'SystemModstamp',
    ]) }} as versions
)

select
    members.source,
    members.record_id as touch_id,
    'campaign_member' as touch_type,
    -- a day without a zone; whoever was added and responded on one day did so when added
    greatest(
        coalesce({{ salesforce_day('members.r.firstrespondeddate') }}, {{ parse_timestamp('members.r.createddate') }}),
        {{ parse_timestamp('members.r.createddate') }}
    ) as touch_at,
    cast(null as varchar) as person_hash,
    coalesce({{ blank_to_null('members.r.leadid') }}, leads.record_id) as source_lead_id,
    cast(null as varchar) as channel,
    members.r.campaignid as source_campaign_id,
    cast(null as varchar) as campaign_name,
    coalesce({{ parse_boolean('members.r.isdeleted') }}, false)
    or not coalesce({{ parse_boolean('members.r.hasresponded') }}, false) as is_gone,
    members.extracted_at,
    members.window_seq
from members
left join leads on members.source = leads.source and members.r.contactid = leads.contact_id
