"""The monthly waterfall of lives: each deal followed through what happened to it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

from lives import AS_OF, CLOSED, Life
from lives_truth import Calendar, State, at_instant, first_event, following, seen, timeline


def waterfall(world: list[Life], calendar: Calendar) -> dict[tuple, tuple[Decimal, int]]:
    """{(month, basis, pipeline, currency, movement): (amount, rows)} wherever there are rows."""
    amounts, counts = Counter(), Counter()
    months = calendar.months(first_event(world))
    for life in seen(world):
        for basis in ("all_open", "close_in_month", "close_in_quarter"):
            for month, word, state, sign in [*_moved(life, basis, calendar), *_stood(life, basis, calendar, months)]:
                key = (month, basis, state.pipeline, state.currency, word)
                amounts[key] += sign * (state.amount or 0)
                counts[key] += 1
    return {key: (Decimal(amounts[key]), counts[key]) for key in counts}


Row = tuple[date, str, State, int]


def _stood(life: Life, basis: str, calendar: Calendar, months: list[date]) -> Iterator[Row]:
    for month in months:
        after = following(month)
        end = calendar.starts(after)
        state = at_instant(life, calendar, min(end, AS_OF))
        if not state.stands:
            continue
        now, then = calendar.counts(basis, state, month), calendar.counts(basis, state, after)
        if end > AS_OF:
            if now:
                yield month, "closing", state, 1
            continue
        if now and not then:
            yield month, "pushed_out", state, -1
        if then and not now:
            yield month, "pulled_in", state, 1
        if then:
            yield month, "closing", state, 1
            if after in months:
                yield after, "opening", state, 1


def _moved(life: Life, basis: str, calendar: Calendar) -> Iterator[Row]:
    state = State()
    for at, changes in timeline(life, calendar).items():
        if at >= AS_OF:
            return
        day, month = calendar.day(at), calendar.month(at)
        edits = {name: value for name, value in changes if name in ("amount", "currency", "owner", "close")}
        edited = replace(state, **edits)
        to = dict(changes).get("stage")
        hidden = CLOSED.get(to) == "lost" and edited.amount == 0 and (state.amount or 0) > 0
        if hidden and edited.currency == state.currency and state.stage:
            edited = replace(edited, amount=state.amount)  # zeroed as it was lost
        if state.stands:
            for word, row, sign in _edited(state, edited, day, basis, calendar):
                yield month, word, row, sign
        for name, value in [change for change in changes if change[0] in ("stage", "is_gone")]:
            after = replace(edited, **{name: value})
            if calendar.counts(basis, edited, day):
                for word, row, sign in _turned(edited, after):
                    yield month, word, row, sign
            edited = after
        state = replace(edited, **edits)


def _edited(old: State, new: State, day: date, basis: str, calendar: Calendar) -> Iterator[tuple[str, State, int]]:
    was, now = calendar.counts(basis, old, day), calendar.counts(basis, new, day)
    if was and old.currency != new.currency:
        yield "fx", old, -1
        yield "fx", replace(old, currency=new.currency, amount=new.amount), 1
    elif was and (change := (new.amount or 0) - (old.amount or 0)):
        yield "increased" if change > 0 else "decreased", replace(old, amount=change), 1
    if was and not now:
        yield "pushed_out", new, -1
    if now and not was:
        yield "pulled_in", new, 1
    if was and now and old.owner != new.owner:
        yield "owner_out", new, -1
        yield "owner_in", new, 1


def _turned(old: State, new: State) -> Iterator[tuple[str, State, int]]:
    if old.is_gone != new.is_gone:
        if old.stands or new.stands:
            yield ("void", new, -1) if new.is_gone else ("reopened", new, 1)
        return
    if old.is_gone or old.stage == new.stage:
        return
    if old.stage is None:
        yield "created", new, 1
        if not new.stands:
            yield CLOSED[new.stage], new, -1
        return
    if old.stands and new.stands:
        if old.pipeline != new.pipeline:
            yield "pipeline_out", old, -1
            yield "pipeline_in", new, 1
        return
    outcomes = CLOSED.get(old.stage), CLOSED.get(new.stage)
    if not old.stands and outcomes[0] != outcomes[1]:
        yield "reopened", new, 1
    if not new.stands and outcomes[0] != outcomes[1]:
        yield outcomes[1], replace(new, stage=old.stage) if old.stands else new, -1
