{{ config(materialized='view') }}
-- One row per month and deal open at its end, the running month at as_of: who held it then and what it weighs. Money is
-- rounded to cents deal by deal, so that any grouping adds up to any other.
with

standing as (
    select
        {{ month_of('month_end') }} as month, deal_key, pipeline_key, stage_key, owner_key, amount, amount_reporting,
        close_date
    from {{ ref('fct_pipeline_month_end') }}
    union all
    select
        months.month, deals.deal_key, deals.pipeline_key, deals.stage_key, deals.owner_key, deals.amount,
        deals.amount_reporting, deals.close_date
    from {{ ref('dim_deals') }} as deals
    inner join {{ ref('int_months') }} as months on not months.is_complete_month
    where deals.is_open and not deals.is_deleted and deals.stage_key is not null
)

select
    standing.month,
    standing.deal_key,
    standing.pipeline_key,
    standing.owner_key,
    standing.close_date,
    standing.amount_reporting,
    {{ weighted('standing.amount_reporting', 'stages.probability') }} as crm_weighted_amount,
    standing.amount is not null and standing.amount_reporting is null as is_unconverted,
    -- won already and being delivered: still an open stage in the CRM, but nothing that is left to win
    coalesce(stages.stage_category = 'fulfilment', false) as is_fulfilment
from standing
left join {{ ref('dim_stages') }} as stages on standing.stage_key = stages.stage_key
