"""How far the newest vintage lies from the one before it, and whether forecast_bridge says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations import figures, parts, thresholds
from expectations.gate import Facts

if TYPE_CHECKING:
    import pandas as pd

MODEL = ("probabilities", "method_version")
"""Causes that lie in the method and not in what happened to deals."""
TOLD = """select target_month, cause, sum(amount)::double as amount,
        max_by(deal_key, abs(amount)) filter (where deal_key is not null) as deal_key
    from marts.forecast_bridge where as_of_month_end = (select max(as_of_month_end) from marts.forecast_monthly)
    group by 1, 2 order by 1, abs(sum(amount)) desc, 2"""
"""Question: what the bridge to the newest vintage says, by target month and cause, with the deal that did most."""
NAMES = 3
"""Causes that a finding names."""
COLD = "-cold"
"""How the method's version ends while it knows too little to be held to."""


def against_before(out: pd.DataFrame, frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """figures.against_won of the newest vintage with, of each target month,
    jump: distance from the middle of the interval the vintage before gave, in halves of it (null: it said nothing);
    unexplained: the same where the bridge does not explain it; what: the causes in words;
    jump_since_audit: as jump, from what the last accepted audit saw of the month."""
    import pandas as pd

    made = figures.month_number(frame["as_of_month_end"])
    mine = (made == made.max() - 1) & (frame["segment_type"] == "all") & (frame["component"] == "total")
    before = {pd.Timestamp(row["target_month"]): row for row in frame[mine].to_dict("records")}
    told = facts.tables["bridge"]
    found = []
    for row in out.to_dict("records"):
        target = pd.Timestamp(row["target_month"])
        floor = thresholds.JUMP_FLOOR.value * row["usual"]
        causes = told[pd.to_datetime(told["target_month"]) == target]
        accepted = figures.accepted(facts, target)
        jump, half = _jump(row, before.get(target), floor)
        is_told = _explains(causes, row, before.get(target), half) or _was_accepted(facts, row, target)
        since = _jump(row, accepted, floor)[0]
        found.append((jump, None if is_told else jump, since, _words(causes)))
    columns = ["jump", "unexplained", "jump_since_audit", "what"]
    more = pd.DataFrame(found, columns=columns, index=out.index)
    return pd.concat([out, more.astype(dict.fromkeys(columns[:3], "float64"))], axis=1)


def _jump(now: dict[Any, Any], said: Any, floor: float) -> tuple[float, float]:
    """Distance in halves of the interval, and that half with its sign; NaN where nothing was said."""
    if said is None:
        return float("nan"), float("nan")
    up = _fraction(now["expected_revenue"] - said["p50"], said["p90"] - said["p50"], floor)
    down = _fraction(said["p50"] - now["expected_revenue"], said["p50"] - said["p10"], floor)
    return (up[0], up[1]) if up[0] >= down[0] else (down[0], -down[1])


def _fraction(distance: float, half: float, floor: float) -> tuple[float, float]:
    width = max(floor, half)  # NaN where the floor is
    return distance / width, width


def _explains(causes: pd.DataFrame, now: dict[Any, Any], before: Any, half: float) -> bool:
    """The causes add up to the change, and none that lies in the method carries the figure far by itself, but for the
    end of a cold start."""
    if before is None:
        return True
    change = now["expected_revenue"] - before["expected_revenue"]
    if abs(causes["amount"].sum() - change) > thresholds.CENTS.value:
        return False
    if any(str(row["method_version"]).endswith(COLD) for row in (now, before)):
        return True
    ours = causes.loc[causes["cause"].isin(MODEL), "amount"] / half
    return not (ours > thresholds.JUMP_BY_MODEL.value).any()


def _was_accepted(facts: Facts, now: dict[Any, Any], target: pd.Timestamp) -> bool:
    """This very vintage's figure was let pass by the last audit, and lies where it did."""
    seen = facts.history.get(f"total {target:%Y-%m}|{now['as_of_month_end']:%Y-%m}")
    return seen is not None and seen["p10"] <= now["expected_revenue"] <= seen["p90"]


def _words(causes: pd.DataFrame) -> str:
    """The largest causes of a target month: new_deals +500,000 (most by hubspot:12), fx -20."""
    rows = causes.reindex(causes["amount"].abs().sort_values(ascending=False).index)[:NAMES]
    return ", ".join(
        f"{row.cause} {row.amount:+,.0f}" + (f" (most by {row.deal_key})" if isinstance(row.deal_key, str) else "")
        for row in rows.itertuples()
    )


def rules() -> list[Any]:
    jump = thresholds.JUMP
    return [
        parts.between("jump", "stays_in_its_interval",
                      "the newest vintage lies in the interval that the one before had, half as wide again at most",
                      *jump.warn, severity="warn"),
        parts.between("unexplained", "jumps_are_explained",
                      "where it does not, forecast_bridge adds up to the change, and deals are the cause",
                      *jump.warn, history=True),
        parts.between("jump_since_audit", "jump_is_possible",
                      f"a month's total lies at most {jump.refuse[1]:g} half intervals from what was last accepted",
                      *jump.refuse, history=True),
    ]  # fmt: skip
