"""mart_funnel_conversion_monthly of lives."""

from collections import Counter, defaultdict
from datetime import date, datetime

from lives import AS_OF, CLOSED, HOME_OF, OPEN, Life
from lives_truth import DAY, Calendar, at_instant, entered_last, first_event, following, seen

LADDERS = {"default": [*OPEN["default"], "won"], "renewals": [*OPEN["renewals"], "kept"]}
STEPS = [
    (pipeline, start, end)
    for pipeline, ladder in LADDERS.items()
    for n, start in enumerate(ladder[:-1])
    for end in dict.fromkeys([ladder[n + 1], ladder[-1]])
]


def cohorts(world: list[Life], calendar: Calendar) -> dict[tuple, dict]:
    """{(month, basis, from, to): counts and rates of mart_funnel_conversion_monthly}."""
    months = calendar.months(first_event(world))
    gathered = defaultdict(list)
    for life in seen(world):
        if life.is_imported or at_instant(life, calendar, AS_OF).is_gone:
            continue
        for pipeline, start, end in STEPS:
            began = reached(life, pipeline, start)
            if began is not None:
                told = (began, *_fate(life, pipeline, start, end, began))
                gathered[calendar.month(began), "stage_entered", start, end].append(told)
                gathered[calendar.month(life.created), "created", start, end].append(told)
    return {key: _cohort_figures(told, calendar, key[0]) for key, told in gathered.items() if key[0] in months}


def height(stage: str, pipeline: str) -> int:
    """How far a visit brings a deal in a pipeline: won over all, closed without success and retired stages nowhere."""
    if HOME_OF[stage] != pipeline:
        return -1
    if stage == "delivery":
        return len(LADDERS[pipeline]) - 2  # past every stage before the win; entered after it
    return LADDERS[pipeline].index(stage) if stage in LADDERS[pipeline] else -1


def reached(life: Life, pipeline: str, stage: str) -> datetime | None:
    wanted = LADDERS[pipeline].index(stage)
    return next((at for at, visited in life.moves if at < AS_OF and height(visited, pipeline) >= wanted), None)


def _fate(life: Life, pipeline: str, start: str, end: str, began: datetime) -> tuple[str, float]:
    arrived = reached(life, pipeline, end)
    last = life.moves[-1][1]
    if arrived is not None:
        return "reached", (arrived - began) / DAY
    if HOME_OF[last] != pipeline or CLOSED.get(last) in ("void", "won"):
        return "void", 0.0
    if CLOSED.get(last) == "lost":
        return "lost", (entered_last(life) - began) / DAY
    return "still_open", (AS_OF - began) / DAY


def _cohort_figures(told: list[tuple], calendar: Calendar, month: date) -> dict:
    states = Counter(state for _, state, _ in told)
    n = len(told) - states["void"]
    cell = {"entered": len(told), "rate_n": n, **states, "observed_rate": states["reached"] / n if n else None}
    begun = max([calendar.starts(following(month)), *(began for began, *_ in told)])
    for age in (30, 60, 90, 180):
        within = sum(state == "reached" and days <= age for _, state, days in told)
        cell[f"rate_{age}d"] = within / n if n and begun + age * DAY <= AS_OF else None
    cell["eventual_rate"], cell["median_days_to_reach"] = eventual(
        [(days, state) for _, state, days in told if state != "void"]
    )
    return {name: value for name, value in cell.items() if value}


def eventual(lives: list[tuple[float, str]]) -> tuple[float | None, float | None]:
    """Aalen-Johansen: (probability to reach it in the end, days by which half of all did)."""
    surviving, incidence, half = 1.0, 0.0, None
    for day in sorted({days for days, state in lives if state != "still_open"}):
        at_risk = sum(days >= day for days, _ in lives)
        came = sum(days == day and state == "reached" for days, state in lives)
        ended = sum(days == day and state != "still_open" for days, state in lives)
        incidence += surviving * came / at_risk
        surviving *= 1 - ended / at_risk
        half = day if half is None and incidence >= 0.5 - 1e-9 else half
    return incidence, half
