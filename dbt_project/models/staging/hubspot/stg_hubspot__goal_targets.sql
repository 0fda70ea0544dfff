-- One row per sales quota that HubSpot's goals tell of and day since which it is known so. Goals that the newest list
-- lacks were deleted: no version of them counts. Goals that count calls, meetings and the like are no quotas.
with

lists as (
    select source, max(window_seq) as window_seq
    from {{ source('raw', '_windows') }}
    where vendor = 'hubspot' and stream = 'goal_targets'
    group by 1
),

records as (
    select
        source, record_id, extracted_at, window_id, window_seq, part, line, cast(record as varchar) as record,
        from_json(record, '{"createdAt":"VARCHAR","updatedAt":"VARCHAR","archived":"BOOLEAN","properties":{
            "hs_goal_name":"VARCHAR","hs_goal_type":"VARCHAR","hs_target_amount":"VARCHAR",
            "hs_start_datetime":"VARCHAR","hs_end_datetime":"VARCHAR","hubspot_owner_id":"VARCHAR",
            "hs_assignee_user_id":"VARCHAR","hs_assignee_team_id":"VARCHAR"}}') as r
    from {{ source('raw_hubspot', 'hubspot__goal_targets') }}
),

changes as (
    select
        *,
        lag(record) over (partition by source, record_id order by window_seq, part, line) as record_before,
        max(window_seq) over (partition by source, record_id) as newest_seq
    from records
),

-- who has an owner's user id; a deactivated owner keeps it apart
users as (
    select
        source, record_id as source_owner_id,
        coalesce(record ->> 'userId', record ->> 'userIdIncludingInactive') as user_id
    from {{ source('raw_hubspot', 'hubspot__owners') }}
    qualify row_number() over (
        partition by source, coalesce(record ->> 'userId', record ->> 'userIdIncludingInactive')
        order by window_seq desc, record ->> 'userId' is null, part desc, line desc
    ) = 1
)

select
    changes.source,
    changes.record_id as source_goal_id,
    changes.r.properties.hs_goal_name as goal_name,
    coalesce({{ blank_to_null('changes.r.properties.hubspot_owner_id') }}, users.source_owner_id) as source_owner_id,
    {{ blank_to_null('changes.r.properties.hs_assignee_user_id') }} as source_user_id,
    {{ blank_to_null('changes.r.properties.hs_assignee_team_id') }} as source_team_id,
    {{ parse_money('changes.r.properties.hs_target_amount') }} as amount,
    {{ parse_timestamp('changes.r.properties.hs_start_datetime') }} as starts_at,
    {{ parse_timestamp('changes.r.properties.hs_end_datetime') }} as ends_at,
    -- as it was landed first it is taken to have been since it was made
    {{ to_reporting_date(
        'coalesce(case when changes.record_before is null then ' ~ parse_timestamp('changes.r.createdAt') ~ ' else '
        ~ parse_timestamp('changes.r.updatedAt') ~ ' end, changes.extracted_at)'
    ) }} as known_since,
    changes.record,
    changes.extracted_at,
    changes.window_id
from changes
inner join lists on changes.source = lists.source and changes.newest_seq = lists.window_seq
left join users
    on changes.source = users.source
    and {{ blank_to_null('changes.r.properties.hs_assignee_user_id') }} = users.user_id
where
    changes.record_before is distinct from changes.record
    and lower(coalesce({{ blank_to_null('changes.r.properties.hs_goal_type') }}, 'sales_quota')) = 'sales_quota'
qualify row_number() over (
    partition by changes.source, changes.record_id, known_since
    order by changes.window_seq desc, changes.part desc, changes.line desc
) = 1
