-- One row per status of leads with its order. Which step of a funnel it is, its name says; a converted one has become
-- an opportunity.
select
    source,
    r.apiname as lifecycle_stage,
    coalesce({{ blank_to_null('r.masterlabel') }}, r.apiname) as stage_name,
    {{ parse_integer('r.sortorder') }} as position,
    case
        when {{ parse_boolean('r.isconverted') }} then 'opportunity'
        when {{ matches('lower(r.apiname)', 'unqualif|disqualif|reject|junk|неквалиф|отказ|спам') }} then null
        when {{ matches('lower(r.apiname)', 'marketing|mql|nurtur|прогрев') }} then 'mql'
        when {{ matches('lower(r.apiname)', 'qualif|sql|accepted|квалиф') }} then 'sql'
    end as funnel_step
from {{ salesforce_listed('lead_statuses', ['ApiName', 'MasterLabel', 'SortOrder', 'IsConverted']) }} as listed
where r.apiname is not null
