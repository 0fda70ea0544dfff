-- Two rows of stage_map.csv for one stage on one day would double every deal in it.
select
    earlier.source,
    earlier.pipeline_id,
    earlier.stage_id
from {{ ref('stage_map') }} as earlier
inner join {{ ref('stage_map') }} as later
    on
        earlier.source = later.source
        and earlier.pipeline_id = later.pipeline_id
        and earlier.stage_id = later.stage_id
        and coalesce(earlier.valid_from, date '1900-01-01') <= coalesce(later.valid_from, date '1900-01-01')
        and coalesce(earlier.valid_to, date '9999-12-31') >= coalesce(later.valid_from, date '1900-01-01')
where
    earlier.valid_from is distinct from later.valid_from
    or earlier.valid_to is distinct from later.valid_to
    or earlier.stage_category <> later.stage_category
