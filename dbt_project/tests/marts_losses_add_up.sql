-- Losses by reason are all losses, and each month and pipeline has its row without a reason.
with

sums as (
    select
        month, pipeline_key, sum(lost_count) as lost_count, sum(lost_amount) as lost_amount,
        sum(new_business_lost_count) as new_business_lost_count,
        count(*) filter (where lost_reason = 'not given' and lost_from_stage_key is null) as not_given
    from {{ ref('mart_loss_reasons_monthly') }}
    group by 1, 2
)

select kpis.month, kpis.pipeline_key
from {{ ref('mart_sales_kpis_monthly') }} as kpis
left join sums on kpis.month = sums.month and kpis.pipeline_key = sums.pipeline_key
where not kpis.is_rollup and (
    kpis.lost_count is distinct from sums.lost_count
    or kpis.lost_amount <> sums.lost_amount
    or kpis.new_business_lost_count <> sums.new_business_lost_count
    or sums.not_given <> 1
)
union all
select month, pipeline_key
from {{ ref('mart_loss_reasons_monthly') }}
where lost_reason_group = 'not given' and lost_reason <> 'not given'
