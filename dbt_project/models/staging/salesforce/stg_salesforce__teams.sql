-- One row per role and version of a user that has it.
select
    source,
    team_id as source_team_id,
    team_name,
    extracted_at,
    window_seq,
    part,
    line
from {{ ref('stg_salesforce__owners') }}
where team_id is not null
