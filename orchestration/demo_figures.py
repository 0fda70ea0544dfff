"""What the demo prints out of a publication: the sales figures, the stages, the forecast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb


def streams(reports: Sequence[dict[str, Any]]) -> str:
    """Records by stream, four to a line."""
    texts = [f"{r['stream']} {r['rows']:,}" for r in reports if r["rows"] and r["stream"] != "source_counts"]
    return "\n".join("  " + " · ".join(texts[n : n + 6]) for n in range(0, len(texts), 6))


def sales(database: Path) -> None:
    """The seven figures of the trade, of the last four complete months, all pipelines together."""
    rows = _rows(
        database,
        """select strftime(month, '%Y-%m') as month, new_leads, lead_to_deal_rate, average_deal_size,
                  average_sales_cycle_days, won_count, lost_count, win_rate, open_opportunities,
                  pipeline_velocity_per_day
           from marts.mart_sales_kpis_monthly where is_rollup and is_complete_month order by month desc limit 4""",
    )
    print("\n  month    leads  lead→deal  deal size  cycle d    won/lost  win rate   open  velocity €/day")
    for row in reversed(rows):
        month, leads, rate, size, cycle, won, lost, win, open_, velocity = row
        print(
            f"  {month}  {leads:>5}  {_share(rate):>9}  {size:>9,.0f}  {cycle:>7.1f}  {won:>4}/{lost:<5}"
            f"  {_share(win):>8}  {open_:>5}  {velocity:>14,.0f}"
        )


def stages(database: Path) -> None:
    """Transitions into each open stage with the median days of finished stays, the busiest first."""
    rows = _rows(
        database,
        """select s.stage_name, s.stage_category, count(*) as entered,
                  count(*) filter (t.transition_type = 'backward') as backward,
                  median(t.duration_seconds) / 86400 as days
           from marts.fct_stage_transitions t join marts.dim_stages s on s.stage_key = t.to_stage_key
           where s.is_open group by s.stage_key, s.stage_name, s.stage_category order by entered desc limit 6""",
    )
    print("\n  stage                       category        entered  backward  median days")
    for name, category, entered, backward, days in rows:
        print(f"  {name:<26}  {category:<14}  {entered:>7,}  {backward:>8,}  {days or 0:>11.1f}")


def forecast(database: Path) -> None:
    """The running month and the three after it: what is won already, what open deals and new ones should bring, and
    the range that holds eight times in ten; then how far off the same forecast was on past months."""
    rows = _rows(
        database,
        """select strftime(target_month, '%Y-%m') as month,
                  sum(expected_revenue) filter (component = 'booked') as booked,
                  sum(expected_revenue) filter (component = 'open_pipeline') as opened,
                  sum(expected_revenue) filter (component = 'new_business') as new,
                  sum(expected_revenue) filter (component = 'total') as total,
                  max(p10) filter (component = 'total') as low, max(p90) filter (component = 'total') as high
           from marts.forecast_current where segment_type = 'all' and horizon_months <= 3 group by 1 order by 1""",
    )
    if not rows:
        return
    print("\n  forecast      booked   open deals    new deals     expected    8 times in 10 between")
    for month, *figures in rows:
        booked, opened, new, total, low, high = (f"{figure:>11,.0f}" for figure in figures)
        print(f"  {month}   {booked}  {opened}  {new}  {total}  {low} and {high.strip()}")
    judged = _rows(
        database,
        """select method, sum(abs(error)) / sum(actual) as wape from marts.forecast_accuracy_monthly
           where component = 'total' and segment_type = 'all' and horizon_months <= 3
             and method in ('funnel', 'naive', 'mean_12m', 'weighted_pipeline') group by 1 order by 2""",
    )
    if judged:
        told = ", ".join(f"{method} {wape:.0%}" for method, wape in judged)
        print(f"  error of past forecasts one to three months ahead (WAPE): {told}")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()
