"""What `funnel status` says of the forecast: whether there is one, and if not, or not a good one, why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration.errors import REFUSED
from orchestration.published import query

TABLES = ("forecast_", "actual_revenue_monthly")
FOUND = """
    select
        (select count(*) from marts.forecast_current) as now_rows,
        (select count(*) from marts.forecast_monthly) as vintage_rows,
        (select coalesce(bool_or(method_version like '%-cold'), false) from marts.forecast_current) as is_cold,
        (select count(*) from marts.fct_won_revenue where not is_reversed) as wins,
        (select strftime(min(won_month), '%Y-%m') from marts.fct_won_revenue where not is_reversed) as first_win,
        (select count(*) from marts.dim_deals where outcome in ('won', 'lost')) as closed_deals,
        (select count(*) from marts.dim_deals) as deals"""


def collect(current: Path, last_run: Mapping[str, Any]) -> dict[str, Any] | None:
    """`state` (published, cold, none) with `why`, and the rules that `refused` the newest; None: an older shape."""
    rows = query(current, FOUND)
    if not rows:
        return None
    row, refused = rows[0], []
    if last_run.get("code") == REFUSED:
        refused = [text.split(":", 1)[0] for text in last_run.get("refused") or () if text.startswith(TABLES)]
    return {**_state(row), "refused": refused}


def told(found: Mapping[str, Any] | None) -> list[str]:
    """The same as lines for people."""
    if not found:
        return []
    lines = [f"forecast     {found['why']}"] if found["state"] != "published" else []
    if refused := found["refused"]:
        more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
        lines.append(f"forecast     REFUSED by {', '.join(refused[:5])}{more}; what is published is of the run before")
    return lines


def _state(row: Mapping[str, Any]) -> dict[str, str]:
    if not row["now_rows"] and not row["vintage_rows"]:
        if not row["deals"]:
            why = "none: there is no deal"
        elif not row["wins"]:
            why = (
                "none: no deal was ever won, so nothing says how often or how fast deals are; if some were, "
                "`funnel check` shows how their stages were understood"
            )
        else:
            why = "none: no win had happened by as-of"
        return {"state": "none", "why": why}
    if row["is_cold"]:
        return {
            "state": "cold",
            "why": f"cold start: first win in {row['first_win']}, {row['closed_deals']} closed deals (6 months of "
            "wins and 20 closed deals are needed); a simpler method, wider intervals, rows marked -cold",
        }
    return {"state": "published", "why": ""}
