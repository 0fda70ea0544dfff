{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['run_id', 'source', 'stream'],
    on_schema_change='append_new_columns',
    full_refresh=false
) }}
-- One row per connection, stream and run that built the tables: live records by the source's own count, landed, staged
-- and in the marts. What no column explains is in `unexplained`; the gate refuses to publish when it is not 0 for the
-- run at hand. Earlier runs' rows stay as they were (hence full_refresh: no landing tells what a run once saw).
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
        landed.source, landed.object as stream, landed.is_live, landed.is_parsed,
        -- lead objects stop at staging
        coalesce(marts.is_in_mart, landed.object = 'leads' and landed.is_live and landed.is_parsed) as is_in_mart,
        coalesce(marts.is_later, false) as is_later,
        landed.object = 'deals' and not {{ is_left_in(deal_key('landed.source', 'landed.record_id')) }} as is_left_out
    from landed
    left join marts
        on landed.source = marts.source and landed.object = marts.object and landed.record_id = marts.record_id
),

sums as (
    select
        source,
        stream,
        count(*) filter (where is_live) as landed_live,
        count(*) filter (where is_live and is_parsed) as staged,
        count(*) filter (where is_live and not is_parsed) as rejected,
        count(*) filter (where is_in_mart) as in_mart,
        count(*) filter (where is_live and is_parsed and not is_in_mart and is_later)
        - count(*) filter (where not is_live and is_in_mart and is_later) as explained_after_as_of,
        count(*) filter (where is_live and is_parsed and is_left_out) as left_out,
        count(*) filter (where (is_live and is_parsed) <> is_in_mart and not is_later and not is_left_out)
            as unexplained_in_mart
    from records
    group by 1, 2
),

set_aside as (
    select source, stream, reason, count(distinct coalesce(record_id, md5(record))) as records
    from {{ ref('rejected_records') }}
    where not is_superseded
    group by 1, 2, 3
),

reasons as (
    select source, stream, string_agg(reason || ': ' || records, '; ' order by reason) as rejected_by_reason
    from set_aside
    group by 1, 2
),

differences as (
    select source, stream, count(*) as history_differences
    from {{ ref('history_differences') }}
    group by 1, 2
),

compared as (
    select
        coalesce(sums.source, counted.source) as source,
        coalesce(sums.stream, counted.object) as stream,
        counted.live as at_source_live,
        counted.archived as at_source_archived,
        counted.bracket_low,
        counted.bracket_high,
        counted.counted_at,
        counted.swept_at,
        counted.silent_changes,
        counted.silent_link_changes,
        coalesce(sums.landed_live, 0) as landed_live,
        coalesce(sums.staged, 0) as staged,
        coalesce(sums.in_mart, 0) as in_mart,
        coalesce(sums.explained_after_as_of, 0) as explained_after_as_of,
        coalesce(sums.rejected, 0) as rejected,
        coalesce(sums.left_out, 0) as left_out,
        coalesce(sums.unexplained_in_mart, 0) as unexplained_in_mart
    from sums
    full join counted on sums.source = counted.source and sums.stream = counted.object
)

select
    compared.source,
    compared.stream,
    run.run_id,
    run.as_of,
    run.started_at as run_started_at,
    compared.at_source_live,
    compared.at_source_archived,
    compared.bracket_low,
    compared.bracket_high,
    compared.counted_at,
    compared.landed_live,
    compared.staged,
    compared.in_mart,
    compared.explained_after_as_of,
    compared.rejected,
    reasons.rejected_by_reason,
    -- where the source was not asked there is nothing to compare with
    case
        when compared.landed_live < compared.bracket_low then compared.bracket_low - compared.landed_live
        when compared.landed_live > compared.bracket_high then compared.landed_live - compared.bracket_high
        else 0
    end + compared.unexplained_in_mart as unexplained,
    coalesce(differences.history_differences, 0) as history_differences,
    compared.swept_at,
    coalesce(compared.silent_changes, 0) as silent_changes,
    coalesce(compared.silent_link_changes, 0) as silent_link_changes,
    compared.left_out
from compared
cross join {{ source('meta', 'run_clock') }} as run
left join reasons on compared.source = reasons.source and compared.stream = reasons.stream
left join differences on compared.source = differences.source and compared.stream = differences.stream
