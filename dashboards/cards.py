"""What lies on which page: one card a figure. The script has rows for each, words/ its name, note and definition."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PAGES = ("now", "funnel", "stages", "waterfall", "forecast", "marketing", "deals", "leads", "about")
FILTERS = ("pipeline", "team", "owner", "source", "months")
PERIODS = (3, 6, 12, 24)


@dataclass(frozen=True)
class Card:
    """`marts`: where its figures stand; `chart`: it has a drawing; `wide`: it takes the whole row."""

    id: str
    page: str
    marts: tuple[str, ...]
    chart: bool = True
    wide: bool = False


CARDS = (
    Card("now_stages", "now", ("mart_open_deals",)),
    Card("now_moves", "now", ("fct_pipeline_movements",)),
    Card("now_reps", "now", ("mart_rep_performance_monthly",)),
    Card("now_teams", "now", ("mart_rep_performance_monthly", "forecast_current")),
    Card("now_trend", "now", ("mart_sales_monthly",), wide=True),
    Card("now_moved", "now", ("fct_pipeline_movements",), chart=False, wide=True),
    Card("funnel_steps", "funnel", ("mart_funnel_conversion_monthly",), wide=True),
    Card("funnel_cohorts", "funnel", ("mart_funnel_conversion_monthly",)),
    Card("funnel_moves", "funnel", ("fct_stage_transitions",)),
    Card("stage_days", "stages", ("mart_stage_performance_monthly",)),
    Card("stage_exits", "stages", ("mart_stage_performance_monthly",)),
    Card("losses", "stages", ("mart_loss_reasons_monthly",)),
    Card("stage_bottlenecks", "stages", ("mart_stage_performance_monthly",), chart=False),
    Card("stalled", "stages", ("mart_open_deals",), chart=False, wide=True),
    Card("bridge", "waterfall", ("fct_pipeline_movements",)),
    Card("bridge_months", "waterfall", ("fct_pipeline_movements",)),
    Card("fan", "forecast", ("forecast_current", "actual_revenue_monthly"), wide=True),
    Card("components", "forecast", ("forecast_current",)),
    Card("vintages", "forecast", ("forecast_monthly", "actual_revenue_monthly")),
    Card("periods", "forecast", ("forecast_periods",), chart=False, wide=True),
    Card("calibration", "forecast", ("forecast_accuracy_monthly",)),
    Card("methods", "forecast", ("forecast_accuracy_monthly",)),
    Card("causes", "forecast", ("forecast_bridge",)),
    Card("restated", "forecast", ("forecast_restatements",), chart=False),
    Card("channels", "marketing", ("mart_marketing_performance_monthly",)),
    Card("customers", "marketing", ("mart_lead_funnel_monthly",)),
    Card("lead_steps", "marketing", ("mart_lead_funnel_monthly",), chart=False, wide=True),
    Card("deals", "deals", ("mart_open_deals",), chart=False, wide=True),
    Card("leads", "leads", ("mart_lead_priority",), chart=False, wide=True),
    Card("sources", "about", ("dim_sources",), chart=False, wide=True),
    Card("checks", "about", ("check_results",), chart=False, wide=True),
    Card("reconciled", "about", ("source_reconciliation",), chart=False, wide=True),
    Card("guide", "about", ("table_guide",), chart=False, wide=True),
)


def as_json() -> list[dict[str, Any]]:
    return [asdict(card) for card in CARDS]
