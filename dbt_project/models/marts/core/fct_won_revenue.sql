-- One row per won spell of a deal (won, reopened and won again is two): "revenue" is won bookings by close date.
-- Deleted and merged-away deals are left out.
with

visits as (
    select
        transitions.deal_key, transitions.source, transitions.visit_number, transitions.pipeline_key,
        transitions.entered_at, transitions.exited_at,
        coalesce(stages.stage_category = 'won', false) as is_won,
        -- delivering what was sold does not end the win
        coalesce(stages.stage_category in ('won', 'fulfilment'), false) as is_kept
    from {{ ref('fct_stage_transitions') }} as transitions
    left join {{ ref('dim_stages') }} as stages on transitions.to_stage_key = stages.stage_key
    inner join {{ ref('int_deal_outcomes') }} as outcomes on transitions.deal_key = outcomes.deal_key
    where not outcomes.is_deleted
),

runs as (
    select
        *,
        sum(cast(not is_kept as integer)) over (partition by deal_key order by visit_number) as run_number,
        max(visit_number) over (partition by deal_key) as last_visit_number
    from visits
),

spells as (
    select
        deal_key, source,
        max(visit_number) filter (where is_won) as won_visit_number,
        max_by(entered_at, visit_number) filter (where is_won) as won_at,
        max_by(pipeline_key, visit_number) filter (where is_won) as pipeline_key,
        case
            when max(visit_number) < any_value(last_visit_number) then max_by(exited_at, visit_number)
        end as reversed_at
    from runs
    where is_kept
    group by deal_key, source, run_number
    having bool_or(is_won)
),

described as (
    select
        spells.*,
        at_win.amount, at_win.currency, at_win.owner_key, at_win.deal_type,
        coalesce(at_win.currency, currencies.home_currency) as currency_used,
        -- the close date as it stands now, or as it last stood while the spell lasted
        {{ to_reporting_date('at_end.close_date_at') }} as close_date
    from spells
    left join {{ ref('int_deal_currencies') }} as currencies on spells.deal_key = currencies.deal_key
    left join {{ ref('int_deal_states') }} as at_win
        on spells.deal_key = at_win.deal_key and at_win.valid_from <= spells.won_at
        and (at_win.valid_to is null or at_win.valid_to > spells.won_at)
    left join {{ ref('int_deal_states') }} as at_end
        on spells.deal_key = at_end.deal_key and at_end.valid_from < coalesce(spells.reversed_at, {{ as_of() }})
        and (at_end.valid_to is null or at_end.valid_to >= coalesce(spells.reversed_at, {{ as_of() }}))
),

dated as (
    select *, {{ closing_day('close_date', 'won_at') }} as won_day
    from described
)

select
    dated.deal_key,
    dated.source,
    cast(row_number() over (partition by dated.deal_key order by dated.won_visit_number) as integer) as spell_number,
    {{ month_of('dated.won_day') }} as won_month,
    dated.won_at,
    dated.close_date,
    dated.pipeline_key,
    dated.owner_key,
    owners.team_key,
    {{ deal_type_of(
        'dated.deal_type', 'pipelines.is_renewal_pipeline', 'dated.pipeline_key', 'dated.source'
    ) }} as deal_type,
    dated.amount,
    dated.currency,
    {{ converted('dated.amount', rate_of('rates', 'currencies', 'dated.currency_used')) }} as amount_reporting,
    dated.reversed_at is not null as is_reversed,
    dated.reversed_at
from dated
left join {{ ref('int_deal_currencies') }} as currencies on dated.deal_key = currencies.deal_key
left join {{ ref('dim_pipelines') }} as pipelines on dated.pipeline_key = pipelines.pipeline_key
left join {{ ref('dim_owners_history') }} as owners
    on dated.owner_key = owners.owner_key and dated.won_at >= owners.valid_from
    and (owners.valid_to is null or dated.won_at < owners.valid_to)
{{ join_rate('rates', 'dated.source', 'dated.currency_used', "'spot'", 'dated.won_day') }}
