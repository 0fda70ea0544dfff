"""What lives are at any instant, and the calendar they are reported in: the ground of lives_waterfall, lives_kpis and
lives_cohorts, which say METRICS.md's figures in plain loops.

No table of the warehouse is read. Money is Decimal; months are first days in the reporting zone; keys as MARTS.md has
them, without the connection. Figures that are 0 or null are left out of a cell.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from lives import AS_OF, CLOSED, HOME_OF, Life

DAY = timedelta(days=1)


@dataclass(frozen=True)
class State:
    """A deal at an instant; `stage` None before the first one."""

    stage: str | None = None
    amount: Decimal | None = None
    currency: str = "EUR"
    owner: str | None = None
    close: date | None = None
    is_gone: bool = False

    @property
    def stands(self) -> bool:
        return self.stage is not None and self.stage not in CLOSED and not self.is_gone

    @property
    def pipeline(self) -> str:
        return HOME_OF[self.stage]


class Calendar:
    """Days, months and quarters of the reporting zone; `fiscal_start`: the month a fiscal year begins with."""

    def __init__(self, zone: ZoneInfo, fiscal_start: int = 1) -> None:
        self.zone, self.fiscal_start = zone, fiscal_start

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def month(self, at: datetime) -> date:
        return self.day(at).replace(day=1)

    def starts(self, month: date) -> datetime:
        return datetime(month.year, month.month, 1, tzinfo=self.zone).astimezone(AS_OF.tzinfo)

    def months(self, first: datetime) -> list[date]:
        """Of the first stage event to that of the last instant before as_of."""
        found, last = [self.month(first)], self.month(AS_OF - timedelta(microseconds=1))
        while found[-1] < last:
            found.append(following(found[-1]))
        return found

    def span(self, basis: str, day: date) -> object:
        """What two days share when a deal that closes on one counts on the other."""
        months = day.year * 12 + day.month - self.fiscal_start
        return {"all_open": None, "close_in_month": months, "close_in_quarter": months // 3}[basis]

    def counts(self, basis: str, state: State, day: date) -> bool:
        return basis == "all_open" or (
            state.close is not None and self.span(basis, state.close) == self.span(basis, day)
        )


def following(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def seen(world: list[Life]) -> list[Life]:
    """Those that were not merged away."""
    return [life for life in world if life.swallowed is None]


def timeline(life: Life, calendar: Calendar) -> dict[datetime, list[tuple[str, object]]]:
    """{instant: what happened}: edits before moves before deletion and return."""
    happened = defaultdict(list)
    for name, entries in life.edits.items():
        for at, text in entries:
            value = text or None
            if name == "amount" and text:
                value = Decimal(text).quantize(Decimal("0.01"))
            if name == "close" and text:
                value = calendar.day(datetime.fromisoformat(text))
            happened[at].append((name, text or "EUR" if name == "currency" else value))
    for at, stage in life.moves:
        happened[at].append(("stage", stage))
    for since, until in life.gone:
        happened[since].append(("is_gone", True))
        if until:
            happened[until].append(("is_gone", False))
    return dict(sorted(happened.items()))


def at_instant(life: Life, calendar: Calendar, before: datetime) -> State:
    """The deal as of an instant: all that happened before it."""
    state = State()
    for at, changes in timeline(life, calendar).items():
        if at < before:
            state = replace(state, **dict(changes))
    return state


def first_event(world: list[Life]) -> datetime:
    """Where the months begin."""
    return min(life.moves[0][0] for life in seen(world))


def entered_last(life: Life) -> datetime:
    """When it entered the stage it is in; a value repeated is no move."""
    stays = [at for n, (at, stage) in enumerate(life.moves) if not n or life.moves[n - 1][1] != stage]
    return stays[-1]
