"""Which tables finance gets, and in what order: one query of published tables a sheet of finance.xlsx.

Amounts are the marts' own figures, to the cent. A column `check` is what a row must add up to less what it does: 0.
The company comes before pipelines before teams and newest months before older ones: a sheet that is cut lacks the last.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from orchestration.movements import WORDS

RESTATED_BY = (
    "late_close", "amount_edit", "reopened", "merged", "deleted", "stage_remap", "fx", "owner_move", "backdated",
    "code_version",
)  # fmt: skip
"""Causes of forecast_restatements; what is none of them goes into the column other_causes."""
CHANGED_BY = (
    "won", "lost", "slipped", "pulled_in", "amount", "fx", "new_deals", "inflow_level", "probabilities",
    "method_version",
)  # fmt: skip
"""Causes of forecast_bridge, likewise."""
SPREAD = "/* a column a label */ null as nothing"
"""Stands in a query for columns that only the data name: `spread` lists them, `value` fills them by `label`."""
OTHERS = "other_causes"
_NAMES = """
    names as (
        select 'pipeline' as segment_type, pipeline_key as segment, pipeline_name as name from marts.dim_pipelines
        union all select 'team', team_key, team_name from marts.dim_teams
    )"""
_NAMED = "left join names using (segment_type, segment)"
_SEGMENT = """segment_type as scope,
    case when segment_type = 'all' then 'all' when segment = '' then '(no team)' else coalesce(names.name, segment) end
        as name"""
_RANK = "case segment_type when 'all' then 0 when 'pipeline' then 1 else 2 end"
_COMPONENT = "list_position(['booked', 'open_pipeline', 'new_business', 'total'], component)"
_STATUS = """case
        when frozen_at is not null then ' frozen r' || revision || case when is_late then ' late' else '' end
        when is_reconstructed then ' reconstructed' else ' provisional' end"""


@dataclass(frozen=True)
class Spec:
    """A sheet: `name` is also its CSV's; `vintage` says of when its figures are; `missing` what to do where it is
    empty.

    `frozen`: columns that stay in sight; `shares`: columns of [0, 1] that are shown in per cent; `strong`: value of the
    column `component` or `scope` whose rows stand out; `native`: amounts are in the row's own currency.
    """

    name: str
    title: str
    about: str
    vintage: str
    models: tuple[str, ...]
    sql: str
    missing: str
    frozen: int = 2
    shares: frozenset[str] = frozenset()
    strong: str = ""
    native: bool = False
    needs: tuple[str, ...] = field(default=())
    """Further tables that the query reads."""
    explained: tuple[str, ...] = field(default=())
    """Columns of the models to define, where those of the sheet are made of their values."""
    spread: str = ""
    """A query of the labels in place of SPREAD."""

    def query(self, connection: duckdb.DuckDBPyConnection) -> str:
        """The query to ask of the published file."""
        if not self.spread:
            return self.sql
        labels = [row[0] for row in connection.execute(self.spread).fetchall()]
        columns = [f"""any_value(value) filter (where label = '{label}') as "{label}\"""" for label in labels]
        return self.sql.replace(SPREAD, ", ".join(columns) or SPREAD)


def _sums(causes: tuple[str, ...]) -> str:
    """A column a cause, and one for all others; the check is not made of them."""
    tests = {**{cause: f"cause = '{cause}'" for cause in causes}, OTHERS: f"cause not in {causes}"}
    return ", ".join(f"sum(amount) filter (where {test}) as {name}" for name, test in tests.items())


def _shown(causes: tuple[str, ...]) -> str:
    return ", ".join(f"coalesce(causes.{name}, 0)::decimal(18, 2) as {name}" for name in (*causes, OTHERS))


_FORECAST = f"""with {_NAMES}
    select target_month, {_SEGMENT}, component, expected_revenue, p10, p50, p90, quota_amount, currency,
        horizon_months, is_within_calibration, method_version, note, segment as segment_key
    from marts.forecast_current {_NAMED} order by {_RANK}, name, segment, target_month, {_COMPONENT}"""
_PERIODS = f"""with {_NAMES}
    select period_type, period_start, period_end, {_SEGMENT}, won_so_far, expected_revenue, p10, p50, p90, currency,
        is_whole_period, segment as segment_key
    from marts.forecast_periods {_NAMED} where is_current
    order by {_RANK}, name, segment, period_type, period_start, period_end"""
