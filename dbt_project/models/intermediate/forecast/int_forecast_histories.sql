{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ drop_touched() }}",
    post_hook="{{ remember_build() }}",
    meta={'shared': {
        'dim_stages': 'hash(stage_key, stage_category, probability)',
        'dim_owners_history': 'case when team_key is not null then hash(owner_key, team_key, valid_from, valid_to) end',
        'int_exchange_rates': 'hash(source, currency, kind, valid_from, valid_to, rate, origin)',
        'int_home_currencies': 'hash(source, home_currency)'
    }}
) }}
-- depends_on: {{ ref('int_stage_visits') }}
-- depends_on: {{ ref('int_home_currencies') }}
-- One row per deal and instant before as_of at which its stage, amount, close date or team changed, or at which it was
-- deleted, restored or merged away: what the forecast learns from. A deal that was merged away later was there before,
-- as month ends knew it; from the merge on it is lost. Times are local to the reporting time zone. Amounts are at the
-- plan rate, else at the rate of the row's day, so that no later rate is seen; what cannot be converted is null.
{%- set mine = 'deal_key in (select touched.deal_key from touched)' if is_incremental() else 'true' %}
with
{% if is_incremental() %}
touched as materialized (
    select deal_key
    from {{ ref('int_deals') }}
    where {{ is_touched('deal_key') }}
),
{% endif %}
merged as (
    select loser_deal_key as deal_key, merged_at
    from {{ ref('int_merges') }}
),

stays as (
    select deal_key, source, entered_at, visit_number, pipeline_key, to_stage_key as stage_key
    from {{ ref('fct_stage_transitions') }}
    union all
    select
        stays.deal_key, stays.source, stays.entered_at, stays.visit_number, stays.pipeline_key, stays.stage_key
    from {{ ref('int_stage_visits') }} as stays
    inner join merged on stays.deal_key = merged.deal_key and stays.entered_at < merged.merged_at
),

visits as (
    select
        stays.*,
        coalesce(stages.stage_category, 'unknown') as stage_category,
        stages.probability
    from stays
    left join {{ ref('dim_stages') }} as stages on stays.stage_key = stages.stage_key
    where {{ mine }}
),

-- delivering what was sold does not end the win (as in fct_won_revenue)
kept as (
    select
        *,
        sum(cast(stage_category not in ('won', 'fulfilment') as integer)) over (
            partition by deal_key order by visit_number
        ) as run_number
    from visits
),

kinds as (
    select
        deal_key, source, entered_at, visit_number, pipeline_key, stage_key, probability,
        case
            when stage_category in ('lost', 'void') then 'lost'
            when stage_category = 'won' then 'won'
            when stage_category = 'fulfilment' and bool_or(stage_category = 'won') over (
                partition by deal_key, run_number order by visit_number
            ) then 'won'
            else 'open'
        end as kind
    from kept
),

deletions as (
    select deal_key, deleted_at as changed_at, true as is_deleted
    from {{ ref('int_deal_deletions') }}
    union all
    select deal_key, restored_at as changed_at, false as is_deleted
    from {{ ref('int_deal_deletions') }}
    where restored_at is not null
    union all
    select deal_key, merged_at as changed_at, true as is_deleted
    from merged
),

-- edits before stages and deletions after them, where all happen at one instant
changes as (
    select
        deal_key, valid_from as changed_at, 0 as rank, 0 as position, cast(null as varchar) as pipeline_key,
        cast(null as varchar) as stage_key, cast(null as varchar) as kind, cast(null as double) as probability,
        coalesce(cast(amount as varchar), '') as amount, coalesce(currency, '') as currency,
        coalesce(cast({{ to_reporting_date('close_date_at') }} as varchar), '') as close_date,
        coalesce(owner_key, '') as owner_key, cast(null as boolean) as is_deleted
    from {{ ref('int_deal_states') }}
    where {{ mine }}
    union all
    select
        deal_key, entered_at as changed_at, 1 as rank, visit_number as position, pipeline_key, stage_key, kind,
        coalesce(probability, -1) as probability, null as amount, null as currency, null as close_date,
        null as owner_key, null as is_deleted
    from kinds
    union all
    select
        deal_key, changed_at, 2 as rank, 0 as position, null as pipeline_key, null as stage_key, null as kind,
        null as probability, null as amount, null as currency, null as close_date, null as owner_key, is_deleted
    from deletions
    where {{ mine }}
),

filled as (
    select
        deal_key,
        changed_at,
        row_number() over (partition by deal_key, changed_at order by rank desc, position desc) as age,
        {%- for name in ['pipeline_key', 'stage_key', 'kind', 'probability', 'amount', 'currency', 'close_date',
                         'owner_key', 'is_deleted'] %}
        {{ last_known(name, 'partition by deal_key order by changed_at, rank, position') }} as {{ name }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from changes
    where
        changed_at < {{ as_of() }}
        and not exists (
            select 1
            from merged
            where merged.deal_key = changes.deal_key and changes.changed_at > merged.merged_at
        )
),

standing as (
    select
        filled.deal_key,
        filled.changed_at,
        deals.source,
        {{ to_reporting_date('filled.changed_at') }} as day,
        filled.pipeline_key,
        filled.stage_key,
        case when coalesce(filled.is_deleted, false) then 'lost' else filled.kind end as kind,
        case when filled.probability >= 0 then filled.probability end as probability,
        {{ parse_money("nullif(filled.amount, '')") }} as amount,
        coalesce(nullif(filled.currency, ''), currencies.home_currency) as currency,
        cast(nullif(filled.close_date, '') as date) as close_date,
        nullif(filled.owner_key, '') as owner_key
    from filled
    inner join {{ ref('int_deals') }} as deals on filled.deal_key = deals.deal_key
    left join {{ ref('int_deal_currencies') }} as currencies on filled.deal_key = currencies.deal_key
    where filled.age = 1 and filled.stage_key is not null
)

select
    standing.deal_key,
    cast(standing.changed_at at time zone '{{ var("reporting_timezone") }}' as timestamp) as happened_at,
    standing.stage_key,
    standing.kind,
    cast({{ converted(
        'standing.amount', 'coalesce(plan_rates.rate, ' ~ rate_of('spot_rates', 'currencies', 'standing.currency') ~ ')'
    ) }} as double) as amount,
    cast(standing.amount as double) as native_amount,
    coalesce(standing.currency, '') as currency_key,
    standing.close_date,
    case
        when standing.kind = 'won' then {{ month_of(closing_day('standing.close_date', 'standing.changed_at')) }}
    end as won_month,
    standing.probability,
    standing.pipeline_key,
    coalesce(owners.team_key, '') as team_key,
    coalesce(standing.owner_key, '') as owner_key
from standing
left join {{ ref('int_deal_currencies') }} as currencies on standing.deal_key = currencies.deal_key
left join {{ ref('dim_owners_history') }} as owners
    on standing.owner_key = owners.owner_key and standing.changed_at >= owners.valid_from
    and (owners.valid_to is null or standing.changed_at < owners.valid_to)
{{ join_rate('spot_rates', 'standing.source', 'standing.currency', "'spot'", 'standing.day') }}
{{ join_rate('plan_rates', 'standing.source', 'standing.currency', "'plan'", 'standing.day') }}
