-- Where a join looks for the one row in force, there is at most one; and versions of an owner tile all time.
select 'rates' as problem, source || ' ' || currency || ' ' || kind as key
from {{ ref('int_exchange_rates') }}
group by source, currency, kind
having count(*) <> count(distinct valid_from) or count(*) filter (where valid_to is null) <> 1
    or bool_or(valid_to <= valid_from)
union all
select 'owners' as problem, owner_key
from (
    select
        owner_key, valid_to, is_assumed,
        lead(valid_from) over (partition by owner_key order by valid_from) as next_from
    from {{ ref('dim_owners_history') }}
) as versions
group by owner_key
having bool_or(valid_to is distinct from next_from) or count(*) filter (where is_assumed) <> 1
union all
select 'states' as problem, deal_key
from {{ ref('int_deal_states') }}
group by deal_key
having count(*) <> count(distinct valid_from) or bool_or(valid_to <= valid_from) or count(*) filter (where valid_to is null) <> 1
union all
select 'lead stays' as problem, lead_key
from (
    select
        lead_key, visit_number, entered_at, exited_at, is_current,
        lead(entered_at) over (partition by lead_key order by visit_number) as next_entered_at
    from {{ ref('fct_lead_transitions') }}
) as stays
group by lead_key
having bool_or(exited_at > next_entered_at) or max(visit_number) <> count(*) or count(*) filter (where is_current) > 1
    or bool_or(exited_at < entered_at)
