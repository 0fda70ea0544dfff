"""Which figures `funnel explain` knows: where each is published, and the query of the deals it is made of.

Names and definitions are those of the semantic layer and of the marts' columns (metric_guide); a column of
mart_sales_monthly may be asked for by its own name.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.errors import WrongUse
from orchestration.metric_guide import columns, metrics

_CLOSINGS = """
    select deal_key, pipeline_key, owner_key_at_close as owner_key, closed_at as owned_at, outcome as part,
        {value} as value
    from marts.dim_deals
    where not is_deleted and outcome in ({outcomes})
        and date_trunc('month', coalesce({day}))::date = date '{month}'"""
_WON = """
    select won.deal_key, won.pipeline_key, won.owner_key, won.won_at as owned_at, 'won' as part,
        won.amount_reporting as value, won.team_key as team_then
    from marts.fct_won_revenue as won{joined}
    where not won.is_reversed and won.won_month = date '{month}'"""
_CREATED = """
    select deal_key, pipeline_key, owner_key_at_creation as owner_key, created_at as owned_at, 'created' as part,
        1 as value
    from marts.dim_deals
    where not is_deleted and import_batch_id is null and pipeline_key is not null
        and date_trunc('month', (created_at at time zone '{timezone}'))::date = date '{month}'"""
_OPEN = """
    select deal_key, pipeline_key, owner_key, timestamptz '{seen_at}' - interval 1 microsecond as owned_at,
        stage_category as part, {value} as value
    from {open}"""


@dataclass(frozen=True)
class Figure:
    """One explainable figure.

    `model`, `formula`: where and what it is, over rows of a month and scope. `deals`: the query of its deals, with
    deal_key, pipeline_key, owner_key, owned_at, part, value. `sums`: how the deals' values give the figure: sum, count,
    share (of the part won) or mean. `unit`: money, deals, share or days.
    """

    name: str
    label: str
    definition: str
    model: str
    formula: str
    deals: str
    sums: str
    unit: str


def figure_of(name: str) -> Figure:
    """Errors: WrongUse with the names there are."""
    known = figures()
    found = known.get(name) or next((f for f in known.values() if f.formula == f"sum({name})"), None)
    if found is None:
        listed = metrics()
        why = " It is defined, but deals do not add up to it." if name in listed else ""
        raise WrongUse(f"'{name}' cannot be explained.{why}", f"Can be explained: {', '.join(known)}.")
    return found


def figures() -> dict[str, Figure]:
    """Explainable figures by name."""
    won = _CLOSINGS.replace("{outcomes}", "'won'")
    given = {
        "won_amount": ("sum(won_amount)", _WON.replace("{joined}", _STILL_WON), "sum", "money"),
        "won_deals": ("sum(won_count)", won.replace("{value}", "1"), "count", "deals"),
        "lost_deals": (
            "sum(lost_count)", _CLOSINGS.replace("{outcomes}", "'lost'").replace("{value}", "1"), "count", "deals",
        ),
        "win_rate": (
            "sum(won_count)::double / nullif(sum(won_count) + sum(lost_count), 0)",
            _CLOSINGS.replace("{outcomes}", "'won', 'lost'").replace("{value}", "1"), "share", "share",
        ),
        "average_sales_cycle_days": (
            "sum(cycle_days_sum) / nullif(sum(cycle_count), 0)",
            won.replace("{value}", "case when import_batch_id is null then sales_cycle_days end"), "mean", "days",
        ),
        "new_deals": ("sum(new_deals)", _CREATED, "count", "deals"),
        "open_opportunities": ("sum(open_opportunities)", _OPEN.replace("{value}", "1"), "count", "deals"),
        "open_amount": ("sum(open_amount)", _OPEN.replace("{value}", "amount_reporting"), "sum", "money"),
    }  # fmt: skip
    revenue = columns("actual_revenue_monthly")["won_amount_now"]
    expected = columns("forecast_current")["expected_revenue"]
    found = {
        REVENUE: Figure(
            REVENUE, "Won revenue", f"Won bookings by close date. {revenue}", "actual_revenue_monthly",
            "sum(won_amount_now)", _WON.replace("{joined}", ""), "sum", "money",
        ),
        FORECAST: Figure(
            FORECAST, "Forecast", expected, "forecast_current", "sum(expected_revenue)", "", "sum", "money"
        ),
    }  # fmt: skip
    for name, (formula, deals, sums, unit) in given.items():
        metric = metrics()[name]
        found[name] = Figure(name, metric.label, metric.description, "mart_sales_monthly", formula, deals, sums, unit)
    return found


REVENUE, FORECAST = "won_revenue", "forecast_revenue"
_STILL_WON = """
    inner join marts.dim_deals as deals
        on won.deal_key = deals.deal_key and deals.outcome = 'won' and not deals.is_deleted"""