_LABEL = f"strftime(as_of_month_end, '%Y-%m-%d') || {_STATUS}"
_VINTAGE_COLUMNS = f"""select distinct {_LABEL} from marts.forecast_monthly order by 1 desc"""
_VINTAGES = f"""with {_NAMES},
    long as (
        select target_month, segment_type, segment, {_LABEL} as label,
            unnest(['expected_revenue', 'p10', 'p90']) as figure, unnest([expected_revenue, p10, p90]) as value
        from marts.forecast_monthly where component = 'total'
    ),
    side as (
        select target_month, segment_type, segment, figure, {SPREAD} from long group by 1, 2, 3, 4
    )
    select target_month, {_SEGMENT}, figure, actual.won_amount_now as won_now,
        side.* exclude (target_month, segment_type, segment, figure), segment as segment_key
    from side {_NAMED}
    left join (
        select month as target_month, segment_type, segment, won_amount_now
        from marts.actual_revenue_monthly where is_complete_month
    ) as actual using (target_month, segment_type, segment)
    order by {_RANK}, name, segment, target_month desc, figure"""
_ACTUALS = f"""with {_NAMES},
    told as (
        select a.*, f.p10, f.p90, f.revision, f.is_late
        from marts.forecast_accuracy_monthly as a
        left join marts.forecast_monthly as f
            using (as_of_month_end, target_month, component, segment_type, segment)
        where a.component = 'total' and a.method in ('funnel', 'management')
    )
    select target_month, as_of_month_end as vintage, {_SEGMENT}, method, origin, revision, is_late, horizon_months,
        forecast, case when method = 'funnel' then p10 end as p10, case when method = 'funnel' then p90 end as p90,
        actual, error, absolute_percentage_error, is_covered, segment as segment_key
    from told {_NAMED}
    order by origin = 'frozen' desc, target_month desc, {_RANK}, name, segment, as_of_month_end desc, method"""
_REVENUE = f"""with {_NAMES},
    closed as (select date_trunc('month', month_end)::date as month, * from meta.frozen_vintages where is_latest)
    select a.month, {_SEGMENT}, won_amount_at_close_of_month, won_amount_now, restated_amount,
        case when closed.month is not null then 'closed' when is_complete_month then 'provisional: not closed'
            else 'running or to come' end as status,
        closed.revision, closed.is_late, closed.frozen_by, segment as segment_key
    from marts.actual_revenue_monthly as a {_NAMED} left join closed on a.month = closed.month
    order by a.month desc, {_RANK}, name, segment"""
_RESTATED = f"""with {_NAMES},
    causes as (
        select month, segment_type, segment, {_sums(RESTATED_BY)}, count(distinct deal_key) as deals,
            sum(amount) as explained, max(detected_at) as last_detected
        from marts.forecast_restatements group by 1, 2, 3
    )
    select a.month, {_SEGMENT}, won_amount_at_close_of_month,
        {_shown(RESTATED_BY)},
        won_amount_now, restated_amount, coalesce(deals, 0) as deals, last_detected,
        (restated_amount - coalesce(explained, 0))::decimal(18, 2) as "check", a.segment as segment_key
    from marts.actual_revenue_monthly as a {_NAMED} left join causes using (month, segment_type, segment)
    where won_amount_at_close_of_month is not null order by a.month desc, {_RANK}, name, a.segment"""
_CHANGES = f"""with
    causes as (
        select as_of_month_end, target_month, {_sums(CHANGED_BY)}, sum(amount) as explained
        from marts.forecast_bridge group by 1, 2
    ),
    totals as (
        select as_of_month_end, target_month, expected_revenue from marts.forecast_monthly
        where component = 'total' and segment_type = 'all'
    )
    select now.target_month, now.as_of_month_end as vintage, before.expected_revenue as expected_before,
        {_shown(CHANGED_BY)},
        now.expected_revenue as expected_now,
        (now.expected_revenue - before.expected_revenue - coalesce(explained, 0))::decimal(18, 2) as "check"
    from totals as now
    inner join totals as before
        on now.target_month = before.target_month
        and before.as_of_month_end = (date_trunc('month', now.as_of_month_end) - interval 1 day)::date
    left join causes on now.as_of_month_end = causes.as_of_month_end and now.target_month = causes.target_month
    order by now.as_of_month_end desc, now.target_month"""
