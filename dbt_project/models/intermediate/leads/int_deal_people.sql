{{ config(materialized='view') }}

-- One row per deal and person of it: each lead linked to it and, of the same person (the same keyed hash of the e-mail
-- address), each lead of another connection: who became a lead in one system and a customer in the other is one.
with

linked as (
    select deal_key, linked_key as lead_key
    from {{ ref('int_deal_links') }}
    where kind = 'lead'
),

-- Addresses that more than one connection knows.
addresses as (
    select person_hash
    from {{ ref('int_leads') }}
    where person_hash is not null
    group by 1
    having min(source) <> max(source)
),

known as (
    select
        leads.person_hash,
        leads.person_key,
        leads.source
    from {{ ref('int_leads') }} as leads
    inner join addresses on leads.person_hash = addresses.person_hash
)

select
    deal_key,
    lead_key
from linked
union distinct
select
    linked.deal_key,
    others.person_key as lead_key
from linked
inner join known on linked.lead_key = known.person_key
inner join known as others on known.person_hash = others.person_hash and known.source <> others.source
