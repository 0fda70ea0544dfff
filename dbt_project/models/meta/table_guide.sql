-- One row per published table: what a row is, what must not be summed, and a first query. Read by people and BI tools.
{%- set guide = [
    ('marts', 'dim_deals', 'deal ever seen, as of the run', none, none,
     'Deleted and merged-away deals are in it: filter is_deleted. outcome is void for merged-away ones.',
     "select outcome, count(*), sum(amount_reporting) from marts.dim_deals where not is_deleted group by 1"),
    ('marts', 'dim_stages', 'stage, current or only known from history', none, none,
     'won and lost come from the CRM flags; other categories may be inferred (is_category_inferred).',
     "select pipeline_key, stage_name, stage_category, probability from marts.dim_stages order by pipeline_key, position"),
    ('marts', 'dim_stages_history', 'version of a stage', none, none, 'Join on valid_from <= t < valid_to.',
     "select * from marts.dim_stages_history order by stage_key, valid_from"),
    ('marts', 'dim_pipelines', 'pipeline', none, none, 'Retired pipelines stay.', "select * from marts.dim_pipelines"),
    ('marts', 'dim_owners', 'owner', none, none, 'Deactivated owners stay (is_active).',
     "select owner_name, is_active from marts.dim_owners order by 1"),
    ('marts', 'dim_owners_history', 'version of an owner', none, none, 'Join on valid_from <= t < valid_to: the team of the time.',
     "select * from marts.dim_owners_history order by owner_key, valid_from"),
    ('marts', 'dim_teams', 'team', none, none, 'Teams without members are not known.', "select * from marts.dim_teams"),
    ('marts', 'dim_companies', 'company', none, none, 'Merged companies are one row.',
     "select country, count(*) from marts.dim_companies group by 1 order by 2 desc"),
    ('marts', 'dim_leads', 'lead (person after merges)', none, none, 'Deleted leads are in it: filter is_deleted.',
     "select original_source, count(*), count(converted_at) from marts.dim_leads group by 1 order by 2 desc"),
    ('marts', 'dim_dates', 'day', none, none, 'Fiscal columns follow fiscal_year_start_month of funnel.yml.',
     "select distinct month, fiscal_period_key from marts.dim_dates order by 1"),
    ('marts', 'dim_months', 'month', none, none, 'Months ahead are in it; fiscal columns follow fiscal_year_start_month of funnel.yml.',
     "select * from marts.dim_months order by 1"),
    ('marts', 'dim_sources', 'connection', none, none, 'history_starts_at: before it nothing can be told.',
     "select * from marts.dim_sources"),
    ('marts', 'fct_deal_events', 'observed change of one tracked field of a deal', none, none,
     'effective_at: true in the CRM since; recorded_at: first landed here. Pin field before counting.',
     "select field, count(*) from marts.fct_deal_events group by 1"),
    ('marts', 'fct_stage_transitions', 'stay of a deal in a stage', none, none,
     'Deleted deals are in it (is_deleted); a deal counts once per stay, not once.',
     "select to_stage_key, count(*), median(duration_seconds) / 86400 as median_days from marts.fct_stage_transitions group by 1"),
    ('marts', 'fct_lead_transitions', 'stay of a lead in a lifecycle stage', none, none, 'Stays may leave gaps.',
     "select from_stage, to_stage, count(*) from marts.fct_lead_transitions group by 1, 2"),
    ('marts', 'fct_pipeline_month_end', 'month end and deal open then', none, 'month_end',
     'Semi-additive: never sum over month ends. is_reconstructed before the first landing.',
     "select month_end, count(*), sum(amount_reporting) from marts.fct_pipeline_month_end group by 1 order by 1"),
    ('marts', 'fct_won_revenue', 'won spell of a deal', none, none,
     'Won bookings by close date; leave reversed spells out (is_reversed). Wins being delivered are in it; marts count these deals as open (fulfilment_count).',
     "select won_month, sum(amount_reporting) from marts.fct_won_revenue where not is_reversed group by 1 order by 1"),
    ('marts', 'fct_targets', 'target (company, pipeline, team or owner) and month', none, 'level',
     'Of targets.csv, the newest version. Levels have targets of their own: they are not assumed to add up.',
     "select month, target_key, quota from marts.fct_targets where level = 'owner' order by 1, 2"),
    ('marts', 'fct_pipeline_movements', 'movement of open value, with opening and closing of each month and deal', none,
     'basis, currency, movement',
     'opening + movements = closing of one month, exactly. What was open at any instant: all movements before it.',
     "select month, movement, currency, sum(amount) from marts.fct_pipeline_movements where basis = 'all_open' group by all order by 1"),
    ('marts', 'forecast_monthly', 'month end, target month, component and segment', none, 'as_of_month_end, component, segment_type',
     'One vintage, one component and one segment type at a time; expected_revenue adds up over months and segments, p10, p50 and p90 never.',
     "select target_month, expected_revenue, p10, p90 from marts.forecast_monthly where component = 'total' and segment_type = 'all' and as_of_month_end = (select max(as_of_month_end) from marts.forecast_monthly) order by 1"),
    ('marts', 'forecast_current', 'month from the running one on, component and segment', none, 'component, segment_type',
     'As of the last refresh, never frozen. expected_revenue adds up over months and segments, p10, p50 and p90 never.',
     "select target_month, expected_revenue, p10, p90, quota_amount from marts.forecast_current where component = 'total' and segment_type = 'all' order by 1"),
    ('marts', 'forecast_periods', 'vintage or refresh, fiscal quarter, fiscal year or run of months, and segment', none, 'is_current, as_of_date, period_type, segment_type',
     'Quantiles are of the whole period; nothing is summed over periods of different types. Coverage is avg(is_covered).',
     "select period_type, period_start, period_end, won_so_far, expected_revenue, p10, p90 from marts.forecast_periods where is_current and segment_type = 'all' order by 1, 2, 3"),
    ('marts', 'forecast_bridge', 'month end, target month, cause and deal or stage where there is one', none, none,
     'Of one as_of_month_end and target_month amount adds up to the change of the company’s total since the vintage before.',
     "select as_of_month_end, target_month, cause, sum(amount) from marts.forecast_bridge group by 1, 2, 3 order by 1 desc, 2, abs(sum(amount)) desc"),
    ('marts', 'forecast_deal_months', 'deal open at the last month end and target month', none, none,
     'expected_amount adds up over deals and months; p_won over the months of one deal.',
     "select deal_key, sum(p_won), sum(expected_amount) from marts.forecast_deal_months group by 1 order by 3 desc"),
    ('marts', 'forecast_accuracy_monthly', 'month end, target month, component, segment and method', none, 'component, segment_type, method',
     'WAPE = sum(abs(error)) / sum(actual). Never average absolute_percentage_error.',
     "select method, horizon_months > 3 as is_far, sum(abs(error)) / sum(actual) as wape, avg(is_covered::integer) as coverage from marts.forecast_accuracy_monthly where component = 'total' and segment_type = 'all' group by 1, 2 order by 2, 3"),
    ('marts', 'actual_revenue_monthly', 'month and segment', none, 'segment_type', 'One segment type at a time.',
     "select month, won_amount_now from marts.actual_revenue_monthly where segment_type = 'all' order by 1"),
    ('marts', 'forecast_restatements', 'figure of a closed month, deal and cause that moved it since', none, 'segment_type',
     'amount of one segment type adds up to restated_amount of actual_revenue_monthly, to the cent.',
     "select month, cause, sum(amount), count(*) from marts.forecast_restatements where segment_type = 'all' group by 1, 2 order by 1, 2"),
    ('marts', 'mart_pipeline_waterfall_monthly', 'month, basis, pipeline and currency', none, 'basis, currency',
     'Pipelines may be added up. Opening and closing must not be summed over months; movements may.',
     "select month, sum(opening_amount), sum(created_amount), sum(won_amount), sum(closing_amount) from marts.mart_pipeline_waterfall_monthly where basis = 'all_open' and currency = 'EUR' group by 1 order by 1"),
    ('marts', 'mart_sales_kpis_monthly', 'month and pipeline', 'is_rollup', none,
     'Either is_rollup or not, never both; open_opportunities and open_amount must not be summed over months; rates and medians never.',
     "select month, won_count, won_amount, win_rate, open_amount from marts.mart_sales_kpis_monthly where is_rollup order by 1"),
    ('marts', 'mart_sales_monthly', 'month, pipeline, owner, team of then, deal type and original source', none, none,
     'Everything adds up, by team_key (then) or team_now; but open_*, crm_weighted_amount and fulfilment_* must not be summed over months. Leads have no pipeline. win_rate = won_count / (won_count + lost_count).',
     "select month, team_key, deal_type, sum(won_count), sum(won_amount) from marts.mart_sales_monthly group by 1, 2, 3 order by 1, 2"),
    ('marts', 'mart_rep_performance_monthly', 'month, owner and team of the time', none, none,
     'Group by team_key for the teams of the time, by team_now for those of today. open_amount, crm_weighted_amount, due_amount and opening_due_amount must not be summed over months; rates and averages never: attainment is sum(won_amount) / sum(quota).',
     "select month, team_key, sum(quota), sum(won_amount) from marts.mart_rep_performance_monthly group by 1, 2 order by 1, 2"),
    ('marts', 'mart_stage_performance_monthly', 'month and stage', none, none,
     'at_risk, still_there and stuck_* must not be summed over months, quantiles never; entered counts stays, not deals.',
     "select month, stage_key, at_risk, entered, still_there, median_days, bottleneck_rank from marts.mart_stage_performance_monthly order by 1 desc, pipeline_key, bottleneck_rank"),
    ('marts', 'mart_loss_reasons_monthly', 'month, pipeline, stage lost from and reason', none, none,
     'Counts and amounts add up over everything; lost_reason is as typed, lost_reason_group brings spellings together.',
     "select lost_reason_group, sum(lost_count), sum(lost_amount) from marts.mart_loss_reasons_monthly group by 1 order by 2 desc"),
    ('marts', 'mart_lead_funnel_monthly', 'month of creation and original source of leads', none, none,
     'Counts add up; rates and medians do not. Young cohorts have had less time.',
     "select cohort_month, sum(leads), sum(mqls), sum(customers) from marts.mart_lead_funnel_monthly group by 1 order by 1"),
    ('marts', 'mart_open_deals', 'deal open at as_of', none, none,
     'What to look after, priority_rank 1 first. Deals being delivered are in it, without rank.',
     "select priority_rank, deal_name, amount_reporting, risk_reasons, source_url from marts.mart_open_deals where priority_rank <= 20 order by 1"),
    ('marts', 'mart_funnel_conversion_monthly', 'cohort month, basis and step from a stage to the next or to won', none,
     'basis, from_stage_key, to_stage_key',
     'A deal is in the cohort of every stage it reached: keep to one from_stage_key, and to is_next_stage or to is_to_won. Counts then add up over months; rates never: sum(reached) / sum(rate_n).',
     "select cohort_month, from_stage_key, to_stage_key, entered, observed_rate, rate_90d, eventual_rate from marts.mart_funnel_conversion_monthly where basis = 'stage_entered' and is_next_stage order by 1 desc, 2"),
    ('marts', 'mart_renewals_monthly', 'month in which renewals are due and pipeline', none, none,
     'Counts and amounts add up; rates do not: sum(won_gross) / sum(available_amount). Open ones are in the denominator until is_mature.',
     "select due_month, sum(due_count), sum(won_gross) / nullif(sum(available_amount), 0) from marts.mart_renewals_monthly group by 1 order by 1"),
    ('marts', 'mart_definition_bridge', 'month, metric and deal that counts differently', 'is_rollup', 'metric',
     'Either is_rollup or not, never both; figures are the month’s own and must not be summed.',
     "select month, our_figure, crm_figure from marts.mart_definition_bridge where is_rollup and metric = 'win_rate' order by 1"),
    ('marts', 'mart_lead_priority', 'lead open at as_of', none, none,
     'Whom to call, rank 1 first. Its lift over newest-first: python -m benchmarks lead_priority.',
     "select rank, lead_key, rate_90d, drivers, source_url from marts.mart_lead_priority where rank <= 20 order by 1"),
    ('meta', 'table_guide', 'published table', none, none, 'This table.', "select * from meta.table_guide"),
    ('meta', 'rejected_records', 'record that was set aside', none, none, 'is_superseded: a later version parsed.',
     "select stream, reason, count(*) from meta.rejected_records group by 1, 2"),
    ('meta', 'source_reconciliation', 'connection, stream and run', none, 'run_id',
     'unexplained must be 0. Rows of earlier runs stay as they were: the newest run_started_at is this one.',
     "select run_started_at, stream, at_source_live, landed_live, in_mart, unexplained from meta.source_reconciliation order by 1 desc, 2"),
    ('meta', 'history_differences', 'deal and field whose value is not the end of its own history', none, none,
     'What the record says is used, from differs_since on; each was read twice.',
     "select field, count(*) from meta.history_differences group by 1"),
    ('meta', 'schema_changes', 'change of a property, pipeline or stage at the source', none, 'object, kind',
     'A row a change noticed, never taken back. affected_* is what stands in it now: one deal may be in several rows.',
     "select noticed_at, object, name, kind, value_before, value_after from meta.schema_changes order by 1 desc"),
    ('meta', 'unconverted_amounts', 'month, connection, currency and outcome with amounts that have no rate', none, 'month, currency',
     'Native amounts; the sums of that month lack them. Open deals stand in every month in which they are open.',
     "select currency, month, outcome, deal_count, amount from meta.unconverted_amounts order by 1, 2, 3"),
    ('meta', 'frozen_vintages', 'revision of a closed month', none, none, 'What counts is is_latest; earlier revisions stay.',
     "select month_end, revision, known_at, frozen_by, is_late from meta.frozen_vintages order by 1, 2"),
    ('meta', 'forecast_waivers', 'waiver with which a month was closed', none, none, 'Never taken back; expires_on is the last day it held.',
     "select month_end, \"check\", failing_rows, reason, signed_by, expires_on from meta.forecast_waivers order by 1"),
    ('meta', 'month_end_changes', 'row of fct_pipeline_month_end that the publication before had otherwise', none, none,
     'Of month ends past in both. cause source history: events of the deal itself changed (history_events of them).',
     "select month_end, cause, change, count(*) from meta.month_end_changes group by all"),
    ('meta', 'check_results', 'check of this publication', none, none, 'What was audited before publishing.',
     'select "check", status from meta.check_results'),
    ('meta', 'publications', 'publication', none, none, 'The last row is this one.', "select * from meta.publications"),
] -%}
{#- What identifies a row: `funnel diff` compares by it, and a test holds every published table against it. -#}
{%- set keys = {
    'dim_deals': 'deal_key', 'dim_stages': 'stage_key', 'dim_stages_history': 'stage_version_key',
    'dim_pipelines': 'pipeline_key', 'dim_owners': 'owner_key', 'dim_owners_history': 'owner_version_key',
    'dim_teams': 'team_key', 'dim_companies': 'company_key', 'dim_leads': 'lead_key', 'dim_dates': 'date', 'dim_months': 'month',
    'dim_sources': 'source', 'fct_deal_events': 'event_key', 'fct_stage_transitions': 'transition_key',
    'fct_lead_transitions': 'lead_transition_key', 'fct_pipeline_month_end': 'month_end, deal_key',
    'forecast_monthly': 'as_of_month_end, target_month, component, segment_type, segment',
    'forecast_current': 'target_month, component, segment_type, segment',
    'forecast_periods': 'as_of_date, is_current, period_type, period_start, period_end, segment_type, segment',
    'forecast_bridge': 'as_of_month_end, target_month, cause, deal_key, stage_key',
    'forecast_deal_months': 'as_of_month_end, deal_key, target_month',
    'forecast_accuracy_monthly': 'as_of_month_end, target_month, component, segment_type, segment, method',
    'actual_revenue_monthly': 'month, segment_type, segment',
    'forecast_restatements': 'table_name, key, cause, deal_key', 'frozen_vintages': 'month_end, revision',
    'forecast_waivers': 'month_end, check, signed_at',
    'fct_won_revenue': 'deal_key, spell_number', 'mart_sales_kpis_monthly': 'month, pipeline_key',
    'mart_sales_monthly': 'month, pipeline_key, owner_key, team_key, deal_type, original_source',
    'fct_targets': 'month, level, target_key', 'mart_rep_performance_monthly': 'month, owner_key, team_key',
    'mart_open_deals': 'deal_key', 'mart_lead_priority': 'lead_key',
    'mart_stage_performance_monthly': 'month, stage_key',
    'mart_loss_reasons_monthly': 'month, pipeline_key, lost_from_stage_key, lost_reason',
    'mart_lead_funnel_monthly': 'cohort_month, original_source',
    'fct_pipeline_movements': 'month, basis, deal_key, occurred_at, step',
    'mart_pipeline_waterfall_monthly': 'month, basis, pipeline_key, currency',
    'mart_funnel_conversion_monthly': 'cohort_month, basis, from_stage_key, to_stage_key',
    'mart_renewals_monthly': 'due_month, pipeline_key',
    'mart_definition_bridge': 'month, metric, deal_key',
    'table_guide': 'schema_name, table_name', 'rejected_records': 'source, stream, record_id, reason, window_id',
    'source_reconciliation': 'source, stream, run_id', 'history_differences': 'deal_key, field',
    'schema_changes': 'object, key, kind, window_id', 'unconverted_amounts': 'month, source, currency, outcome',
    'check_results': 'kind, table, check', 'publications': 'id',
    'month_end_changes': 'month_end, deal_key',
} -%}

{#- How to sum, for machines: a filter, the columns that add up over all rows left by it, the columns that add up only
    within one value of a third, and that one. What is in neither is never summed. A test sums every table so and holds
    it against the facts (tests/dbt_project/naive.py). -#}
{%- set movements = ['created', 'reopened', 'pulled_in', 'increased', 'decreased', 'fx', 'pushed_out', 'pipeline_in',
    'pipeline_out', 'won', 'lost', 'void', 'owner_in', 'owner_out'] -%}
{%- set sums = {
    'dim_deals': ('not is_deleted', 'amount_reporting, stage_changes, backward_moves, close_date_pushes, reopen_count'),
    'dim_sources': (none, 'deal_records, lead_records, company_records, owner_records, stage_records, lead_object_records'),
    'fct_stage_transitions': ('not is_deleted', 'duration_seconds, skipped_stages'),
    'fct_lead_transitions': (none, 'duration_seconds'),
    'fct_pipeline_month_end': (none, 'amount_reporting, close_date_pushes'),
    'fct_won_revenue': ('not is_reversed', 'amount_reporting'),
    'fct_targets': (none, 'quota, budget'),
    'fct_pipeline_movements': (none, none, 'amount, amount_reporting', 'month'),
    'mart_pipeline_waterfall_monthly': (
        none, movements | join('_amount, ') ~ '_amount, ' ~ movements | join('_count, ') ~ '_count',
        'opening_amount, opening_count, closing_amount, closing_count', 'month'),
    'mart_sales_kpis_monthly': (
        none,
        'new_leads, new_deals, imported_deals, won_count, lost_count, void_count, won_amount, won_amount_positive, lost_amount, '
        ~ 'win_rate_n, deal_size_n, new_business_deal_size_n, zero_amount_won_count, missing_amount_won_count, '
        ~ 'unconverted_count, ' ~ deal_types() | join('_won_count, ') ~ '_won_count, ' ~ deal_types() | join('_lost_count, ') ~ '_lost_count, '
        ~ deal_types() | join('_won_amount, ') ~ '_won_amount',
        'open_opportunities, open_amount, weighted_amount, crm_weighted_amount, unconverted_open_count, fulfilment_count, '
        ~ 'fulfilment_amount', 'month'),
    'mart_sales_monthly': (
        none,
        'new_leads, new_deals, imported_deals, won_count, lost_count, void_count, won_amount, lost_amount, won_amount_positive, '
        ~ 'closed_amount_positive, won_amount_plan, won_count_positive, zero_amount_won_count, missing_amount_won_count, '
        ~ 'unconverted_count, cycle_days_sum, cycle_count',
        'open_opportunities, open_amount, weighted_amount, crm_weighted_amount, unconverted_open_count, fulfilment_count, '
        ~ 'fulfilment_amount', 'month'),
    'mart_rep_performance_monthly': (
        none,
        'quota, new_business_won_count, new_business_lost_count, won_amount, ' ~ deal_types() | join('_won_amount, ') ~ '_won_amount, unconverted_count, won_count, lost_count, '
        ~ 'win_rate_n, deal_size_n, new_deals',
        'open_amount, open_weighted_amount, crm_weighted_amount, due_amount, opening_due_amount', 'month'),
    'mart_stage_performance_monthly': (
        none,
        'entered, exits_forward, exits_backward, exits_won, exits_lost, exits_reopened, exits_pipeline_change, exits_void',
        'at_risk, still_there, stuck_count, stuck_amount', 'month'),
    'mart_loss_reasons_monthly': (
        none,
        'lost_count, lost_amount, new_business_lost_count, new_business_lost_amount, missing_amount_count, unconverted_count'),
    'mart_lead_funnel_monthly': (none, 'leads, mqls, sqls, opportunities, customers'),
    'mart_open_deals': (none, 'amount_reporting, crm_weighted_amount, expected_amount, close_date_pushes, risk_count'),
    'mart_funnel_conversion_monthly': (
        none, 'entered, direct_entry, reached, n_implied, lost, void, still_open, rate_n'),
    'mart_renewals_monthly': (
        none,
        'due_count, won_count, lost_count, late_count, open_count, inferred_count, without_value_count, available_amount, '
        ~ 'won_gross, won_net, contraction_amount, lost, late_amount, open'),
} -%}
{#- What models of the user's own say of themselves (docs/own-models.md); in the graph only where there are some. -#}
{%- if execute %}
{%- for node in graph.nodes.values() if node.package_name == 'own' and 'table_guide' in node.config.meta %}
{%- set told = node.config.meta.table_guide %}
{%- do guide.append((node.schema, node.name, told.grain, told.rollup_column, told.pin_before_summing,
    told.notes or '', told.first_query or 'select * from ' ~ node.schema ~ '.' ~ node.name)) %}
{%- do keys.update({node.name: told.key_columns} if told.key_columns else {}) %}
{%- do sums.update({node.name: (told.filter_before_summing, told.sum_columns, told.sum_within_columns, told.sum_within)}) %}
{%- endfor %}
{%- endif %}

{%- for schema, table, grain, rollup, pins, notes, query in guide %}
select
    '{{ schema }}' as schema_name,
    '{{ table }}' as table_name,
    '{{ grain | replace("'", "''") }}' as grain,
    {{ "'" ~ keys[table] ~ "'" if table in keys else 'cast(null as varchar)' }} as key_columns,
    {{ "'" ~ rollup ~ "'" if rollup else 'cast(null as varchar)' }} as rollup_column,
    {{ "'" ~ pins ~ "'" if pins else 'cast(null as varchar)' }} as pin_before_summing,
    {%- set how = sums.get(table, ()) %}
    {%- for name in ['filter_before_summing', 'sum_columns', 'sum_within_columns', 'sum_within'] %}
    {%- set told = how[loop.index0] %}
    {{ "'" ~ (told | replace("'", "''")) ~ "'" if told else 'cast(null as varchar)' }} as {{ name }},
    {%- endfor %}
    '{{ notes | replace("'", "''") }}' as notes,
    '{{ query | replace("'", "''") }}' as first_query
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
