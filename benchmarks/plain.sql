-- The yardstick: the tables of the dbt project over one first sync, as one would write them by hand for DuckDB and for
-- this data alone. No incremental state, no merges, deletions, second versions or several vendors; money in EUR only.
-- One statement a line of ';'. {as_of} is filled in.
create schema plain;

create temp table parsed as
select
    source || ':' || record_id as deal_key, source, record_id, extracted_at,
    from_json(record, '{"properties":{"dealname":"VARCHAR","pipeline":"VARCHAR","dealstage":"VARCHAR","amount":"VARCHAR",
        "deal_currency_code":"VARCHAR","closedate":"VARCHAR","createdate":"VARCHAR","hubspot_owner_id":"VARCHAR",
        "dealtype":"VARCHAR","hs_manual_forecast_category":"VARCHAR","closed_lost_reason":"VARCHAR",
        "hs_analytics_source":"VARCHAR"},"createdAt":"VARCHAR","updatedAt":"VARCHAR","archived":"VARCHAR","url":"VARCHAR",
        "propertiesWithHistory":"MAP(VARCHAR, STRUCT(value VARCHAR, timestamp VARCHAR)[])"}') as r
from raw.hubspot__deals;

create table plain.events as
with lists as (
    select deal_key, source, unnest(map_entries(r.propertieswithhistory)) as list from parsed
),

entries as (
    select
        deal_key, source,
        case list.key when 'dealstage' then 'stage' when 'pipeline' then 'pipeline' when 'amount' then 'amount'
            when 'deal_currency_code' then 'currency' when 'closedate' then 'close_date'
            when 'hubspot_owner_id' then 'owner' when 'dealtype' then 'deal_type'
            when 'hs_manual_forecast_category' then 'forecast_category' end as field,
        unnest(list.value) as entry, generate_subscripts(list.value, 1) as position
    from lists
),

