"""The forecast's tables as frames, made by its own functions of a generated world: what the guard accepts."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pandas as pd

from expectations.gate import Facts
from forecasting.histories import NO_MONTH, WON, Histories, month_start
from forecasting.tables import forecast_table
from tests.forecasting.lives import generated

AS_OF = np.datetime64("2023-12-11T00:00:00", "us")
LAST = date(2023, 11, 1)
Frames = dict[str, pd.DataFrame]


def columns(h: Histories, as_of: np.datetime64) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Histories before as_of as forecast_table takes them, and the names: two pipelines, three teams, two owners."""
    known = h.at < as_of
    keys, deal = np.unique(h.deal[known], return_inverse=True)
    kind, due = h.kind[known], h.close_month[known]
    close = np.where(due == NO_MONTH, np.datetime64("NaT"), month_start(np.where(due == NO_MONTH, 0, due)))
    numbered = {
        "deal": deal,
        "happened_at": h.at[known],
        "stage": h.stage[known],
        "kind": kind,
        "amount": h.amount[known],
        "close_date": close.astype("datetime64[us]"),
        "won_month": np.where(kind == WON, h.at[known].astype("datetime64[M]"), np.datetime64("NaT")).astype("M8[us]"),
        "probability": h.probability[known],
        "pipeline": deal % 2,
        "team": deal % 3,
        "owner": deal % 2,
        "sales": deal % 3,
        "native": h.amount[known],
        "currency": np.zeros(len(deal), dtype=np.int64),
    }
    names = {
        "deal": np.array([f"hubspot:{key}" for key in keys]),
        "pipeline": np.array(["p0", "p1"]),
        "team": np.array(["", "t1", "t2"]),
        "owner": np.array(["o0", "o1"]),
        "sales": np.array(["", "renewal\x1fADS", "upsell\x1f"]),
        "stage": np.array([f"s{code}" for code in range(int(h.stage.max()) + 1)]),
        "currency": np.array(["EUR"]),
    }
    return numbered, names


@cache
def tables() -> tuple[Frames, dict[str, Facts]]:
    """{table: frame} and {table: what its guard knows beside it}. Never change a frame of it: copy."""
    cols, names = columns(generated("sparse"), AS_OF)
    made = pd.DataFrame(forecast_table(cols, names, AS_OF))
    won = pd.DataFrame(cols)[cols["kind"] == WON].rename(columns={"won_month": "month"})
    won["pipeline_key"], won["team_key"] = names["pipeline"][won["pipeline"]], names["team"][won["team"]]
    actual = _actual(won)
    frames = {
        "forecast_monthly": _monthly(made[made["record"] == "vintage"].copy()),
        "forecast_current": _figures(made[made["record"] == "current"].assign(as_of_date=pd.Timestamp("2023-12-10"))),
        "forecast_deal_months": made[made["record"] == "deal"].assign(
            as_of_month_end=lambda f: _month_end(f), expected_amount=lambda f: f["forecast"].round(2)
        ),
        "forecast_accuracy_monthly": _judged(made[made["record"] == "judged"].copy()),
        "actual_revenue_monthly": actual,
        "mart_open_deals": _odds(made[made["record"] == "outlook"]),
    }  # fmt: skip
    told = made[(made["record"] == "bridge") & (made["as_of_month"] == pd.Timestamp(LAST))]
    by_cause = told.groupby(["target_month", "method"], as_index=False).agg(amount=("forecast", "sum"))
    facts = _facts(frames, won, by_cause.rename(columns={"method": "cause"}).assign(deal_key=None))
    return {name: frame.reset_index(drop=True) for name, frame in frames.items()}, facts


def _month_end(frame: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(frame["as_of_month"]) + pd.offsets.MonthEnd(0)


def _figures(frame: pd.DataFrame) -> pd.DataFrame:
    money = {"forecast": "expected_revenue"}
    return frame.rename(columns=money).round({"expected_revenue": 2, "p10": 2, "p50": 2, "p90": 2})


def _monthly(frame: pd.DataFrame) -> pd.DataFrame:
    out = _figures(frame.assign(as_of_month_end=_month_end(frame)))
    out["is_within_calibration"] = out["is_within_calibration"] == 1
    oldest = out["as_of_month_end"] == out["as_of_month_end"].min()
    out["frozen_at"] = pd.Series(pd.NaT, out.index).mask(oldest, pd.Timestamp("2022-02-05"))
    return out


def _judged(frame: pd.DataFrame) -> pd.DataFrame:
    out = frame.assign(as_of_month_end=_month_end(frame)).round({"forecast": 2, "actual": 2, "p10": 2, "p90": 2})
    out["error"] = (out["forecast"] - out["actual"]).round(2)
    inside = (out["actual"] >= out["p10"]) & (out["actual"] <= out["p90"])
    out["is_covered"] = inside.astype("object").where(out["p10"].notna(), None)
    for name, level in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9)):
        gap = out["actual"] - out[name]
        out[f"pinball_{name}"] = np.maximum(level * gap, (level - 1) * gap)
    return out


def _actual(won: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for kind, segment in (("all", "all"), ("pipeline", won["pipeline_key"]), ("team", won["team_key"])):
        part = won.assign(segment_type=kind, segment=segment)
        parts.append(part.groupby(["month", "segment_type", "segment"], as_index=False)["amount"].sum())
    out = pd.concat(parts).rename(columns={"amount": "won_amount_now"})
    is_closed = out["month"] < "2023-01-01"
    out["won_amount_at_close_of_month"] = (out["won_amount_now"] - 10).where(is_closed)
    out["restated_amount"] = out["won_amount_now"] - out["won_amount_at_close_of_month"]
    return out


def _odds(frame: pd.DataFrame) -> pd.DataFrame:
    names = {"win_30d": "win_probability_30d", "win_60d": "win_probability_60d", "win_90d": "win_probability_90d",
             "p_won": "win_probability_eventual", "p_push": "push_probability", "forecast": "expected_amount",
             "target_month": "expected_close_month", "amount_if_won": "amount_reporting"}  # fmt: skip
    return frame[["deal_key", *names]].rename(columns=names)


def _facts(frames: Frames, won: pd.DataFrame, bridge: pd.DataFrame) -> dict[str, Facts]:
    by_month = won.groupby("month", as_index=False).agg(wins=("amount", "size"), amount=("amount", "sum"))
    by_month = by_month.rename(columns={"month": "won_month"})
    through = by_month[by_month["won_month"] <= pd.Timestamp(LAST)]
    monthly = frames["forecast_monthly"]
    newest = monthly[monthly["as_of_month_end"] == monthly["as_of_month_end"].max()]
    opened = newest[(newest["component"] == "open_pipeline") & (newest["segment_type"] == "all")]
    nothing = pd.DataFrame({"what": []})
    asked = {
        "forecast_monthly": {
            "won": through, "booked": through, "counts": nothing, "rates": nothing, "quotas": nothing, "bridge": bridge,
            "sources": pd.DataFrame({"source": ["hubspot"], "is_reached": [True]}),
        },
        "forecast_current": {"won": through, "booked": by_month},
        "forecast_deal_months": {"open": opened.rename(columns={"expected_revenue": "amount"})},
        "forecast_accuracy_monthly": {"actual": by_month.rename(columns={"won_month": "month"})},
        "actual_revenue_monthly": {"won": by_month},
        "mart_open_deals": {},
    }  # fmt: skip
    return {name: Facts(LAST, {}, tables) for name, tables in asked.items()}
