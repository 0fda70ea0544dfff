"""The waterfall said once more in plain Python, from METRICS.md: a deal is followed event by event through its months.

Reads fct_deal_events, fct_stage_transitions and dim_stages alone. `position` looks at any instant by itself.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

BASES = ("all_open", "close_in_month", "close_in_quarter")
CLOSED = ("won", "lost", "void")
HOME = "EUR"
FIELDS = ("amount", "currency", "owner", "close_date", "deleted")


@dataclass(frozen=True)
class State:
    """What is true of a deal; `category` None before its first stage event."""

    category: str | None = None
    pipeline: str | None = None
    owner: str | None = None
    amount: Decimal | None = None
    currency: str = HOME
    close_date: date | None = None
    deleted: bool = False

    @property
    def stands(self) -> bool:
        return self.category is not None and self.category not in CLOSED and not self.deleted

    def closes_in(self, basis: str, day: date) -> bool:
        return basis == "all_open" or (
            self.close_date is not None and period(basis, self.close_date) == period(basis, day)
        )


def period(basis: str, day: date) -> tuple[int, int]:
    return (day.year, day.month if basis == "close_in_month" else (day.month - 1) // 3)


def load(con) -> dict[str, list]:
    """{deal: its events in order: (instant, rank, number, field, value)}; edits, then stages, then deletion."""
    deals: dict[str, list] = {}
    for deal, number, at, pipeline, category in con.execute(
        "select deal_key, visit_number, entered_at, t.pipeline_key, stage_category from marts.fct_stage_transitions t "
        "join marts.dim_stages s on s.stage_key = t.to_stage_key"
    ).fetchall():
        deals.setdefault(deal, []).append((at, 1, number, "stage", (category, pipeline)))
    for deal, field, value, at, number, source in con.execute(
        "select deal_key, field, new_value, effective_at, sequence, source from marts.fct_deal_events"
    ).fetchall():
        if deal in deals and field in FIELDS:
            deals[deal].append((at, 2 if field == "deleted" else 0, number, field, read(field, value, source)))
    return {deal: in_order(events) for deal, events in deals.items()}


def in_order(events: list) -> list:
    """Deleted and restored in one instant: the last word counts."""
    found = sorted(events, key=lambda event: event[:3])
    following = [*found[1:], (None, None)]
    return [event for event, after in zip(found, following, strict=True) if event[1] < 2 or event[:2] != after[:2]]


def read(field: str, value: str | None, source: str):
    if field == "deleted":
        return value == "true"
    if not value:
        return HOME if field == "currency" else None
    if field == "amount":
        return Decimal(value).quantize(Decimal("0.01"))
    if field == "owner":
        return f"{source}:{value}"
    return datetime.fromisoformat(value).astimezone(UTC).date() if field == "close_date" else value


def position(events: list, until: datetime) -> State:
    """The deal as it was just before an instant."""
    state = State()
    for _, _, _, field, value in (event for event in events if event[0] < until):
        state = changed(state, field, value)
    return state


def changed(state: State, field: str, value) -> State:
    return replace(state, **({"category": value[0], "pipeline": value[1]} if field == "stage" else {field: value}))


def month_starts(first: date, as_of: datetime) -> list[datetime]:
    """Of every month from `first`'s on that begins before as_of."""
    months, here = [], datetime(first.year, first.month, 1, tzinfo=UTC)
    while here < as_of:
        months.append(here)
        here = (here + timedelta(days=32)).replace(day=1)
    return months


def movements(con, as_of: datetime) -> Counter:
    """Rows of fct_pipeline_movements: (month, deal, pipeline, owner, basis, movement, amount, currency, instant)."""
    deals, rows = load(con), Counter()
    starts = month_starts(min(events[0][0] for events in (
        [e for e in all_events if e[1] == 1] for all_events in deals.values())).date(), as_of)  # fmt: skip
    for deal, events in deals.items():
        for basis in BASES:
            found = [*moved(basis, events), *stood(basis, events, starts, as_of)]
            rows.update(
                (at.date().replace(day=1) if month is None else month, deal, pipeline, owner, basis, word, amount,
                 currency, at)
                for month, at, word, amount, state in found
                for pipeline, owner, currency in [(state.pipeline, state.owner, state.currency)]
            )  # fmt: skip
    return rows


