-- One row per touch that a source itself tells of and lead that it is of: submissions of forms, campaign memberships.
-- Sources that know no lead of a CRM know people by the hash of their e-mail, as every CRM does.
with touches as (
    {{ union_vendors('touches') }}
),

newest as (
    select *
    from touches
    qualify row_number() over (
        partition by source, touch_id
        order by window_seq desc, extracted_at desc
    ) = 1
),

kept as (
    select
        {{ entity_key('source', 'touch_id') }} as touch_key,
        source,
        touch_type,
        touch_at,
        channel,
        {{ entity_key('source', 'source_campaign_id') }} as campaign_key,
        campaign_name,
        person_hash,
        {{ entity_key('source', 'source_lead_id') }} as named_lead_key
    from newest
    where not is_gone and touch_at < {{ as_of() }}
)

select
    kept.touch_key, kept.touch_type, kept.touch_at, kept.channel, kept.campaign_key, kept.campaign_name,
    leads.person_key as lead_key
from kept
inner join {{ ref('int_leads') }} as leads on kept.named_lead_key = leads.lead_key
union
select
    kept.touch_key, kept.touch_type, kept.touch_at, kept.channel, kept.campaign_key, kept.campaign_name,
    leads.person_key as lead_key
from kept
inner join {{ ref('int_leads') }} as leads on kept.person_hash = leads.person_hash
