"""Are the odds to reach a quota what they say? Owners and quotas put over the generated worlds, month after month.

Eight owners share each world's deals, unevenly and less evenly as time goes by; each month's quota is 0.4 to 1.6 times
what the owner had won a month in the year before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from forecasting.current import moment
from forecasting.histories import WON, Histories, month_of, month_start
from forecasting.periods import each_part
from forecasting.quotas import month_ahead, running_month
from forecasting.running import running, share_at
from forecasting.spells import Spells
from forecasting.study import Study, regrouped, study
from forecasting.vintage import point

OWNERS, DRIFT, MONTHS, DAY = 8, 0.15, 30, 15
WHEN = ("as the month begins", f"on day {DAY}")
DECILES = 10


@dataclass(frozen=True)
class Asked:
    """One owner's month: when it was asked (of WHEN), the odds told, whether the quota was reached."""

    group: str
    when: str
    said: float
    came: bool


def asked(kind: str, seed: int, h: Histories) -> list[Asked]:
    """Every owner's month of the last MONTHS complete ones of a world."""
    last = int(month_of(h.at).max()) - 1
    group, random = "sparse" if kind == "sparse" else "dense", np.random.default_rng([seed, len(kind)])
    s, owned = study(h, last), owned_by(h, random)
    owners = regrouped(s, owned)
    first = last - MONTHS + 1
    won = np.array([_won(owners.spells, owned, month) for month in range(first - 12, last + 1)])
    quotas = [won[i : i + 12].mean(axis=0) * random.uniform(0.4, 1.6, OWNERS) for i in range(MONTHS)]
    r = running(h, s.spells, moment(_day(last + 1)))
    shifted = r.shifted
    those = regrouped(shifted, replace(shifted.histories, segment=owned.segment, segments=owned.segments))
    found = []
    for i, month in enumerate(range(first, last + 1)):
        early = _won(owners.spells, owned, month, _day(month))
        share = share_at(r, month)
        told = [
            [month_ahead(x, p, each) for each in _owners(x, split, month)]
            if when == WHEN[0]
            else [running_month(x, p, each, float(early[k]), share) for k, each in enumerate(_owners(x, split, month))]
            for when, x, split, p in ((WHEN[0], s, owners, point(s, month - 1)),
                                      (WHEN[1], shifted, those, point(shifted, month - 1)))
        ]  # fmt: skip
        for when, months in zip(WHEN, told, strict=True):
            found += [Asked(group, when, m.odds(quota), bool(came >= quota))
                      for m, quota, came in zip(months, quotas[i], won[i + 12], strict=True) if quota > 0]  # fmt: skip
    return found


def owned_by(h: Histories, random: np.random.Generator) -> Histories:
    """The deals under OWNERS owners; how many new ones each gets wanders from month to month."""
    first, start = h.deal[h.is_first], month_of(h.at[h.is_first])
    size = int(start.max() - start.min()) + 1
    wander = random.normal(0, 0.5, (1, OWNERS)) + random.normal(0, DRIFT, (size, OWNERS)).cumsum(axis=0)
    cumulated = np.exp(wander).cumsum(axis=1)
    drawn = random.random(len(first)) * cumulated[start - start.min(), -1]
    owner = np.zeros(int(h.deal.max()) + 1, dtype=np.int64)
    owner[first] = (drawn[:, None] > cumulated[start - start.min()]).sum(axis=1)
    return replace(h, segment=owner[h.deal], segments=tuple(f"owner {i}" for i in range(OWNERS)))


def _owners(s: Study, owners: Study, month: int) -> Iterator:
    return (each for each in each_part(s, point(s, month - 1), {"owner": owners}) if each.kind == "owner")


def _day(month: int) -> np.datetime64:
    return month_start(np.array([month]))[0] + np.timedelta64(DAY - 1, "D")


def _won(x: Spells, h: Histories, month: int, before: np.datetime64 | None = None) -> np.ndarray:
    mine = (x.end_kind == WON) & (x.revenue_month == month)
    if before is not None:
        mine &= h.at[x.last_row] < before
    return np.bincount(x.last_segment[mine], x.value[mine], OWNERS)


def reliability(found: Iterable[Asked]) -> list[str]:
    """A table: by tenth of the odds what was said and how often it came, of how many."""
    found = list(found)
    columns = [[a for a in found if a.when == when] for when in WHEN] + [[a for a in found if a.group == "sparse"]]
    lines = ["| odds | " + " | ".join((*WHEN, "sparse worlds")) + " |", "|---" * (len(columns) + 1) + "|"]
    for tenth in range(DECILES):
        cells = [_cell([a for a in column if min(int(a.said * DECILES), DECILES - 1) == tenth]) for column in columns]
        lines.append(f"| {10 * tenth}-{10 * tenth + 10} % | " + " | ".join(cells) + " |")
    return [*lines, "| all | " + " | ".join(_cell(column) for column in columns) + " |"]


def _cell(mine: list[Asked]) -> str:
    if not mine:
        return ""
    said, came = np.mean([a.said for a in mine]), np.mean([a.came for a in mine])
    return f"{said:.0%} said, {came:.0%} came ({len(mine):,})"
