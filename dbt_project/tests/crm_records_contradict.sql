{{ config(severity='warn') }}
-- What the CRM says of its own records and cannot be so, one row per kind and connection. Each has a rule
-- (docs/operations.md) and is counted by it; nothing is left out, so that this warns and never refuses.
with

found as (
    select 'the stage is in no pipeline' as problem, source, deal_key as record_key
    from {{ ref('dim_deals') }}
    where pipeline_key = source || ':unknown' and not is_deleted
    union all
    select 'the pipeline was deleted, open deals are still in it' as problem, deals.source, deals.deal_key as record_key
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('dim_pipelines') }} as pipelines on deals.pipeline_key = pipelines.pipeline_key
    where
        pipelines.is_retired and deals.is_open and not deals.is_deleted
        and deals.pipeline_key <> deals.source || ':unknown'
    union all
    select distinct 'the open stage has no probability' as problem, stages.source, stages.stage_key as record_key
    from {{ ref('dim_stages') }} as stages
    inner join {{ ref('dim_deals') }} as deals on stages.stage_key = deals.stage_key
    where
        stages.probability is null and stages.is_open and not stages.is_retired
        and deals.is_open and not deals.is_deleted
    union all
    select 'closed before it was created' as problem, source, deal_key as record_key
    from {{ ref('dim_deals') }}
    where
        outcome in ('won', 'lost') and not is_deleted
        and (closed_at < created_at or close_date < {{ to_reporting_date('created_at') }})
    union all
    select 'a deal before it was a lead' as problem, source, lead_key as record_key
    from {{ ref('dim_leads') }}
    where converted_at < created_at and not is_deleted
)

select
    problem,
    source,
    count(*) as records,
    array_to_string(list_slice(list_sort(list(record_key)), 1, 3), ' ') as examples
from found
group by problem, source
order by problem, source
