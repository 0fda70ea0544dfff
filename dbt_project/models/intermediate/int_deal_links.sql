-- One row per deal and lead or company linked to it, merged ones replaced by their survivors; link_rank 1 is the one
-- that counts as the deal's own (the primary company, else the first listed).
with

links as (
    {{ union_vendors('deal_links') }}
),

chosen as (
    select
        deals.deal_key,
        links.kind,
        links.is_primary,
        links.position,
        {{ entity_key('links.source', 'links.linked_id') }} as linked_key
    from links
    inner join {{ ref('int_deals') }} as deals
        on links.source = deals.source and links.source_deal_id = deals.source_deal_id
    -- the API forgets the links of an archived deal: there the last set that was told stands
    where (links.is_newest and not deals.is_archived) or (links.is_last_told and deals.is_archived)
),

resolved as (
    select
        chosen.deal_key,
        chosen.kind,
        coalesce(leads.person_key, companies.survivor_key, chosen.linked_key) as linked_key,
        bool_or(chosen.is_primary) as is_primary,
        min(chosen.position) as position
    from chosen
    left join {{ ref('int_leads') }} as leads on chosen.kind = 'lead' and chosen.linked_key = leads.lead_key
    left join {{ ref('int_companies') }} as companies
        on chosen.kind = 'company' and chosen.linked_key = companies.company_key
    group by 1, 2, 3
)

select
    deal_key,
    kind,
    linked_key,
    cast(row_number() over (
        partition by deal_key, kind order by is_primary desc, position asc, linked_key asc
    ) as integer) as link_rank
from resolved
