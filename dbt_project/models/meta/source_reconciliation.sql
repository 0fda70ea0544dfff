-- One row per connection and object: live records by the source's own count, landed, staged and in the marts. What no
-- column explains is in `unexplained`; the gate refuses to publish when it is not 0.
with

landed as (
    {{ union_vendors('landed_records') }}
),

counted as (
    {{ union_vendors('source_counts') }}
),

-- what changed at or after as_of is in landing, but not yet in the marts
later_deals as (
    select deal_key
    from {{ ref('int_deal_events') }}
    where field in ('deleted', 'merged_into') and effective_at >= {{ as_of() }}
    union
    select deal_key
    from {{ ref('int_deals') }}
    where created_at >= {{ as_of() }}
),

marts as (
    select
        deals.source, 'deals' as object, deals.source_deal_id as record_id,
        coalesce(not published.is_deleted, false) as is_in_mart, later_deals.deal_key is not null as is_later
    from {{ ref('int_deals') }} as deals
    left join {{ ref('dim_deals') }} as published on deals.deal_key = published.deal_key
    left join later_deals on deals.deal_key = later_deals.deal_key
    union all
    select
        leads.source, 'contacts' as object, leads.source_lead_id as record_id,
        coalesce(not published.is_deleted, false) as is_in_mart,
        coalesce(
            leads.created_at >= {{ as_of() }}
            or leads.deleted_at >= {{ as_of() }}
            or leads.merged_at >= {{ as_of() }},
            false
        ) as is_later
    from {{ ref('int_leads') }} as leads
    left join {{ ref('dim_leads') }} as published on leads.lead_key = published.lead_key
    union all
    select
        companies.source, 'companies' as object, companies.source_company_id as record_id,
        coalesce(not published.is_deleted, false) as is_in_mart,
        coalesce(companies.created_at >= {{ as_of() }} or companies.deleted_at >= {{ as_of() }}, false) as is_later
    from {{ ref('int_companies') }} as companies
    left join {{ ref('dim_companies') }} as published on companies.company_key = published.company_key
),

records as (
    select
        landed.source, landed.object, landed.is_live, landed.is_parsed,
        -- lead objects stop at staging
        coalesce(marts.is_in_mart, landed.object = 'leads' and landed.is_live and landed.is_parsed) as is_in_mart,
        coalesce(marts.is_later, false) as is_later
    from landed
    left join marts
        on landed.source = marts.source and landed.object = marts.object and landed.record_id = marts.record_id
),

sums as (
    select
        source,
        object,
        count(*) filter (where is_live) as landed_live,
        count(*) filter (where is_live and is_parsed) as staged,
        count(*) filter (where is_live and not is_parsed) as rejected,
        count(*) filter (where is_in_mart) as in_mart,
        count(*) filter (where is_live and is_parsed and not is_in_mart and is_later)
        - count(*) filter (where not is_live and is_in_mart and is_later) as explained_after_as_of,
        count(*) filter (where (is_live and is_parsed) <> is_in_mart and not is_later) as unexplained_in_mart
    from records
    group by 1, 2
),

compared as (
    select
        coalesce(sums.source, counted.source) as source,
        coalesce(sums.object, counted.object) as object,
        counted.live as at_source_live,
        counted.archived as at_source_archived,
        counted.bracket_low,
        counted.bracket_high,
        counted.counted_at,
        coalesce(sums.landed_live, 0) as landed_live,
        coalesce(sums.staged, 0) as staged,
        coalesce(sums.in_mart, 0) as in_mart,
        coalesce(sums.explained_after_as_of, 0) as explained_after_as_of,
        coalesce(sums.rejected, 0) as rejected,
        coalesce(sums.unexplained_in_mart, 0) as unexplained_in_mart
    from sums
    full join counted on sums.source = counted.source and sums.object = counted.object
)

select
    source,
    object,
    at_source_live,
    at_source_archived,
    bracket_low,
    bracket_high,
    counted_at,
    landed_live,
    staged,
    in_mart,
    explained_after_as_of,
    rejected,
    -- where the source was not asked there is nothing to compare with
    case
        when landed_live < bracket_low then bracket_low - landed_live
        when landed_live > bracket_high then landed_live - bracket_high
        else 0
    end + unexplained_in_mart as unexplained
from compared
