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
