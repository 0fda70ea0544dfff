-- One row: as_of and the last first landing of a connection, local to the reporting time zone; the month the fiscal
-- year starts in.
select
    cast({{ as_of() }} at time zone '{{ var("reporting_timezone") }}' as timestamp) as as_of,
    cast({{ var('fiscal_year_start_month') }} as integer) as fiscal_start,
    (
        select cast(max(first_landed_at) at time zone '{{ var("reporting_timezone") }}' as timestamp)
        from {{ ref('int_landings') }}
    ) as first_landed_at
