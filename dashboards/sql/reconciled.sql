-- source × stream: the newest comparison with the source's own counts
select
    source,
    stream,
    at_source_live as at_source,
    landed_live as landed,
    in_mart,
    rejected,
    unexplained
from meta.source_reconciliation
qualify row_number() over (partition by source, stream order by run_started_at desc) = 1
order by source, stream
