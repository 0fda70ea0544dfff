{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ drop_touched() }}",
    post_hook="{{ remember_build() }}",
    meta={'shared': {
        'int_stages': 'hash(stage_key, stage_category)',
        'int_home_currencies': 'hash(source, home_currency)'
    }}
) }}
-- depends_on: {{ ref('int_stage_visits') }}
-- depends_on: {{ ref('int_stages') }}
-- depends_on: {{ ref('int_home_currencies') }}
-- One row per deal and instant before as_of at which a tracked field changed: money, owner and close date before it and
-- from it on. Currencies are filled with the connection's home currency. A zero typed in the very instant of losing a
-- deal is no decrease of the pipeline: the deal was lost with the value it had (rule R12), which `value_after` keeps.
with

states as (
    select
        states.deal_key,
        states.valid_from,
        states.valid_to,
        states.amount,
        coalesce(states.currency, currencies.home_currency, 'unknown') as currency,
        coalesce(currencies.home_currency, 'unknown') as home_currency,
        states.owner_key,
        {{ to_reporting_date('states.close_date_at') }} as close_date
    from {{ ref('int_deal_states') }} as states
    left join {{ ref('int_deal_currencies') }} as currencies on states.deal_key = currencies.deal_key
    where states.valid_from < {{ as_of() }} and {{ is_touched('states.deal_key') }}
),

compared as (
    select
        *,
        lag(amount) over deal as amount_before,
        coalesce(lag(currency) over deal, home_currency) as currency_before,
        lag(owner_key) over deal as owner_key_before,
        lag(close_date) over deal as close_date_before
    from states
    window deal as (partition by deal_key order by valid_from)
),

losses as (
    select distinct deal_key, entered_at
    from {{ ref('fct_stage_transitions') }}
    where transition_type = 'lost' and from_stage_key is not null and (exited_at is null or exited_at > entered_at)
)

select
    compared.deal_key,
    compared.valid_from,
    compared.valid_to,
    compared.amount_before,
    compared.currency_before,
    compared.owner_key_before,
    compared.close_date_before,
    compared.amount,
    case
        when
            losses.deal_key is not null and compared.amount = 0 and compared.amount_before > 0
            and compared.currency = compared.currency_before
            then compared.amount_before
        else compared.amount
    end as value_after,
    compared.currency,
    compared.owner_key,
    compared.close_date
from compared
left join losses on compared.deal_key = losses.deal_key and compared.valid_from = losses.entered_at
