-- One row per record, history entry, goal or line of targets.csv that was set aside, with the reason. The raw record
-- stays private: publication drops the column `record`.
{%- set columns = 'source, stream, record_id, reason, record, extracted_at, window_id, is_superseded' %}
with

unloaded as (
    select source, stream, record_id, reason, record, extracted_at, window_id, false as is_superseded
    from {{ source('meta', 'load_rejects') }}
),

unparsed as (
    {{ union_vendors('rejected_deals', columns=columns) }}
    union all by name
    {{ union_vendors('rejected_objects', columns=columns) }}
    union all by name
    {{ union_vendors('rejected_properties', columns=columns) }}
)

select source, stream, record_id, reason, is_superseded, extracted_at, window_id, record
from unloaded
union all by name
select source, stream, record_id, reason, is_superseded, extracted_at, window_id, record
from unparsed
union all by name
select
    origin as source, case when origin = 'targets.csv' then 'targets' else 'goal_targets' end as stream, record_id,
    reason, false as is_superseded,
    cast(null as timestamptz) as extracted_at, cast(null as varchar) as window_id, cast(null as varchar) as record
from {{ ref('int_target_rejects') }}
