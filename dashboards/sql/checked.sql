-- kind of check × status
select kind, status, count(*) as checks
from meta.check_results
group by all
order by all
