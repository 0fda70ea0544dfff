{%- set properties = var('deal_properties') | select('mapping') | list %}
-- depends_on: {{ ref('int_deal_properties') }}
-- One row per deal that renews another or says when it is due: which it renews, when, and how much there is to renew.
-- What funnel.yml names a property for is that property's; the rest is inferred from the last deal that its company won
-- before it was created: due after the usual term (dbt var renewal_term_months), for what was won then.
with

deals as (
    select
        outcomes.deal_key,
        deals.source,
        deals.created_at,
        states.currency,
        links.linked_key as company_key,
        coalesce({{ deal_type_of(
            'states.deal_type', 'pipelines.is_renewal_pipeline', 'outcomes.pipeline_key', 'deals.source'
        ) }} = 'renewal', false)
            as is_renewal,
        {%- for role, type in {
            'of_deal': 'varchar', 'due_date': 'date', 'available_amount': 'decimal(18, 2)'
        }.items() %}
        {{ renewal_property(role, 'properties', type) }} as {{ role }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_deal_outcomes') }} as outcomes
    inner join {{ ref('int_deals') }} as deals on outcomes.deal_key = deals.deal_key
    left join {{ ref('int_deal_states') }} as states
        on outcomes.deal_key = states.deal_key and states.valid_from < {{ as_of() }}
        and (states.valid_to is null or states.valid_to >= {{ as_of() }})
    left join {{ ref('dim_pipelines') }} as pipelines on outcomes.pipeline_key = pipelines.pipeline_key
    left join {{ ref('int_deal_links') }} as links
        on outcomes.deal_key = links.deal_key and links.kind = 'company' and links.link_rank = 1
    {%- if properties %}
    left join {{ ref('int_deal_properties') }} as properties on outcomes.deal_key = properties.deal_key
    {%- endif %}
    where outcomes.merged_into_deal_key is null
),

renewals as (
    select
        deals.*,
        coalesce(
            merged.survivor_deal_key, {{ deal_key('deals.source', blank_to_null('deals.of_deal')) }}
        ) as given_deal_key
    from deals
    left join {{ ref('int_merges') }} as merged
        on {{ deal_key('deals.source', blank_to_null('deals.of_deal')) }} = merged.loser_deal_key
    where
        deals.is_renewal or deals.of_deal is not null or deals.due_date is not null
        or deals.available_amount is not null
),

contracts as (
    select
        won.deal_key, won.won_at, won.amount, won.currency,
        coalesce(won.close_date, {{ to_reporting_date('won.won_at') }}) as won_day,
        links.linked_key as company_key
    from {{ ref('fct_won_revenue') }} as won
    left join {{ ref('int_deal_links') }} as links
        on won.deal_key = links.deal_key and links.kind = 'company' and links.link_rank = 1
    where not won.is_reversed
),

-- the last deal won before; of two won at the same instant the one with the greater key, so that it is always the same
last_won as (
    select
        renewals.deal_key,
        max_by(contracts.deal_key, (contracts.won_at, contracts.deal_key)) as contract_key
    from renewals
    inner join contracts
        on renewals.company_key = contracts.company_key and contracts.won_at <= renewals.created_at
        and contracts.deal_key <> renewals.deal_key
    where renewals.is_renewal and renewals.given_deal_key is null
    group by 1
)

select
    renewals.deal_key,
    coalesce(renewals.given_deal_key, last_won.contract_key) as renewal_of_deal_key,
    coalesce(
        renewals.due_date, cast(contracts.won_day + interval '{{ var("renewal_term_months") }} months' as date)
    ) as renewal_due_date,
    coalesce(renewals.available_amount, contracts.amount) as available_amount,
    case when renewals.available_amount is not null then renewals.currency else contracts.currency end
        as available_currency,
    (renewals.given_deal_key is null and last_won.contract_key is not null)
    or (renewals.due_date is null and contracts.won_day is not null)
    or (renewals.available_amount is null and contracts.amount is not null) as is_renewal_inferred
from renewals
left join last_won on renewals.deal_key = last_won.deal_key
left join contracts on coalesce(renewals.given_deal_key, last_won.contract_key) = contracts.deal_key
