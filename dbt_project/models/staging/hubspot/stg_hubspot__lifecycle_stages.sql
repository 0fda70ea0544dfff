-- One row per lifecycle stage with its order: from the portal's own property where its options were landed,
-- else HubSpot's standard ones.
with

newest as (
    select source, record
    from {{ source('raw_hubspot', 'hubspot__properties') }}
    where record_id = 'contacts:lifecyclestage'
    qualify row_number() over (partition by source order by window_seq desc, part desc, line desc) = 1
),

options as (
    select
        source,
        unnest(from_json(
            record -> '$.options', '[{"value":"VARCHAR","label":"VARCHAR","displayOrder":"INTEGER"}]'
        )) as o
    from newest
),

standard (lifecycle_stage, stage_name, position) as (
    values
    ('subscriber', 'Subscriber', 0), ('lead', 'Lead', 1), ('marketingqualifiedlead', 'Marketing qualified lead', 2),
    ('salesqualifiedlead', 'Sales qualified lead', 3), ('opportunity', 'Opportunity', 4), ('customer', 'Customer', 5),
    ('evangelist', 'Evangelist', 6), ('other', 'Other', -1)
),

sources as (select distinct source from {{ source('raw_hubspot', 'hubspot__contacts') }}),

listed as (
    select
        source,
        o.value as lifecycle_stage,
        coalesce(o.label, o.value) as stage_name,
        -- "other" is HubSpot's bin, not the far end of the funnel
        case when o.value = 'other' then -1 else o.displayorder end as position
    from options
    where o.value is not null
    union all
    select sources.source, standard.lifecycle_stage, standard.stage_name, standard.position
    from sources
    cross join standard
    where sources.source not in (select options.source from options)
)

select
    source,
    lifecycle_stage,
    stage_name,
    position,
    -- the steps that every CRM's funnel of leads has, whatever it calls them; labels do not say it
    case lifecycle_stage
        when 'marketingqualifiedlead' then 'mql'
        when 'salesqualifiedlead' then 'sql'
        when 'opportunity' then 'opportunity'
        when 'customer' then 'customer'
    end as funnel_step
from listed
