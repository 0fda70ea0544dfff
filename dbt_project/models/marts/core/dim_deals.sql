{{ config(post_hook="{{ comment_on_properties(this) }}") }}
{%- set properties = var('deal_properties') | select('mapping') | list %}
-- One row per deal ever seen, as it was at as_of: open, closed, deleted and merged-away ones alike.
with

deals as (
    select * from {{ ref('int_deals') }}
),

states as (
    select *
    from {{ ref('int_deal_states') }}
    where valid_from < {{ as_of() }} and (valid_to is null or valid_to >= {{ as_of() }})
),

moves as (
    select
        deal_key,
        cast(count(*) filter (where transition_type = 'backward') as integer) as backward_moves,
        cast(count(*) filter (where transition_type = 'reopened') as integer) as reopen_count
    from {{ ref('fct_stage_transitions') }}
    group by 1
),

merged_in as (
    select outcomes.merged_into_deal_key as deal_key, min(deals.created_at) as created_at
    from {{ ref('int_deal_outcomes') }} as outcomes
    inner join deals on outcomes.deal_key = deals.deal_key
    where outcomes.merged_into_deal_key is not null
    group by 1
),

described as (
    select
        outcomes.*,
        deals.source,
        deals.source_deal_id,
        deals.deal_name,
        deals.created_at,
        deals.source_created_at,
        deals.lost_reason,
        deals.original_source,
        deals.source_url,
        states.amount,
        states.currency,
        states.owner_key,
        states.deal_type as deal_type_given,
        coalesce(states.close_date_pushes, 0) as close_date_pushes,
        {{ to_reporting_date('states.close_date_at') }} as close_date,
        least(deals.created_at, merged_in.created_at) as first_created_at,
        pipelines.is_renewal_pipeline,
        closings.amount_at_close,
        coalesce(closings.amount_at_close_is_restored, false) as amount_at_close_is_restored,
        closings.owner_key_at_close,
        creation.owner_key as owner_key_at_creation,
        moves.backward_moves,
        moves.reopen_count,
        coalesce(states.currency, currencies.home_currency) as currency_used,
        case
            when outcomes.closed_at is null then {{ last_day_before(as_of()) }}
            else coalesce(
                {{ to_reporting_date('states.close_date_at') }}, {{ to_reporting_date('outcomes.closed_at') }}
            )
        end as rate_day
    from {{ ref('int_deal_outcomes') }} as outcomes
    left join deals on outcomes.deal_key = deals.deal_key
    left join states on outcomes.deal_key = states.deal_key
    left join merged_in on outcomes.deal_key = merged_in.deal_key
    left join moves on outcomes.deal_key = moves.deal_key
    left join {{ ref('int_deal_closings') }} as closings on outcomes.deal_key = closings.deal_key
    left join {{ ref('int_deal_creations') }} as creation on outcomes.deal_key = creation.deal_key
    left join {{ ref('int_deal_currencies') }} as currencies on outcomes.deal_key = currencies.deal_key
    left join {{ ref('dim_pipelines') }} as pipelines on outcomes.pipeline_key = pipelines.pipeline_key
),

links as (
    select
        deal_key,
        min(linked_key) filter (where kind = 'lead') as lead_key,
        min(linked_key) filter (where kind = 'company') as company_key
    from {{ ref('int_deal_links') }}
    where link_rank = 1
    group by 1
)

select
    described.deal_key,
    -- a loser that was merged away before we ever saw it is known by its key alone
    coalesce(described.source, split_part(described.deal_key, ':', 1)) as source,
    coalesce(described.source_deal_id, replace(split_part(described.deal_key, ':', 2), '%3A', ':')) as source_deal_id,
    described.deal_name,
    case
        when described.source is not null
            then {{ deal_type_of(
                'described.deal_type_given', 'described.is_renewal_pipeline', 'described.pipeline_key', 'described.source'
            ) }}
    end as deal_type,
    described.pipeline_key,
    described.stage_key,
    described.stage_category,
    described.owner_key,
    described.owner_key_at_creation,
    described.owner_key_at_close,
    described.amount,
    described.currency,
    described.source is not null and described.currency is null and described.currency_used is not null
        as is_currency_assumed,
    described.amount_at_close,
    described.amount_at_close_is_restored,
    {{ converted('described.amount', rate_of('rates', 'currencies', 'described.currency_used')) }} as amount_reporting,
    described.created_at,
    described.first_created_at,
    described.closed_at,
    described.close_date,
    described.outcome,
    described.is_open,
    described.is_won,
    described.is_lost,
    described.is_deleted,
    described.deleted_at,
    described.merged_into_deal_key,
    links.lead_key,
    links.company_key,
    described.original_source,
    cast(null as varchar) as campaign_key,
    described.lost_reason,
    case when described.is_lost then {{ lost_reason_group('described.lost_reason') }} end as lost_reason_group,
    described.source_url,
    batches.import_batch_id,
    case
        when described.is_won or described.is_lost
            then {{ days_from_zero('described.created_at', 'described.closed_at') }}
    end as sales_cycle_days,
    described.stage_changes,
    described.backward_moves,
    described.close_date_pushes,
    described.reopen_count,
    renewals.renewal_of_deal_key,
    renewals.renewal_due_date,
    renewals.available_amount,
    renewals.available_currency,
    coalesce(renewals.is_renewal_inferred, false) as is_renewal_inferred,
    coalesce(abs({{ to_reporting_date('described.closed_at') }} - described.close_date) > 3, false) as is_backdated,
    coalesce(described.first_stage_at > described.source_created_at + interval '1 day', false) as is_history_truncated
    {%- for property in properties %},
    properties.{{ property.column }}
    {%- endfor %}
from described
{%- if properties %}
left join {{ ref('int_deal_properties') }} as properties on described.deal_key = properties.deal_key
{%- endif %}
left join links on described.deal_key = links.deal_key
left join {{ ref('int_import_batches') }} as batches
    on described.deal_key = batches.record_key and batches.record_kind = 'deal'
left join {{ ref('int_renewals') }} as renewals on described.deal_key = renewals.deal_key
left join {{ ref('int_deal_currencies') }} as currencies on described.deal_key = currencies.deal_key
{{ join_rate(
    'rates', 'described.source', 'described.currency_used',
    "case when described.closed_at is null then 'month_end' else 'spot' end", 'described.rate_day'
) }}
