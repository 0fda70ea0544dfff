-- Ours is what mart_sales_kpis_monthly says, and the deals listed add up to the whole difference.
with

differences as (
    select
        month, metric,
        count(*) filter (where is_rollup) as rollups,
        {%- for part in ['numerator', 'denominator'] %}
        coalesce(sum(crm_{{ part }} - our_{{ part }}) filter (where is_rollup), 0) as whole_{{ part }},
        coalesce(sum(crm_{{ part }} - our_{{ part }}) filter (where not is_rollup), 0) as explained_{{ part }},
        {%- endfor %}
        count(*) filter (where (reason is null) <> is_rollup) as unexplained
    from {{ ref('mart_definition_bridge') }}
    group by 1, 2
)

select month, metric
from differences
where rollups <> 1 or whole_numerator <> explained_numerator or whole_denominator <> explained_denominator
    or unexplained > 0
union all
select kpis.month, bridge.metric
from {{ ref('mart_sales_kpis_monthly') }} as kpis
inner join {{ ref('mart_definition_bridge') }} as bridge on kpis.month = bridge.month
where kpis.is_rollup and abs(coalesce(bridge.our_figure, -1) - coalesce(
    case bridge.metric
        when 'win_rate' then kpis.win_rate
        when 'win_rate_value' then kpis.win_rate_value
        else kpis.average_deal_size
    end, -1
)) > 1e-9 * greatest(abs(bridge.our_figure), 1)
union all
select month, 'missing' as metric
from {{ ref('mart_sales_kpis_monthly') }}
where is_rollup
    and month not in (select bridge.month from {{ ref('mart_definition_bridge') }} as bridge where bridge.is_rollup)