typed as (
    select
        deal_key, source, field, position, cast(entry.timestamp as timestamptz) as effective_at,
        case field
            when 'amount' then cast(try_cast(entry.value as decimal(18, 2)) as varchar)
            when 'close_date'
                then strftime(try_cast(entry.value as timestamptz) at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')
            else nullif(entry.value, '') end as value
    from entries
    where field is not null
)

select
    deal_key, source, field, effective_at,
    cast(row_number() over (partition by deal_key, field, effective_at order by position desc) - 1 as integer) as sequence,
    value,
    -- where a field's value ends: equal neighbours are one
    lag(value) over (partition by deal_key, field order by effective_at, position desc) as old_value
from typed;

create table plain.fct_deal_events as
select
    md5(deal_key || chr(30) || field || chr(30) || epoch_us(effective_at) || chr(30) || sequence || chr(30)
        || coalesce(value, chr(31))) as event_key,
    deal_key, source, field, old_value, value as new_value, effective_at, effective_at as recorded_at, sequence,
    'history_api' as origin, false as is_order_ambiguous
from plain.events
where value is distinct from old_value and effective_at < {as_of};

create temp table stages as
select
    'hubspot:default:' || id as stage_key, id as stage_id, position,
    case when id = 'closedwon' then 'won' when id = 'closedlost' then 'lost' else 'open' end as stage_category
from (
    select unnest(from_json(record -> '$.stages', '[{"id":"VARCHAR"}]')).id as id,
        generate_subscripts(from_json(record -> '$.stages', '["JSON"]'), 1) as position
    from raw.hubspot__deal_pipelines
);

create table plain.visits as
select
    deal_key, source,
    cast(row_number() over deal as integer) as visit_number,
    source || ':default' as pipeline_key, source || ':default:' || value as stage_key,
    effective_at as entered_at, lead(effective_at) over deal as exited_at
from plain.events
where field = 'stage' and value is not null and value is distinct from old_value
window deal as (partition by deal_key order by effective_at, sequence);

create temp table states as
with filled as (
    select
        deal_key, source, effective_at,
        last_value(case when field = 'amount' then coalesce(value, '') end ignore nulls) over so_far as amount,
        last_value(case when field = 'currency' then coalesce(value, '') end ignore nulls) over so_far as currency,
        last_value(case when field = 'close_date' then coalesce(value, '') end ignore nulls) over so_far as close_date,
        last_value(case when field = 'owner' then coalesce(value, '') end ignore nulls) over so_far as owner,
        last_value(case when field = 'deal_type' then coalesce(value, '') end ignore nulls) over so_far as deal_type,
        last_value(case when field = 'forecast_category' then coalesce(value, '') end ignore nulls) over so_far as forecast,
        count(*) filter (where field = 'close_date' and value[:7] > old_value[:7]) over so_far as pushes,
        lead(effective_at) over (partition by deal_key order by effective_at, field, sequence) as valid_to
    from plain.events
    where field not in ('stage', 'pipeline')
    window so_far as (partition by deal_key order by effective_at, field, sequence rows unbounded preceding)
)

select
    deal_key, effective_at as valid_from, valid_to, try_cast(nullif(amount, '') as decimal(18, 2)) as amount,
    nullif(currency, '') as currency, try_cast(nullif(close_date, '') as timestamptz) as close_date_at,
    source || ':' || nullif(owner, '') as owner_key, nullif(deal_type, '') as deal_type,
    nullif(forecast, '') as forecast_category, cast(pushes as integer) as close_date_pushes
from filled
where effective_at is distinct from valid_to;

create table plain.fct_stage_transitions as
with framed as (
    select
        v.* exclude (exited_at), case when exited_at < {as_of} then exited_at end as exited_at,
        s.stage_category, s.position,
        lag(v.stage_key) over deal as from_stage_key, lag(s.stage_category) over deal as from_category,
        lag(s.position) over deal as from_position,
        max(s.position) filter (where s.stage_category <> 'lost') over (
            partition by deal_key, pipeline_key order by visit_number rows between unbounded preceding and 1 preceding
        ) as reached_before,
        row_number() over (partition by deal_key, v.stage_key order by visit_number desc) as visits_left,
        row_number() over (partition by deal_key, v.stage_key, entered_at order by visit_number) as occurrence
    from plain.visits as v
    inner join stages as s on v.stage_key = s.stage_key
    where entered_at < {as_of}
    window deal as (partition by deal_key order by visit_number)
),

typed as (
    select
        *,
        case when from_stage_key is null then 'entry' when stage_category in ('won', 'lost') then stage_category
            when from_category in ('won', 'lost') then 'reopened' when position < from_position then 'backward'
            else 'forward' end as transition_type
    from framed
)

select
    md5(t.deal_key || chr(30) || t.stage_key || chr(30) || epoch_us(entered_at) || chr(30) || occurrence) as transition_key,
    t.deal_key, t.source, t.visit_number, t.pipeline_key, from_stage_key, t.stage_key as to_stage_key, entered_at, exited_at,
    (epoch_us(exited_at) - epoch_us(entered_at)) / 1000000 as duration_seconds, transition_type,
    lead(transition_type) over (partition by t.deal_key order by visit_number) as exit_type,
    case when transition_type in ('forward', 'won') then position - from_position - 1 when transition_type = 'entry'
        then position - 1 else 0 end as skipped_stages,
    coalesce(stage_category <> 'lost' and position > coalesce(reached_before, -1), false) as is_first_reach,
    visits_left = 1 as is_latest_visit, exited_at is null as is_current,
    states.amount as amount_at_entry, states.currency, states.owner_key as owner_key_at_entry
from typed as t
asof left join states on t.deal_key = states.deal_key and t.entered_at >= states.valid_from;

create temp table months as
select
    cast(m as date) as month, last_day(cast(m as date)) as month_end,
    cast(cast(last_day(cast(m as date)) + 1 as timestamp) as timestamptz) as ends_at
from generate_series(
    (select date_trunc('month', cast(min(entered_at) as timestamp)) from plain.visits),
    cast({as_of} as timestamp) - interval '1 month', interval '1 month'
) as series (m);

create table plain.dim_deals as
with last_visits as (
    select
        deal_key, max_by(stage_key, visit_number) as stage_key, max_by(entered_at, visit_number) as entered_at,
        min(entered_at) as first_stage_at, count(*) - 1 as stage_changes
    from plain.visits
    where entered_at < {as_of}
    group by 1
),

moves as (
    select deal_key, count(*) filter (where transition_type = 'backward') as backward_moves,
        count(*) filter (where transition_type = 'reopened') as reopen_count
    from plain.fct_stage_transitions
    group by 1
),

firsts as (
    select deal_key, min_by(owner_key, valid_from) as owner_key_at_creation
    from states
    group by 1
)

select
    p.deal_key, p.source, p.record_id as source_deal_id, p.r.properties.dealname as deal_name, states.deal_type,
    'hubspot:default' as pipeline_key, v.stage_key, s.stage_category, states.owner_key, firsts.owner_key_at_creation,
    states.amount, states.currency, states.amount as amount_reporting, c.amount as amount_at_close, c.owner_key as owner_key_at_close,
    cast(p.r.properties.createdate as timestamptz) as created_at,
    case when s.stage_category <> 'open' then v.entered_at end as closed_at,
    cast(states.close_date_at as date) as close_date, s.stage_category as outcome, s.stage_category = 'won' as is_won,
    p.r.properties.closed_lost_reason as lost_reason, p.r.properties.hs_analytics_source as original_source, p.r.url as source_url,
    (epoch_us(closed_at) - epoch_us(created_at)) / 86400000000 as sales_cycle_days, v.stage_changes,
    moves.backward_moves, states.close_date_pushes, moves.reopen_count,
    v.first_stage_at > created_at + interval '1 day' as is_history_truncated
from parsed as p
left join last_visits as v on p.deal_key = v.deal_key
left join stages as s on v.stage_key = s.stage_key
left join moves on p.deal_key = moves.deal_key
left join firsts on p.deal_key = firsts.deal_key
left join states on p.deal_key = states.deal_key and states.valid_from < {as_of}
    and (states.valid_to is null or states.valid_to >= {as_of})
left join states as c on p.deal_key = c.deal_key and c.valid_from <= v.entered_at
    and (c.valid_to is null or c.valid_to > v.entered_at);

create table plain.fct_pipeline_month_end as
select
    m.month_end, v.deal_key, v.pipeline_key, v.stage_key, s.stage_category, states.owner_key, states.amount,
    states.currency, states.amount as amount_reporting, cast(states.close_date_at as date) as close_date,
    states.forecast_category, (epoch_us(m.ends_at) - epoch_us(d.created_at)) / 86400000000 as age_days,
    (epoch_us(m.ends_at) - epoch_us(v.entered_at)) / 86400000000 as days_in_stage, states.close_date_pushes
from plain.visits as v
inner join stages as s on v.stage_key = s.stage_key and s.stage_category = 'open'
inner join months as m on v.entered_at < m.ends_at and (v.exited_at is null or v.exited_at >= m.ends_at)
inner join plain.dim_deals as d on v.deal_key = d.deal_key
asof left join states on v.deal_key = states.deal_key and m.ends_at > states.valid_from;

create table plain.fct_won_revenue as
select
    t.deal_key, t.source, row_number() over (partition by t.deal_key order by visit_number) as spell_number,
    date_trunc('month', coalesce(d.close_date, cast(t.entered_at as date))) as won_month, t.entered_at as won_at, d.close_date,
    t.pipeline_key, t.owner_key_at_entry as owner_key, t.amount_at_entry as amount, t.currency,
    t.amount_at_entry as amount_reporting, t.exited_at is not null as is_reversed, t.exited_at as reversed_at
from plain.fct_stage_transitions as t
inner join plain.dim_deals as d on t.deal_key = d.deal_key
where t.transition_type = 'won';

create table plain.mart_sales_kpis_monthly as
with scopes as (select month, pipeline_key from months cross join (values ('all'), ('hubspot:default')) as p (pipeline_key)
    union all select date_trunc('month', {as_of} - interval '1 microsecond'), p from (values ('all'), ('hubspot:default')) as q (p)
    where {as_of} > (select max(ends_at) from months)),

closings as (
    select
        date_trunc('month', coalesce(close_date, cast(closed_at as date))) as month, p.pipeline_key,
        count(*) filter (where is_won) as won_count, count(*) filter (where outcome = 'lost') as lost_count,
        sum(amount_at_close) filter (where is_won) as won_amount, sum(amount_at_close) filter (where not is_won) as lost_amount,
        avg(amount_at_close) filter (where is_won) as average_deal_size,
        median(amount_at_close) filter (where is_won) as median_deal_size,
        avg(sales_cycle_days) filter (where is_won) as average_sales_cycle_days,
        median(sales_cycle_days) filter (where is_won) as median_sales_cycle_days
    from plain.dim_deals cross join lateral (values ('all'), (dim_deals.pipeline_key)) as p (pipeline_key)
    where closed_at is not null
    group by 1, 2
),

created as (
    select date_trunc('month', created_at) as month, p.pipeline_key, count(*) as new_deals,
        median(coalesce(sales_cycle_days, 1e9)) as median_days
    from plain.dim_deals cross join lateral (values ('all'), (dim_deals.pipeline_key)) as p (pipeline_key)
    group by 1, 2
),

standing as (
    select date_trunc('month', month_end) as month, p.pipeline_key, count(*) as open_opportunities,
        sum(amount_reporting) as open_amount
    from plain.fct_pipeline_month_end cross join lateral (values ('all'), (fct_pipeline_month_end.pipeline_key)) as p (pipeline_key)
    group by 1, 2
)

select scopes.*, closings.* exclude (month, pipeline_key), created.new_deals, created.median_days,
    standing.open_opportunities, standing.open_amount
from scopes
left join closings using (month, pipeline_key)
left join created using (month, pipeline_key)
left join standing using (month, pipeline_key);

-- The marts of the whole funnel ---------------------------------------------------------------------------------
create temp table value_steps as
with edits as (
    select
        deal_key, valid_from, amount, owner_key, cast(close_date_at as date) as close_date, lag(amount) over deal as old_amount,
        lag(owner_key) over deal as old_owner, lag(cast(close_date_at as date)) over deal as old_close_date
    from states
    where valid_from < {as_of}
    window deal as (partition by deal_key order by valid_from)
),

moved as (
    select
        t.deal_key, t.visit_number, t.entered_at, t.pipeline_key, s.stage_category as category,
        lag(s.stage_category) over (partition by t.deal_key order by visit_number) as old_category,
        t.amount_at_entry as amount, t.owner_key_at_entry as owner_key, cast(states.close_date_at as date) as close_date
    from plain.fct_stage_transitions as t
    inner join stages as s on t.to_stage_key = s.stage_key
    asof left join states on t.deal_key = states.deal_key and t.entered_at >= states.valid_from
)

select
    e.deal_key, e.valid_from as occurred_at, w.step, w.movement, v.pipeline_key,
    case when w.step in (5, 7) then e.owner_key else e.old_owner end as owner_key,
    case w.step when 3 then coalesce(e.amount, 0) - coalesce(e.old_amount, 0) when 5 then e.amount when 7 then e.amount
        else -e.amount end as amount,
    e.old_close_date as close_date_before, e.close_date as close_date_after
from edits as e
inner join plain.visits as v
    on e.deal_key = v.deal_key and v.entered_at < e.valid_from and (v.exited_at is null or v.exited_at >= e.valid_from)
inner join stages as s on v.stage_key = s.stage_key and s.stage_category = 'open'
cross join lateral (values (3, case when e.amount > coalesce(e.old_amount, 0) then 'increased' else 'decreased' end),
    (4, 'pushed_out'), (5, 'pulled_in'), (6, 'owner_out'), (7, 'owner_in')) as w (step, movement)
where case when w.step = 3 then coalesce(e.amount, 0) <> coalesce(e.old_amount, 0)
    when w.step in (4, 5) then e.close_date is distinct from e.old_close_date
    else e.owner_key is distinct from e.old_owner end
union all
select
    m.deal_key, m.entered_at, 10 * m.visit_number + w.step, w.movement, m.pipeline_key, m.owner_key,
    case w.step when 0 then m.amount else -m.amount end, m.close_date, m.close_date
from moved as m
cross join lateral (values (0, case when m.visit_number = 1 then 'created' else 'reopened' end), (1, m.category)) as w (step, movement)
where case when m.visit_number = 1 then w.step = 0 or m.category <> 'open'
    when m.old_category = 'open' then m.category <> 'open' and w.step = 1
    when m.category = 'open' then w.step = 0
    else m.category <> m.old_category end;

create table plain.fct_pipeline_movements as
with stood as (
    select
        m.month, m.ends_at, e.deal_key, e.pipeline_key, e.owner_key, e.amount,
        date_trunc('month', e.close_date) = m.month as was_in_month,
        date_trunc('quarter', e.close_date) = date_trunc('quarter', m.month) as was_in_quarter,
        date_trunc('month', e.close_date) = m.month_end + 1 as is_in_month,
        date_trunc('quarter', e.close_date) = date_trunc('quarter', m.month_end + 1) as is_in_quarter
    from plain.fct_pipeline_month_end as e
    inner join months as m on e.month_end = m.month_end
),

steps as (
    select
        cast(date_trunc('month', occurred_at) as date) as month, *,
        date_trunc('month', close_date_before) = date_trunc('month', occurred_at) as was_in_month,
        date_trunc('quarter', close_date_before) = date_trunc('quarter', occurred_at) as was_in_quarter,
        date_trunc('month', close_date_after) = date_trunc('month', occurred_at) as is_in_month,
        date_trunc('quarter', close_date_after) = date_trunc('quarter', occurred_at) as is_in_quarter
    from value_steps
),

told as (
    select cast(month + interval '1 month' as date) as month, ends_at as occurred_at, 0 as step, 'opening' as movement, deal_key,
        pipeline_key, owner_key, amount, true as in_all, is_in_month as in_month, is_in_quarter as in_quarter
    from stood where ends_at < {as_of}
    union all
    select month, ends_at, 3000000, 'closing', deal_key, pipeline_key, owner_key, amount, true, is_in_month, is_in_quarter
    from stood
    union all
    select month, ends_at - interval '1 microsecond', 2000000, 'pushed_out', deal_key, pipeline_key, owner_key, -amount, false,
        was_in_month and not is_in_month, was_in_quarter and not is_in_quarter
    from stood where (was_in_month and not is_in_month) or (was_in_quarter and not is_in_quarter)
    union all
    select month, ends_at - interval '1 microsecond', 2000000, 'pulled_in', deal_key, pipeline_key, owner_key, amount, false,
        is_in_month and not was_in_month, is_in_quarter and not was_in_quarter
    from stood where (is_in_month and not was_in_month) or (is_in_quarter and not was_in_quarter)
    union all
    select month, occurred_at, step, movement, deal_key, pipeline_key, owner_key, amount,
        movement not in ('pushed_out', 'pulled_in'),
        case movement when 'pushed_out' then was_in_month and not is_in_month when 'pulled_in' then is_in_month and not was_in_month
            when 'owner_out' then was_in_month and is_in_month when 'owner_in' then was_in_month and is_in_month
            else was_in_month end,
        case movement when 'pushed_out' then was_in_quarter and not is_in_quarter
            when 'pulled_in' then is_in_quarter and not was_in_quarter
            when 'owner_out' then was_in_quarter and is_in_quarter when 'owner_in' then was_in_quarter and is_in_quarter
            else was_in_quarter end
    from steps
)

select month, deal_key, pipeline_key, owner_key, basis, movement, amount, 'EUR' as currency, amount as amount_reporting,
    occurred_at, step
from told
cross join (values ('all_open'), ('close_in_month'), ('close_in_quarter')) as bases (basis)
where case basis when 'all_open' then in_all when 'close_in_month' then in_month else in_quarter end;

create table plain.mart_pipeline_waterfall_monthly as
select months.month, bases.basis, moved.* exclude (month, basis)
from months
cross join (values ('all_open'), ('close_in_month'), ('close_in_quarter')) as bases (basis)
left join (
    pivot (select month, basis, pipeline_key, currency, movement, amount from plain.fct_pipeline_movements)
    on movement in ('opening', 'created', 'reopened', 'pulled_in', 'increased', 'decreased', 'pushed_out', 'won', 'lost',
        'owner_in', 'owner_out', 'closing')
    using sum(amount) as amount, count(*) as count group by month, basis, pipeline_key, currency
) as moved on months.month = moved.month and bases.basis = moved.basis;

create temp table lives as
with first_reaches as (
    select t.deal_key, t.entered_at, s.position, lag(s.position) over (partition by t.deal_key order by visit_number) as reached_before
    from plain.fct_stage_transitions as t
    inner join stages as s on t.to_stage_key = s.stage_key
    where t.is_first_reach
),

reached as (
    select f.deal_key, s.position as rung, f.entered_at,
        lead(f.entered_at) over (partition by f.deal_key order by s.position) as next_at,
        max(case when s.position = 6 then f.entered_at end) over (partition by f.deal_key) as won_at
    from first_reaches as f
    inner join stages as s on s.position > coalesce(f.reached_before, 0) and s.position <= f.position
),

asked as (
    select 2 * rung as step_number, deal_key, entered_at, next_at as to_at from reached where rung < 6
    union all
    select 2 * rung + 1, deal_key, entered_at, won_at from reached where rung < 5
)

select
    a.step_number, cast(date_trunc('month', a.entered_at) as date) as entered_month,
    cast(date_trunc('month', d.created_at) as date) as created_month,
    case when a.to_at is not null then 1 when d.outcome = 'lost' then 2 when d.outcome = 'won' then 3 else 0 end as event,
    cast(epoch_us(coalesce(a.to_at, d.closed_at, {as_of})) - epoch_us(a.entered_at) as double) / 86400000000 as days
from asked as a
inner join plain.dim_deals as d on a.deal_key = d.deal_key;

create table plain.mart_funnel_conversion_monthly as
with members as (
    -- one number a cohort: it sorts at half the price of three columns
    select 'stage_entered' as basis, entered_month as month, step_number * 100000 + 2 * date_diff('month', date '2000-01-01', month) as cohort,
        * from lives
    union all
    select 'created', created_month as month, step_number * 100000 + 2 * date_diff('month', date '2000-01-01', month) + 1, * from lives
),

steps as (
    select cohort, days, count(*) as gone, count(*) filter (where event <> 0) as events,
        count(*) filter (where event = 1) as reached
    from members where event <> 3
    group by 1, 2
),

at_risk as (
    select *, sum(gone) over (lives rows between current row and unbounded following) as at_risk
    from steps window lives as (partition by cohort order by days)
),

before as (
    select *, coalesce(exp(sum(case when events < at_risk then ln(1 - events / at_risk) else -600 end) over (
        lives rows between unbounded preceding and 1 preceding)), 1) as before
    from at_risk window lives as (partition by cohort order by days)
),

incidence as (
    select *, sum(before * reached / at_risk) over (lives rows between unbounded preceding and current row) as incidence,
        sum(before * reached / at_risk) over (lives rows between unbounded preceding and unbounded following) as eventual
    from before window lives as (partition by cohort order by days)
),

estimates as (
    select cohort, max(eventual) as eventual,
        min(case when incidence >= 0.5 - 1e-9 then days end) as median_days,
        sum(case when events < at_risk then (eventual - incidence) ** 2 * events / (at_risk * (at_risk - events)) else 0 end
            + before ** 2 * reached * (at_risk - reached) / at_risk ** 3
            - 2 * (eventual - incidence) * before * reached / at_risk ** 2) as variance
    from incidence
    group by 1
),

counts as (
    select basis, month, step_number, any_value(cohort) as cohort, count(*) as entered, count(*) filter (where event = 1) as reached,
        count(*) filter (where event = 2) as lost, count(*) filter (where event = 0) as still_open,
        count(*) filter (where event = 1 and days <= 30) as reached_30d, count(*) filter (where event = 1 and days <= 60) as reached_60d,
        count(*) filter (where event = 1 and days <= 90) as reached_90d, count(*) filter (where event = 1 and days <= 180) as reached_180d
    from members
    group by 1, 2, 3
)

select months.month as cohort_month, b.basis, s.step_number, c.* exclude (basis, month, step_number, cohort),
    e.* exclude (cohort)
from months
cross join (values ('stage_entered'), ('created')) as b (basis)
cross join (select distinct step_number from lives) as s
left join counts as c on months.month = c.month and b.basis = c.basis and s.step_number = c.step_number
left join estimates as e on c.cohort = e.cohort;

create temp table stays as
select to_stage_key as stage_key, cast(date_trunc('month', entered_at) as date) as month,
    cast(date_trunc('month', exited_at) as date) as left_month, exit_type, cast(exited_at is not null as integer) as is_event,
    cast(epoch_us(coalesce(exited_at, {as_of})) - epoch_us(entered_at) as double) / 86400000000 as days
from plain.fct_stage_transitions;

create temp table trailing_12m as
with daily as (
    select stage_key, month, ceil(days) as days, count(*) as lives, sum(is_event) as events from stays group by 1, 2, 3
),

steps as (
    select d.stage_key, months.month, d.days, sum(d.lives) as lives, sum(d.events) as events
    from daily as d inner join months on d.month <= months.month and d.month > months.month - interval '12 months'
    group by 1, 2, 3
),

curves as (
    select *, sum(lives) over (partition by stage_key, month order by days rows between current row and unbounded following) as at_risk
    from steps
)

select stage_key, month, max(days) as longest_days, min(case when surviving <= 0.25 + 1e-9 then days end) as p75_days
from (
    select *, exp(sum(case when events < at_risk then ln(1 - events / at_risk) else -600 end) over (
        partition by stage_key, month order by days)) as surviving
    from curves
)
group by 1, 2;

create table plain.mart_stage_performance_monthly as
with steps as (
    select stage_key, month, days, count(*) as lives, sum(is_event) as events from stays group by 1, 2, 3
),

curves as (
    select *, sum(lives) over (partition by stage_key, month order by days rows between current row and unbounded following) as at_risk
    from steps
),

times as (
    select stage_key, month, max(at_risk) as days_n, min(case when surviving <= 0.5 + 1e-9 then days end) as median_days,
        min(case when surviving <= 0.25 + 1e-9 then days end) as p75_days,
        min(case when surviving <= 0.1 + 1e-9 then days end) as p90_days
    from (select *, exp(sum(case when events < at_risk then ln(1 - events / at_risk) else -600 end) over (
        partition by stage_key, month order by days)) as surviving from curves)
    group by 1, 2
),

flows as (
    select stage_key, month, count(*) filter (where kind = 'entered') as entered, count(*) filter (where kind = 'forward') as exits_forward,
        count(*) filter (where kind = 'backward') as exits_backward, count(*) filter (where kind = 'won') as exits_won,
        count(*) filter (where kind = 'lost') as exits_lost, count(*) filter (where kind = 'reopened') as exits_reopened,
        count(*) filter (where kind <> 'entered') as exits
    from (select stage_key, month, 'entered' as kind from stays
        union all select stage_key, left_month, exit_type from stays where left_month is not null)
    group by 1, 2
),

stuck as (
    select e.stage_key, m.month, count(*) as stuck_count, sum(e.amount_reporting) as stuck_amount
    from plain.fct_pipeline_month_end as e
    inner join months as m on e.month_end = m.month_end
    inner join trailing_12m as t on e.stage_key = t.stage_key and m.month = t.month and e.days_in_stage > t.p75_days
    group by 1, 2
)

select
    m.month, s.stage_key, f.* exclude (stage_key, month), t.* exclude (stage_key, month), k.p75_days as trailing_12m_p75_days,
    k.longest_days, stuck.stuck_count, stuck.stuck_amount,
    sum(coalesce(entered, 0) - coalesce(exits, 0)) over (partition by s.stage_key order by m.month) as still_there,
    row_number() over (partition by m.month order by coalesce(k.p75_days, k.longest_days) desc nulls last) as bottleneck_rank
from months as m
cross join stages as s
left join flows as f on m.month = f.month and s.stage_key = f.stage_key
left join times as t on m.month = t.month and s.stage_key = t.stage_key
left join trailing_12m as k on m.month = k.month and s.stage_key = k.stage_key
left join stuck on m.month = stuck.month and s.stage_key = stuck.stage_key;

create temp table facts as
select 'created' as kind, date_trunc('month', created_at) as month, pipeline_key, owner_key_at_creation as owner_key, deal_type,
    original_source, null as outcome, null as amount, null as days, null as due_month
from plain.dim_deals
where created_at < {as_of}
union all
select 'closed', date_trunc('month', coalesce(close_date, cast(closed_at as date))), pipeline_key, owner_key_at_close, deal_type,
    original_source, outcome, amount_at_close, sales_cycle_days, null
from plain.dim_deals
where closed_at is not null
union all
select 'open', date_trunc('month', e.month_end), e.pipeline_key, e.owner_key, d.deal_type, d.original_source, null,
    e.amount_reporting, null, date_trunc('month', e.close_date)
from plain.fct_pipeline_month_end as e
inner join plain.dim_deals as d on e.deal_key = d.deal_key;

create table plain.mart_sales_monthly as
select
    month, pipeline_key, owner_key, deal_type, original_source, count(*) filter (where kind = 'created') as new_deals,
    count(*) filter (where outcome = 'won') as won_count, count(*) filter (where outcome = 'lost') as lost_count,
    sum(amount) filter (where outcome = 'won') as won_amount, sum(amount) filter (where outcome = 'lost') as lost_amount,
    sum(amount) filter (where outcome = 'won' and amount > 0) as won_amount_positive,
    sum(amount) filter (where kind = 'closed' and amount > 0) as closed_amount_positive,
    sum(days) filter (where outcome = 'won') as cycle_days_sum, count(*) filter (where kind = 'open') as open_opportunities,
    sum(amount) filter (where kind = 'open') as open_amount
from (select * from facts union all by name select 'none' as kind, month, 'hubspot:default' as pipeline_key from months)
where month in (select month from months)
group by 1, 2, 3, 4, 5;

create table plain.mart_rep_performance_monthly as
select
    m.month, o.owner_key, count(*) filter (where outcome = 'won') as won_count, count(*) filter (where outcome = 'lost') as lost_count,
    sum(amount) filter (where outcome = 'won') as won_amount,
    sum(amount) filter (where outcome = 'won' and deal_type = 'newbusiness') as new_business_won_amount,
    avg(amount) filter (where outcome = 'won' and amount > 0) as average_deal_size,
    avg(days) filter (where outcome = 'won') as average_sales_cycle_days, count(*) filter (where kind = 'created') as new_deals,
    sum(amount) filter (where kind = 'open') as open_amount,
    sum(amount) filter (where kind = 'open' and due_month = facts.month) as due_amount,
    sum(amount) filter (where kind = 'open' and due_month = facts.month + interval '1 month') as next_due_amount
from months as m
cross join (select distinct owner_key from facts) as o
left join facts on m.month = facts.month and o.owner_key = facts.owner_key
group by 1, 2;

create table plain.mart_open_deals as
with judged as (
    select d.*, t.entered_at as stage_entered_at, (epoch_us({as_of}) - epoch_us(t.entered_at)) / 86400000000 as days_in_stage,
        k.p75_days as stage_p75_days
    from plain.dim_deals as d
    inner join plain.fct_stage_transitions as t on d.deal_key = t.deal_key and t.is_current
    left join trailing_12m as k on d.stage_key = k.stage_key and k.month = (select max(month) from months)
    where d.outcome = 'open'
),

explained as (
    select *, list_filter([
        case when days_in_stage > 1.5 * stage_p75_days then 'stalled: ' || cast(floor(days_in_stage) as bigint) || ' days in the stage' end,
        case when close_date is null then 'no close date' when close_date < cast({as_of} as date) then 'the close date is past' end,
        case when close_date_pushes >= 3 then 'pushed ' || close_date_pushes || ' times' end,
        case when coalesce(amount, 0) <= 0 then 'no amount' end, case when owner_key is null then 'no owner' end
    ], lambda reason: reason is not null) as reasons
    from judged
)

select deal_key, source, deal_name, pipeline_key, stage_key, owner_key, deal_type, amount, currency, amount_reporting, created_at,
    close_date, stage_entered_at, days_in_stage, stage_p75_days, close_date_pushes, len(reasons) as risk_count,
    array_to_string(reasons, '; ') as risk_reasons,
    row_number() over (order by len(reasons) > 0 desc, amount_reporting desc nulls last, close_date, deal_key) as priority_rank, source_url
from explained;

create table plain.mart_loss_reasons_monthly as
with left_stages as (
    select t.deal_key, max_by(t.to_stage_key, t.visit_number) as stage_key
    from plain.fct_stage_transitions as t
    inner join stages as s on t.to_stage_key = s.stage_key and s.stage_category = 'open'
    group by 1
),

lost as (
    select date_trunc('month', coalesce(d.close_date, cast(d.closed_at as date))) as month, d.pipeline_key, v.stage_key as lost_from_stage_key,
        coalesce(d.lost_reason, 'not given') as lost_reason, 1 as losses, d.amount_at_close, d.deal_type
    from plain.dim_deals as d left join left_stages as v on d.deal_key = v.deal_key
    where d.outcome = 'lost'
    union all by name
    select month, 'hubspot:default' as pipeline_key, 'not given' as lost_reason, 0 as losses from months
)

select month, pipeline_key, lost_from_stage_key, lost_reason, sum(losses) as lost_count, sum(amount_at_close) as lost_amount,
    count(*) filter (where deal_type = 'newbusiness') as new_business_lost_count
from lost
where month in (select month from months)
group by 1, 2, 3, 4;

create table plain.mart_definition_bridge as
with closed as (
    select date_trunc('month', coalesce(close_date, cast(closed_at as date))) as month, outcome, amount_at_close as ours,
        date_trunc('month', close_date) as crm_month, amount as crms
    from plain.dim_deals
    where closed_at is not null
),

sides as (
    select month, 'ours' as side, outcome, ours as amount from closed
    union all
    select crm_month, 'crm', outcome, crms from closed
)

select m.month, metric, count(*) filter (where side = 'ours' and outcome = 'won') as our_won, count(*) filter (where side = 'ours') as our_closed,
    sum(amount) filter (where side = 'ours' and outcome = 'won') as our_won_amount, sum(amount) filter (where side = 'ours') as our_amount,
    count(*) filter (where side = 'crm' and outcome = 'won') as crm_won, count(*) filter (where side = 'crm') as crm_closed,
    sum(amount) filter (where side = 'crm' and outcome = 'won') as crm_won_amount, sum(amount) filter (where side = 'crm') as crm_amount
from months as m
cross join (values ('win_rate'), ('win_rate_value'), ('average_deal_size')) as metrics (metric)
left join sides on m.month = sides.month
group by 1, 2;
