-- One row per stage id and pipeline that was ever seen to contain it, with the window that first showed it.
select
    source,
    stage_id,
    pipeline_id,
    min(window_seq) as first_window_seq
from (
    {{ union_vendors('stages', columns='source, stage_id, pipeline_id, window_seq') }}
) as listings
group by source, stage_id, pipeline_id
