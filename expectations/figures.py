"""What forecast_monthly and forecast_current must satisfy alike: sums, order of quantiles, whole series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from expectations import parts, thresholds
from expectations.gate import Facts

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("booked", "open_pipeline", "new_business")
COMPONENTS = (*PARTS, "total")
KINDS = ("pipeline", "team")
MONEY = ("expected_revenue", "p10", "p50", "p90")
WON = """select won_month, count(*) as wins, sum(amount_reporting)::double as amount from marts.fct_won_revenue
    where not is_reversed and won_at < {cutoff} group by 1 order by 1"""
"""Question: what was won by the last month end, by month of the close date."""


def month_number(dates: pd.Series) -> pd.Series:
    """Months since year 0, as doubles."""
    import pandas as pd

    dates = pd.to_datetime(dates)
    return (dates.dt.year * 12 + dates.dt.month).astype("float64")


def rows(frame: pd.DataFrame, origin: str, first: int, last: int) -> pd.DataFrame:
    """The table with what its rows must satisfy beside it. `origin`: column of the date it was made at; first and
    last: horizons of a whole series. Gaps that belong to a sum stand in the row of the sum, and are null elsewhere."""
    out = frame.copy()
    for name in (*MONEY, "horizon_months"):
        out[name] = out[name].astype("float64")
    out["_step"] = month_number(out["target_month"]) - month_number(out[origin]) - out["horizon_months"]
    out["_low"], out["_high"] = out["p50"] - out["p10"], out["p90"] - out["p50"]
    out["_least"] = out[["expected_revenue", "p10"]].min(axis=1).where(out["component"].isin(PARTS[1:]))
    out["_is_whole"] = out[list(MONEY)].notna().all(axis=1)
    out["_is_known"] = out["component"].isin(COMPONENTS) & out["segment_type"].isin(("all", *KINDS))
    place = [origin, "target_month", "segment_type", "segment"]
    signed = out["expected_revenue"].where(out["component"] != "total", -out["expected_revenue"])
    by_place = signed.groupby([out[c] for c in place])
    out["_parts_gap"] = by_place.transform("sum").abs()
    out["_has_parts"] = by_place.transform("size") == len(COMPONENTS)
    for kind in KINDS:
        out[f"_{kind}_gap"] = _gap(out, kind, [origin, "target_month", "component"])
    series = out.groupby([origin, "component", "segment_type", "segment"])["horizon_months"]
    low, high, count = (series.transform(of) for of in ("min", "max", "size"))
    out["_is_series"] = (low == first) & (high == last) & (count == last - first + 1)
    return out


def _gap(out: pd.DataFrame, kind: str, place: list[str]) -> pd.Series:
    """In rows of the company: how far segments of a kind are from it, less what rounding explains."""
    segments = out[out["segment_type"] == kind].groupby(place)["expected_revenue"].agg(["sum", "size"])
    company = out["segment_type"] == "all"
    found = out.loc[company, place].merge(segments, how="left", left_on=place, right_index=True).fillna(
        {"sum": 0.0, "size": 0}
    )  # fmt: skip
    gap = (out.loc[company, "expected_revenue"] - found["sum"]).abs()
    return (gap - thresholds.CENT_A_ROW.value * (found["size"] + 1)).clip(lower=0).reindex(out.index)


def row_rules(key: tuple[str, ...], months: str) -> list[Any]:
    return [
        parts.unique(key),
        parts.holds("_is_whole", "figures_are_there", "every row has a mean, p10, p50 and p90"),
        parts.holds("_is_known", "components_are_known", "component and segment_type are of the contract's lists"),
        parts.between("_step", "target_follows_horizon", "target_month is horizon_months after the date it is made at",
                      0, 0),
        parts.between("_low", "p10_not_above_p50", "p10 <= p50", 0),
        parts.between("_high", "p50_not_above_p90", "p50 <= p90", 0),
        parts.between("_least", "not_negative", "what open and new deals will bring is not negative", 0),
        parts.holds("_has_parts", "all_components_are_there", "booked, open_pipeline, new_business, total, once each"),
        parts.between("_parts_gap", "components_add_up", "booked + open_pipeline + new_business = total", None,
                      thresholds.CENTS.value),
        parts.between("_pipeline_gap", "pipelines_add_up", "the pipelines' means add up to the company's", None, 0),
        parts.between("_team_gap", "teams_add_up", "the teams' means add up to the company's", None, 0),
        parts.holds("_is_series", "all_months_are_there", f"every segment has {months}"),
    ]  # fmt: skip


def usual_month(won: pd.DataFrame, last: float, months: int) -> float:
    """Mean of what was won in the `months` months up to month number `last`; NaN where that is nothing or chance.

    won: answers to WON. Months before the first with a win do not count."""
    number = month_number(won["won_month"])
    of_year = won[(number > last - 12) & (number <= last)]
    if not len(of_year) or of_year["wins"].sum() < thresholds.ENOUGH_WINS.value:
        return float("nan")
    span = min(months, last - number.min() + 1)
    mean = float(won.loc[(number > last - months) & (number <= last), "amount"].sum() / span)
    return mean if mean > 0 else float("nan")


def company(frame: pd.DataFrame, component: str) -> pd.Series:
    """Means of the company by target month number."""
    mine = frame[(frame["segment_type"] == "all") & (frame["component"] == component)]
    return mine.set_index(month_number(mine["target_month"]))["expected_revenue"].astype("float64")


def totals(frame: pd.DataFrame, origin: str) -> dict[str, dict[str, float]]:
    """Profile of one vintage: {"total <target>|<month it is made in>": its mean, p10, p50, p90}."""
    import pandas as pd

    mine = frame[(frame["segment_type"] == "all") & (frame["component"] == "total")]
    targets, made = (pd.to_datetime(mine[name]).dt.strftime("%Y-%m") for name in ("target_month", origin))
    rows = [{name: float(value) for name, value in row.items()} for row in mine[list(MONEY)].to_dict("records")]
    return {f"total {target}|{month}": row for target, month, row in zip(targets, made, rows, strict=True)}


def accepted(facts: Facts, target: pd.Timestamp) -> Mapping[str, float] | None:
    """The newest figures for a target month that the last accepted audit saw."""
    stem = f"total {target:%Y-%m}|"
    keys = [key for key in facts.history if key.startswith(stem)]
    return facts.history[max(keys)] if keys else None


def against_won(frame: pd.DataFrame, facts: Facts, last: float) -> pd.DataFrame:
    """One row a target month of the company's total of one vintage: expected, p10, p50, p90, and
    usual: mean of twelve months won; ratio: open and new deals' part over it, or over the last three months' mean where
    that is nearer 1; size: the same where nothing near it was accepted before; booked_gap: booked against what was won,
    in usual months (answers to `booked`)."""
    import numpy as np
    import pandas as pd

    total = frame[(frame["segment_type"] == "all") & (frame["component"] == "total")].copy()
    total["number"] = month_number(total["target_month"])
    total = total.drop_duplicates("number").sort_values("number").reset_index(drop=True)
    booked = total["number"].map(company(frame, "booked").groupby(level=0).first())
    won = facts.tables["won"]
    total["usual"] = usual_month(won, last, 12)
    lately = usual_month(won, last, 3)
    ahead = total["expected_revenue"].astype("float64") - booked
    year, quarter = ahead / total["usual"], ahead / lately
    nearer = np.log(quarter.clip(lower=1e-9)).abs() < np.log(year.clip(lower=1e-9)).abs()
    total["ratio"] = year.mask(nearer, quarter)
    before = [accepted(facts, target) for target in pd.to_datetime(total["target_month"])]
    known_size = pd.Series([row["expected_revenue"] if row else None for row in before], dtype="float64")
    again = total["expected_revenue"].astype("float64") / known_size
    total["size"] = total["ratio"].mask((again > 0.5) & (again < 2))
    known = facts.tables["booked"]
    amounts = pd.Series(known["amount"].astype("float64").to_numpy(), month_number(known["won_month"]).to_numpy())
    total["booked_gap"] = (booked - total["number"].map(amounts).fillna(0)).abs() / total["usual"]
    return total


def band_rules() -> list[Any]:
    band, booked = thresholds.BAND, thresholds.BOOKED
    return [
        parts.between("ratio", "usual_size",
                      "a month expects {} to {} times the last twelve months' mean".format(*band.warn),
                      *band.warn, severity="warn"),
        parts.between("size", "possible_size",
                      "a month expects {} to {} times the last twelve months' mean".format(*band.refuse),
                      *band.refuse, history=True),
        parts.between("booked_gap", "booked_is_won", "booked is what fct_won_revenue has won already", *booked.warn,
                      severity="warn"),
        parts.between("booked_gap", "booked_is_near_won",
                      "booked is within a usual month of what fct_won_revenue has won already", *booked.refuse),
    ]  # fmt: skip