_STEPS = ("opening", *WORDS, "closing")
_WATERFALL = f"""
    select month, basis, coalesce(pipeline_name, pipeline_key) as pipeline, currency,
        {", ".join(f"{word}_amount" for word in _STEPS)},
        ({" + ".join(f"{word}_amount" for word in _STEPS[:-1])} - closing_amount)::decimal(18, 2) as "check",
        {", ".join(f"{word}_count" for word in _STEPS)}, is_complete_month, pipeline_key
    from marts.mart_pipeline_waterfall_monthly left join marts.dim_pipelines using (pipeline_key)
    order by month desc, basis, pipeline, pipeline_key, currency"""
_LEDGER = """
    select month, case when pipeline_key = 'all' then 'all' else coalesce(pipeline_name, pipeline_key) end as pipeline,
        currency, is_in_ledger, ledger_amount, won_amount, difference, explained_amount, explanation,
        unexplained_amount, pipeline_key
    from marts.ledger_tie_out left join marts.dim_pipelines using (pipeline_key)
    order by month desc, currency, pipeline, pipeline_key"""

_PEOPLE = ("dim_pipelines", "dim_teams")
SPECS = (
    Spec("forecast", "Forecast",
         "What is expected to be won from now on, by component. Means add up over components, months and the "
         "segments of one scope; p10, p50 and p90 never.",
         "as of the refresh", ("forecast_current",), _FORECAST, "Nothing has been won yet: there is no forecast.",
         3, strong="total", needs=_PEOPLE),
    Spec("periods", "Quarters and years",
         "The same for fiscal quarters, fiscal years and the months up to each of those ahead. Intervals are of the "
         "whole period.", "as of the refresh", ("forecast_periods",), _PERIODS,
         "Nothing has been won yet: there is no forecast.", 3, strong="all", needs=_PEOPLE),
    Spec("vintages", "Vintages",
         "What each month end said of each month, side by side, and what has been won by now. frozen: closed, revision "
         "named; provisional: not closed yet; reconstructed: from before we were there.",
         "each column its month end, frozen ones as known at their cut-off", ("forecast_monthly",), _VINTAGES,
         "There is no month end with a forecast yet.", 4, strong="expected_revenue",
         needs=("actual_revenue_monthly", *_PEOPLE),
         explained=("target_month", "as_of_month_end", "expected_revenue", "p10", "p90"), spread=_VINTAGE_COLUMNS),
    Spec("actuals", "Actuals against forecast",
         "What each vintage said and what came, at the forecast's exchange rates. origin frozen: the vintage a month "
         "was closed with; backtest: made afterwards from what had happened by then.",
         "each row its vintage", ("forecast_accuracy_monthly",), _ACTUALS,
         "No month ahead of a vintage is complete yet.", 4, frozenset({"absolute_percentage_error"}), "all",
         needs=("forecast_monthly", *_PEOPLE)),
    Spec("revenue", "Revenue",
         "Won bookings by close date, not recognised revenue: what a month was closed with, what it is now.",
         "as of the refresh; at close: as known at the cut-off", ("actual_revenue_monthly",), _REVENUE,
         "Nothing has been won yet.", 3, strong="all", needs=("meta.frozen_vintages", *_PEOPLE)),
    Spec("restatements", "Restatements",
         "What moved the revenue of closed months since, by cause: at close + causes = now, check is 0.00.",
         "since the cut-off of each month", ("forecast_restatements",), _RESTATED,
         "No month has been closed yet: `funnel close 2026-06` closes one.", 3, strong="all",
         needs=("actual_revenue_monthly", *_PEOPLE),
         explained=("won_amount_at_close_of_month", "cause", "won_amount_now", "restated_amount", "detected_at")),
    Spec("changes", "Changes of the forecast",
         "Why each vintage says otherwise than the one before, by cause: before + causes = now, check is 0.00. The "
         "company's total.", "each row its vintage and the one of the month end before", ("forecast_bridge",), _CHANGES,
         "There are no two month ends with a forecast yet.", needs=("forecast_monthly",),
         explained=("target_month", "as_of_month_end", "cause", "expected_revenue")),
    Spec("waterfall", "Waterfall",
         "What moved the open pipeline: opening + movements = closing, check is 0.00. Amounts in the row's "
         "own currency: pin one basis and one currency before summing.", "as of the refresh",
         ("mart_pipeline_waterfall_monthly",),
         _WATERFALL, "No deal has ever been open.", 4, native=True, needs=("dim_pipelines",)),
    Spec("ledger", "Ledger",
         "What the books say (ledger.csv) against what was won: difference = explained + unexplained.",
         "as of the refresh", ("ledger_tie_out",), _LEDGER, "There is no ledger.csv (docs/operations.md says how).",
         3, native=True, needs=("dim_pipelines",)),
)  # fmt: skip
