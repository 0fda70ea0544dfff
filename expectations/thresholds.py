"""Thresholds of the forecast's guard, each with its reason. Outside `warn` a check warns, outside `refuse` it refuses.

Measured on twelve generated pipelines (benchmarks/forecast_worlds.py, six kinds, seeds 11 and 12, two years of vintages
each). A figure that is wrong by a factor of a hundred (cents for euros, a rate the wrong way up) must be refused; what
trade can do (a whale, a quarter's rush, a lost quarter) must not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """[low, high] of what is usual (outside: warn) and of what may be (outside: refuse); None is no limit."""

    warn: tuple[float | None, float | None]
    refuse: tuple[float | None, float | None]
    reason: str


@dataclass(frozen=True)
class Limit:
    """One figure with its reason."""

    value: float
    reason: str


CENTS = Limit(0.02, "Components are rounded to cents one by one: four figures are two cents off at most.")
CENT_A_ROW = Limit(0.006, "Each of the rows added up is rounded to cents: half a cent each, and a hair for doubles.")
ODDS = Limit(1e-9, "Odds of a deal are doubles that add up exactly; MARTS.md, invariant 7.")
JUMP = Limits(
    (None, 1.5), (None, 15.0),
    "How far a target month's total lies above (or below) the middle of the interval it had before, in distances "
    "p50-p90 (p10-p50). Of the 2,304 pairs of target months measured 1.3 % lay beyond 1, 0.6 % beyond 1.5, the "
    "farthest at 2.4. Beyond 1.5 forecast_bridge must say why, else it is refused; explained, it warns. The second "
    "limit is for slipped decimal points since the last audit, not for trade: where p90 is three times the mean a "
    "factor of ten is 4 and one of a hundred is 50; where it is twice the mean they are 9 and 99. A whale lies "
    "between.",
)  # fmt: skip
JUMP_BY_MODEL = Limit(
    2.0,
    "How much of a jump may be `probabilities` or `method_version`, in the same distances: what happened to deals "
    "explains a figure, what the method learned does not. Of the same pairs 99 % had 0.9 at most, the largest 1.6. "
    "Not held against the end of a cold start.",
)
JUMP_FLOOR = Limit(0.1, "An interval narrower than a tenth of a usual month is taken to be as wide: nothing is surer.")
BAND = Limits(
    (0.2, 5.0), (0.02, 20.0),
    "What is expected of open and new deals in a month, in means of the last twelve months won. Measured: 0.25 to "
    "2.7. After a break the last three months are the measure where they lie nearer, so that a business that "
    "doubled or dried up is no suspect. Cents for euros are a factor of 100; between 5 and 20 a few large deals "
    "may be all of it.",
)  # fmt: skip
ENOUGH_WINS = Limit(12, "Wins in the last twelve months below which their mean is chance, and no band is drawn.")
BOOKED = Limits(
    (None, 0.05), (None, 1.0),
    "Booked against fct_won_revenue, in means of the last twelve months won. Rates differ a little (the day of "
    "the win against the close date's); a close date edited after the win moves revenue into another month. A "
    "whole usual month too much or too little is neither.",
)  # fmt: skip
ACTUAL = Limit(
    0.1, "What vintages are judged against is as of the win, actual_revenue_monthly as of now: a tenth apart."
)
NO_ODDS = Limit(
    0.99, "A deal that was created as closed or whose stage is not known has no odds: one in a hundred may."
)
