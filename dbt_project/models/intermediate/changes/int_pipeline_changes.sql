-- One row per change of a pipeline that two successive lists of its connection's pipelines show. The first list of a
-- connection is no change. Uncut by as_of.
with listings as (
    {{ union_vendors('pipelines', columns='source, pipeline_id, pipeline_name, is_archived, window_seq') }}
),

lists as (
    select
        source,
        window_seq,
        row_number() over (partition by source order by window_seq) as list_number
    from (select distinct source, window_seq from listings) as windows
),

listed as (
    select
        listings.source,
        listings.pipeline_id,
        listings.pipeline_name,
        lists.list_number
    from listings
    inner join lists on listings.source = lists.source and listings.window_seq = lists.window_seq
    where not listings.is_archived
),

compared as (
    select
        coalesce(later.source, earlier.source) as source,
        coalesce(later.pipeline_id, earlier.pipeline_id) as pipeline_id,
        coalesce(later.list_number, earlier.list_number + 1) as list_number,
        earlier.pipeline_name as value_before,
        later.pipeline_name as value_after
    from listed as later
    full join listed as earlier
        on
            later.source = earlier.source
            and later.pipeline_id = earlier.pipeline_id
            and later.list_number = earlier.list_number + 1
)

select
    compared.source,
    {{ pipeline_key('compared.source', 'compared.pipeline_id') }} as pipeline_key,
    coalesce(compared.value_after, compared.value_before) as pipeline_name,
    case
        when compared.value_before is null then 'added'
        when compared.value_after is null then 'retired'
        else 'renamed'
    end as kind,
    compared.value_before,
    compared.value_after,
    lists.window_seq
from compared
-- the last list has no successor: what would have gone after it is no change
inner join lists on compared.source = lists.source and compared.list_number = lists.list_number
where compared.value_before is distinct from compared.value_after and compared.list_number > 1
