"""Suite of marts.forecast_monthly: the vintages, what they rest on, and the newest against the one last accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expectations import figures, jumps, parts, thresholds
from expectations.gate import Facts, Guard, View

if TYPE_CHECKING:
    import pandas as pd

KEY = ("as_of_month_end", "target_month", "component", "segment_type", "segment")
FROZEN_SUMS = ("expected_revenue", "p10", "p50", "p90")
ASKS = {
    "won": figures.WON,
    "bridge": jumps.TOLD,
    "booked": """select won_month, sum(amount_reporting)::double as amount from marts.fct_won_revenue
        where won_at < {cutoff} and (reversed_at is null or reversed_at >= {cutoff}) group by 1 order by 1""",
    "sources": """select source, coalesce(reached_at >= {cutoff}, false) as is_reached from marts.dim_sources
        order by 1""",
    "counts": """select source || ' ' || stream as what from meta.source_reconciliation
        where coalesce(unexplained, 0) <> 0 and run_id = (select run_id from meta.run_clock) order by 1""",
    "rates": """select distinct source || ' ' || currency || ' ' || strftime(month, '%Y-%m') as what
        from meta.unconverted_amounts where month >= {cutoff}::date - interval 36 month order by 1""",
    "quotas": """
        with newest as (
            select * from marts.forecast_monthly
            where component = 'total' and as_of_month_end = (select max(as_of_month_end) from marts.forecast_monthly)
        ),
        targets as (
            select month, case level when 'company' then 'all' else level end as segment_type, target_key, quota
            from marts.fct_targets where level in ('company', 'pipeline', 'team') and quota is not null
        )
        select newest.segment_type || ' ' || segment || ' ' || strftime(target_month, '%Y-%m') as what
        from newest left join targets on target_month = month and newest.segment_type = targets.segment_type
            and segment = target_key
        where quota_amount is distinct from quota order by 1""",
}  # fmt: skip


def rows(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    return figures.rows(frame, "as_of_month_end", 1, 9)


def row_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    return figures.row_rules(KEY, "nine months ahead in each vintage")


def newest(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """The company's total of the newest vintage, one row a target month, against what was won and what was said."""
    made = figures.month_number(frame["as_of_month_end"])
    last = float(made.max()) if len(frame) else float("nan")
    out = figures.against_won(frame[made == last], facts, last)
    out["is_calibrated"] = out["is_within_calibration"].astype("boolean").fillna(False).astype(bool)
    return jumps.against_before(out, frame, facts)


def newest_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    return [
        *figures.band_rules(),
        *jumps.rules(),
        parts.holds("is_calibrated", "intervals_hold",
                    "60 to 95 % of what came lay between p10 and p90 (else published and marked: read them as wider)",
                    "warn"),
    ]  # fmt: skip


def inputs(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """One row a thing the newest vintage rests on: `what` it is, and a flag in the column of its rule."""
    import pandas as pd

    tables, last = facts.tables, pd.Timestamp(facts.last_complete_month)
    won = int(tables["won"]["wins"].sum())
    made = figures.month_number(frame["as_of_month_end"]).max() if len(frame) else None
    is_there = won == 0 or made == last.year * 12 + last.month
    found: list[dict[str, Any]] = [{"what": f"vintage of {last:%Y-%m}, {won} wins known", "_is_there": is_there}]
    found += [{"what": s, "_is_reached": bool(r)} for s, r in tables["sources"].itertuples(index=False)]
    for name, column in (("counts", "_is_counted"), ("rates", "_is_converted"), ("quotas", "_is_in_force")):
        found += [{"what": what, column: False} for what in tables[name]["what"]]
    columns = ("_is_there", "_is_reached", "_is_counted", "_is_converted", "_is_in_force")
    return pd.DataFrame(found).reindex(columns=["what", *columns]).astype(dict.fromkeys(columns, "object"))


def input_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    return [
        parts.holds("_is_there", "newest_vintage_is_there", "the last month end has its vintage, once there are wins"),
        parts.holds("_is_reached", "sources_reach_past_the_month", "sources are read past the month's end", "freeze"),
        parts.holds("_is_counted", "counts_are_explained", "counts here and at the source agree", "freeze"),
        parts.holds("_is_converted", "rates_are_there", "every amount of the last three years had a rate for its day",
                    "freeze"),
        parts.holds("_is_in_force", "quotas_are_in_force", "quotas beside the forecast are those in force",
                    "freeze"),
    ]  # fmt: skip


def frozen(frame: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """One row a frozen vintage: the largest change of its sums since the last accepted audit; null where it is new."""
    import pandas as pd

    sums = _frozen_sums(frame)
    out = pd.DataFrame({"as_of_month_end": pd.to_datetime([f"{key[7:]}-01" for key in sums]) + pd.offsets.MonthEnd(0)})
    then = [facts.history.get(key) for key in sums]
    out["_change"] = pd.Series(
        [None if old is None else max(abs(now[name] - old[name]) for name in now)
         for now, old in zip(sums.values(), then, strict=True)], dtype="float64",
    )  # fmt: skip
    return out


def frozen_rules(frame: pd.DataFrame, facts: Facts) -> list[Any]:
    if not len(frame):
        return []
    return [parts.between("_change", "frozen_stays", "a frozen vintage is what it was when it was accepted", None,
                          thresholds.CENTS.value)]  # fmt: skip


def _frozen_sums(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """{"frozen|<month>": rows and sums} of vintages that are frozen (all rows of one are frozen at one instant)."""
    import pandas as pd

    mine = frame[frame["frozen_at"].notna()]
    groups = mine.groupby(pd.to_datetime(mine["as_of_month_end"]).dt.strftime("%Y-%m"))
    return {
        f"frozen|{month}": {"rows": float(len(group)), **{name: float(group[name].sum()) for name in FROZEN_SUMS}}
        for month, group in groups
    }


def profile(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """What the next audit compares with: totals of the newest vintage, and sums of the frozen ones."""
    import pandas as pd

    made = pd.to_datetime(frame["as_of_month_end"])
    return figures.totals(frame[made == made.max()], "as_of_month_end") | _frozen_sums(frame)


GUARD = Guard(
    table="marts.forecast_monthly",
    key=KEY,
    views=(
        View("rows", KEY, rows, row_rules),
        View("newest", ("target_month", "what"), newest, newest_rules),
        View("inputs", ("what",), inputs, input_rules),
        View("frozen", ("as_of_month_end",), frozen, frozen_rules),
    ),
    profile=profile,
    asks=ASKS,
)