def minus(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else -amount


def stood(basis: str, events: list, starts: list[datetime], as_of: datetime) -> Iterator[tuple]:
    for start in starts:
        end = (start + timedelta(days=32)).replace(day=1)
        state, month = position(events, start), start.date()
        if state.stands and state.closes_in(basis, month) and start is not starts[0]:
            yield month, start, "opening", state.amount, state
        seen = min(end, as_of)
        state, after = position(events, seen), end.date() if seen == end else month
        if not state.stands:
            continue
        if state.closes_in(basis, after):
            yield month, seen, "closing", state.amount, state
        last = end - timedelta(microseconds=1)
        if state.closes_in(basis, month) and not state.closes_in(basis, after):
            yield month, last, "pushed_out", minus(state.amount), state
        if state.closes_in(basis, after) and not state.closes_in(basis, month):
            yield month, last, "pulled_in", state.amount, state


def moved(basis: str, events: list) -> Iterator[tuple]:
    state = State()
    for at, group in groupby(events, key=lambda event: event[0]):
        happened = list(group)
        edits = [event for event in happened if event[1] == 0]
        edited = state
        for _, _, _, field, value in edits:
            edited = changed(edited, field, value)
        stages = [event[4][0] for event in happened if event[1] == 1]
        kept = None  # of a loss that was zeroed as it was lost
        is_loss = bool(stages) and stages[-1] == "lost" and state.category is not None
        if is_loss and edited.currency == state.currency and edited.amount == 0 and (state.amount or 0) > 0:
            kept, edited = edited.amount, replace(edited, amount=state.amount)
        if state.stands:
            yield from ((None, at, *row) for row in rows_of_edit(basis, state, edited, at.date()))
        state = edited
        for _, rank, _, field, value in happened:
            if rank:
                after = changed(state, field, value)
                words = rows_of_stage(state, after) if rank == 1 else rows_of_deletion(state, after)
                if state.closes_in(basis, at.date()):
                    yield from ((None, at, *row) for row in words)
                state = after
        if kept is not None:
            state = replace(state, amount=kept)


def rows_of_edit(basis: str, old: State, new: State, day: date) -> Iterator[tuple]:
    was, now = old.closes_in(basis, day), new.closes_in(basis, day)
    money = replace(old, amount=new.amount, currency=new.currency)
    if was and new.currency != old.currency:
        yield "fx", minus(old.amount), old
        yield "fx", new.amount, money
    elif was and (delta := (new.amount or 0) - (old.amount or 0)):
        yield ("increased" if delta > 0 else "decreased"), Decimal(delta), money
    if was and not now:
        yield "pushed_out", minus(new.amount), money
    if now and not was:
        yield "pulled_in", new.amount, new
    if was and now and new.owner != old.owner:
        yield "owner_out", minus(new.amount), money
        yield "owner_in", new.amount, new


def rows_of_stage(old: State, new: State) -> Iterator[tuple]:
    if old.category is None:
        yield "created", new.amount, new
        if not new.stands:
            yield (new.category if new.category in CLOSED else "void"), minus(new.amount), new
        return
    if old.deleted:
        return
    if old.stands and new.stands and old.pipeline != new.pipeline:
        yield "pipeline_out", minus(new.amount), old
        yield "pipeline_in", new.amount, new
    if not old.stands and (new.stands or new.category != old.category):
        yield "reopened", new.amount, new
    if not new.stands and (old.stands or new.category != old.category):
        yield new.category, minus(new.amount), replace(new, pipeline=old.pipeline if old.stands else new.pipeline)


def rows_of_deletion(old: State, new: State) -> Iterator[tuple]:
    if old.stands and not new.stands:
        yield "void", minus(new.amount), new
    if new.stands and not old.stands:
        yield "reopened", new.amount, new
