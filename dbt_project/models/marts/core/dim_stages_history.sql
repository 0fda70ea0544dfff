-- One row per version of a stage. Stages never listed have one version, assumed since ever.
with versions as (
    select
        stage_key,
        pipeline_key,
        stage_name,
        stage_category,
        is_category_inferred,
        display_order,
        probability,
        is_won,
        is_lost,
        is_retired,
        valid_from,
        case when valid_to < {{ as_of() }} then valid_to end as valid_to
    from {{ ref('int_stage_versions') }}
    where valid_from < {{ as_of() }}
    union all
    select
        stage_key,
        pipeline_key,
        stage_name,
        stage_category,
        is_category_inferred,
        display_order,
        probability,
        is_won,
        is_lost,
        is_retired,
        {{ beginning_of_time() }} as valid_from,
        cast(null as timestamptz) as valid_to
    from {{ ref('int_stages') }}
    where not is_listed
)

select
    {{ hash_of(['stage_key', 'cast(' ~ epoch_us('valid_from') ~ ' as varchar)']) }} as stage_version_key,
    *,
    valid_from = {{ beginning_of_time() }} as is_assumed
from versions
