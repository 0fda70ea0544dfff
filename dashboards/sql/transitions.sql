-- month × pipeline × stage entered × source: how deals came into stages
select
    strftime(t.entered_at at time zone a.timezone, '%Y-%m') as month,
    t.pipeline_key as pipeline,
    t.to_stage_key as stage,
    coalesce(d.original_source, '') as source,
    count(*) as entries,
    count(*) filter (where t.skipped_stages > 0) as skipping,
    coalesce(sum(t.skipped_stages), 0) as skipped_stages,
    count(*) filter (where t.transition_type = 'backward') as backward,
    count(*) filter (where t.transition_type = 'reopened') as reopened
from marts.fct_stage_transitions as t
inner join marts.dim_deals as d using (deal_key)
cross join asked as a
where t.entered_at >= a.first_month::timestamp at time zone a.timezone and t.transition_type <> 'void'
group by all
order by all
