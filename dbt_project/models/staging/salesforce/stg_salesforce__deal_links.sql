-- One row per lead or account of an opportunity: the account that it names, the lead that was converted into it, and
-- the leads that its contacts once were.
with leads as (
    select
        source,
        record_id,
        window_seq,
        {{ blank_to_null('r.convertedopportunityid') }} as deal_id,
        {{ blank_to_null('r.convertedcontactid') }} as contact_id
    from {{ salesforce_newest('leads', ['ConvertedOpportunityId', 'ConvertedContactId', 'SystemModstamp']) }}
        as versions
),

roles as (
    select
        source,
        window_seq,
        {{ blank_to_null('r.opportunityid') }} as deal_id,
        {{ blank_to_null('r.contactid') }} as contact_id,
        coalesce({{ parse_boolean('r.isprimary') }}, false) as is_primary
    from {{ salesforce_newest('contact_roles', [
        'OpportunityId', 'ContactId', 'IsPrimary', 'IsDeleted', 'SystemModstamp',
    ]) }} as versions
    where not coalesce({{ parse_boolean('r.isdeleted') }}, false)
),

links as (
    select source, deal_id, 'lead' as kind, record_id as linked_id, true as is_primary, 1 as position, window_seq
    from leads
    where deal_id is not null
    union all
    select
        roles.source, roles.deal_id, 'lead' as kind, leads.record_id as linked_id, roles.is_primary, 2 as position,
        greatest(roles.window_seq, leads.window_seq) as window_seq
    from roles
    inner join leads on roles.source = leads.source and roles.contact_id = leads.contact_id
    where roles.deal_id is not null
    union all
    select
        source, source_deal_id as deal_id, 'company' as kind, account_id as linked_id, true as is_primary,
        1 as position, window_seq
    from {{ ref('stg_salesforce__deal_versions') }}
    where reject_reason is null and account_id is not null
    qualify row_number() over (
        partition by source, source_deal_id order by window_seq desc, state_at desc, part desc, line desc
    ) = 1
)

select
    source,
    deal_id as source_deal_id,
    kind,
    linked_id,
    true as is_newest,
    true as is_last_told,
    bool_or(is_primary) as is_primary,
    cast(min(position) as integer) as position,
    max(window_seq) as window_seq
from links
group by source, deal_id, kind, linked_id
