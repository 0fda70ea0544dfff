-- One row per version of a user or queue as Salesforce listed it, inactive ones included. Its role is its team: that is
-- what the forecast hierarchy is made of.
with versions as (
    select
        source,
        record_id,
        extracted_at,
        window_id,
        window_seq,
        part,
        line,
        from_json(record, '{{ salesforce_shape([
            'Name', 'IsActive', 'UserRoleId', 'RoleName', 'CreatedDate',
        ]) }}') as r
    from {{ source('raw_salesforce', 'salesforce__users') }}
)

select
    source,
    record_id as source_owner_id,
    coalesce({{ blank_to_null('r.name') }}, record_id) as owner_name,
    {{ blank_to_null('r.userroleid') }} as team_id,
    coalesce({{ blank_to_null('r.rolename') }}, {{ blank_to_null('r.userroleid') }}) as team_name,
    coalesce({{ parse_boolean('r.isactive') }}, true) as is_active,
    {{ parse_timestamp('r.createddate') }} as created_at,
    extracted_at,
    window_id,
    window_seq,
    part,
    line
from versions
