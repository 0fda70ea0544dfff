"""Sales figures straight from a data set's transitions file: pandas, written from METRICS.md, no table of ours is read.

One pipeline, UTC, one currency; `as_of` is a second after the last event, as the stand-in's clock begins. Keys are
(first day of the month, …); stages by their names. Figures that are 0 or missing are left out.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

DAY = pd.Timedelta(days=1)
CLOSED = ("won", "lost")
Cells = dict[tuple, dict[str, Any]]


class Golden:
    """`rows`: the stays, one a row, with `until` (NaT while there), `rank` (place of the open stage, from 1; the won
    stages N + 1; lost 0) and `before`/`after` of the same deal; `deals`: one row a deal."""

    def __init__(self, path: Path) -> None:
        rows = pd.read_csv(path, dtype={"deal_id": str})
        rows["at"] = pd.to_datetime(rows.entered_at, format="ISO8601")
        self.as_of = rows["at"].max() + pd.Timedelta(seconds=1)
        self.ladder = list(dict.fromkeys(rows.stage[rows.kind == "open"]))
        self.won = list(dict.fromkeys(rows.stage[rows.kind == "won"]))
        rows = rows.sort_values(["deal_id", "at"], kind="stable")
        deal = rows.groupby("deal_id", sort=False)
        # edits of one instant come before its moves: what was created then was worth what it was given then
        rows["amount"] = rows.amount.round(2).groupby([rows.deal_id, rows["at"]]).transform("last")
        # zeroed as it was lost: the last positive amount stands
        hidden = (rows.kind == "lost") & (rows.amount == 0) & (deal.amount.shift() > 0)
        rows.loc[hidden, "amount"] = deal.amount.shift()[hidden]
        places = {stage: place for place, stage in enumerate(self.ladder, 1)}
        rows["rank"] = np.select(
            [rows.kind == "won", rows.kind == "lost"], [len(places) + 1, 0], rows.stage.map(places)
        )
        for name in ("kind", "rank", "amount"):
            rows[f"{name}_before"], rows[f"{name}_after"] = deal[name].shift(), deal[name].shift(-1)
        rows["until"] = deal["at"].shift(-1)
        rows["mark"] = deal["rank"].cummax()
        self.rows = rows
        ends = rows.groupby("deal_id").last()
        self.deals = ends.assign(created=rows.groupby("deal_id")["at"].first(), closed=ends["at"])
        self.deals["is_open"] = ~ends.kind.isin(CLOSED)
        self.deals["is_imported"] = self._imported(self.deals.created)
        self.months = pd.date_range(_month(rows["at"]).min(), _month(pd.Series([self.as_of]))[0], freq="MS")

    def _imported(self, created: pd.Series) -> pd.Series:
        """Of a bulk import: fifty or more of one import within five minutes before and after (README, vars)."""
        order, reach = np.sort(created.to_numpy()), np.timedelta64(5, "m")
        near = np.searchsorted(order, created + reach, "right") - np.searchsorted(order, created - reach, "left")
        return pd.Series(near >= 50, index=created.index)

    def ends(self) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        """(first day, the instant at which the month is looked at)."""
        return [(m, min(m + pd.offsets.MonthBegin(1), self.as_of)) for m in self.months]

    def standing(self, at: pd.Timestamp) -> pd.DataFrame:
        rows = self.rows
        return rows[(rows["at"] < at) & (rows.until.isna() | (rows.until >= at))]

    def kpis(self) -> Cells:
        found, deals = {}, self.deals
        days = (deals.closed - deals.created) / DAY
        for month, end in self.ends():
            closed = deals[~deals.is_open & (_month(deals.closed) == month)]
            won, lost = closed[closed.kind == "won"], closed[closed.kind == "lost"]
            size, cycle = won.amount[won.amount > 0], days[won.index[~won.is_imported]]
            born = deals[_month(deals.created) == month]
            lives = born[~born.is_imported]
            lasted = (lives.closed.where(~lives.is_open, self.as_of) - lives.created) / DAY
            open_now = self.standing(end)
            open_now = open_now[open_now.kind == "open"]
            found[(month,)] = {
                "won_count": len(won), "lost_count": len(lost), "won_amount": won.amount.sum(),
                "lost_amount": lost.amount.sum(), "win_rate": len(won) / len(closed) if len(closed) else None,
                "average_deal_size": size.mean(), "median_deal_size": size.median(),
                "zero_amount_won_count": (won.amount == 0).sum(), "missing_amount_won_count": won.amount.isna().sum(),
                "average_sales_cycle_days": cycle.mean(), "median_sales_cycle_days": cycle.median(),
                "km_sales_cycle_days": km_median(lasted, ~lives.is_open), "new_deals": len(lives),
                "imported_deals": len(born) - len(lives), "open_opportunities": len(open_now),
                "open_amount": open_now.amount.sum(),
            }  # fmt: skip
        return _clean(found)

    def stages(self) -> Cells:
        """Per month and stage: who stood there, came, left and how, and how long stays entered in it last."""
        rows, found = self.rows, {}
        leaving = np.select(
            [rows.until.isna(), rows.kind_after == "won", rows.kind_after == "lost", rows.kind.isin(CLOSED)],
            ["stays", "won", "lost", "reopened"],
            np.where(rows.rank_after > rows["rank"], "forward", "backward"),
        )
        is_bulk = rows.deal_id.map(self.deals.is_imported)
        lasted, is_over = (rows.until.fillna(self.as_of) - rows["at"]) / DAY, rows.until.notna()
        for month, end in self.ends():
            came, left = _month(rows["at"]) == month, _month(rows.until) == month
            there = self.standing(end).stage.value_counts()
            at_start = self.standing(month).stage.value_counts()
            for stage, part in rows.groupby("stage"):
                mine = rows.index.isin(part.index)
                exits = pd.Series(leaving[mine & left]).value_counts()
                counted = mine & came & ~is_bulk
                found[month, stage] = {
                    "at_risk": at_start.get(stage, 0), "entered": (mine & came).sum(),
                    "still_there": there.get(stage, 0), "median_days": km_median(lasted[counted], is_over[counted]),
                } | {f"exits_{kind}": count for kind, count in exits.items()}  # fmt: skip
        return _clean(found)

    def conversions(self) -> Cells:
        """Per month in which deals first came as far as a stage, and step: what became of them by now."""
        deals = self.deals[~self.deals.is_imported]
        rows, top = self.rows[self.rows.deal_id.isin(deals.index)], len(self.ladder) + 1
        first = {k: rows[rows.mark >= k].groupby("deal_id")["at"].first() for k in range(1, top + 1)}
        names, found = [*self.ladder, self.won[0]], {}
        for start, end in dict.fromkeys([*pairwise(range(1, top + 1)), *((k, top) for k in range(1, top))]):
            began = first[start]
            told = pd.DataFrame({
                "month": _month(began), "reached": began.index.isin(first[end].index),
                "kind": deals.kind.reindex(began.index),
            })  # fmt: skip
            for month, part in told.groupby("month"):
                rest = part[~part.reached]
                found[month, names[start - 1], names[end - 1]] = {
                    "entered": len(part), "reached": part.reached.sum(), "lost": (rest.kind == "lost").sum(),
                    "still_open": (rest.kind == "open").sum(),
                }  # fmt: skip
        return _clean(found)

    def waterfall(self) -> Cells:
        """Basis all_open: what happened at each move, edits before it; an amount never given counts 0."""
        rows, movements = self.rows, []
        was_open = rows.kind_before == "open"
        now, old = rows.amount.fillna(0), rows.amount_before.fillna(0)
        is_new = rows.kind_before.isna()
        turned = ~is_new & ~was_open & (rows.kind != rows.kind_before)
        for word, where, value in (
            ("created", is_new, now),
            ("reopened", turned, now),
            ("won", (rows.kind == "won") & (is_new | was_open | turned), -now),
            ("lost", (rows.kind == "lost") & (is_new | was_open | turned), -now),
            ("increased", was_open & (now > old), now - old),
            ("decreased", was_open & (now < old), now - old),
        ):
            movements.append(pd.DataFrame({"month": _month(rows["at"]), "word": word, "value": value})[where])
        for month, end in self.ends():
            for word, at in (("opening", month), ("closing", end)):
                there = self.standing(at)
                there = there[there.kind == "open"]
                movements.append(pd.DataFrame({"month": month, "word": word, "value": there.amount.fillna(0)}))
        found: Cells = {(month,): {} for month in self.months}
        for (month, word), values in pd.concat(movements).groupby(["month", "word"]).value:
            found[(month,)] |= {f"{word}_count": len(values), f"{word}_amount": round(values.sum(), 2)}
        return _clean(found)


def km_median(days: pd.Series, is_event: pd.Series) -> float | None:
    """First time by which the Kaplan-Meier curve is at a half or below."""
    surviving, order = 1.0, np.sort(days.to_numpy())
    events = days[is_event.to_numpy()].value_counts().sort_index()
    for day, count in events.items():
        surviving *= 1 - count / (len(order) - np.searchsorted(order, day, "left"))
        if surviving <= 0.5 + 1e-9:
            return float(day)
    return None


def _month(at: pd.Series) -> pd.Series:
    return at.dt.to_period("M").dt.to_timestamp()


def _clean(cells: Cells) -> Cells:
    return {
        (key[0].date(), *key[1:]): {name: value for name, value in cell.items() if not pd.isna(value) and value}
        for key, cell in cells.items()
    }
