-- One row per forecasting quota in money: of a month from its start date on, as Collaborative Forecasts have them.
select
    source,
    record_id as source_goal_id,
    cast(null as varchar) as goal_name,
    {{ blank_to_null('r.quotaownerid') }} as source_owner_id,
    cast(null as varchar) as source_user_id,
    cast(null as varchar) as source_team_id,
    {{ parse_money('r.quotaamount') }} as amount,
    {{ salesforce_day('r.startdate') }} as starts_at,
    {{ start_of_reporting_day("try_cast(r.startdate as date) + interval '1 month'") }} as ends_at,
    {{ to_reporting_date('coalesce(' ~ parse_timestamp('r.systemmodstamp') ~ ', extracted_at)') }} as known_since,
    to_json(r) as record,
    extracted_at,
    window_id
from {{ salesforce_listed('forecasting_quotas', [
    'QuotaOwnerId', 'QuotaAmount', 'StartDate', 'IsAmount', 'SystemModstamp',
]) }} as listed
where coalesce({{ parse_boolean('r.isamount') }}, true) and {{ blank_to_null('r.quotaamount') }} is not null
