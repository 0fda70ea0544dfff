"""How one deal lives: from its creation to its close (and sometimes back), as a list of changes.

Draws only from the random generator it is given, so a world is a function of its seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random

from ingestion.sandbox import names
from ingestion.sandbox.catalog import FOREVER, Catalog, Owner, Pipeline
from ingestion.sandbox.model import BULK, DAY, HOUR, IMPORT, INTEGRATION, MINUTE, WORKFLOW, Change, iso

CURRENCIES = ("EUR", "EUR", "EUR", "EUR", "EUR", "USD", "USD", "GBP", "SEK", "JPY", "RUB")
UNIT = {"EUR": 1.0, "USD": 1.1, "GBP": 0.85, "SEK": 11.0, "JPY": 160.0, "RUB": 95.0}
# Base days in a stage and chance to be lost there, by the stage's relative place in its pipeline (0 … 1).
DAYS, LOSS = (7.0, 9.0, 11.0, 13.0, 10.0), (0.17, 0.13, 0.11, 0.09, 0.07)


@dataclass
class Life:
    """A deal under way: where it stands, what was written so far."""

    random: Random
    catalog: Catalog
    owner: Owner
    pipeline: Pipeline
    stage: str
    time: int
    end: int
    amount: int
    currency: str
    close: int
    deal_type: str
    changes: list[Change]
    shown: str = ""

    def write(self, name: str, value: str, by: int | None = None, time: int | None = None) -> None:
        at = self.time if time is None else time
        self.changes.append(Change(at, name, value, at, self.owner.user if by is None else by))

    def wait(self, days: float) -> None:
        """To a working hour some days later, never the same instant."""
        self.time = office(self.random, self.time + max(MINUTE, int(days * DAY)))


def office(random: Random, time: int) -> int:
    """The given instant, moved on to office hours (weekdays 7–17 UTC) where it lies outside them."""
    day, rest = divmod(time, DAY)
    weekday = (day + 3) % 7
    if weekday < 5 and 7 * HOUR <= rest < 17 * HOUR:
        return time
    day += 1 if weekday < 4 else 7 - weekday
    return day * DAY + 7 * HOUR + random.randrange(10 * HOUR)


def money(amount: int, random: Random) -> str:
    """Mostly plain numbers; some with cents, some as the API shows binary floats: with up to 50 digits."""
    roll = random.random()
    if roll < 0.90:
        return str(amount)
    if roll < 0.96:
        return f"{amount}.{random.choice(('50', '99', '05'))}"
    return str(Decimal(amount + random.choice((0.99, 0.1, 0.45))))


def start_deal(random: Random, catalog: Catalog, owner: Owner, pipeline: Pipeline, time: int, end: int) -> Life:
    """The writes of the creation itself."""
    renewal = pipeline is not catalog.pipelines["deals"][0]
    currency = random.choice(CURRENCIES)
    euros = random.lognormvariate(9.2, 0.9) * owner.size * (0.7 if renewal else 1.0)
    amount = max(1, round(euros * UNIT[currency] / 50)) * 50
    stages = [stage.id for stage in pipeline.listed(time) if not stage.closed]
    place = 0
    if random.random() < 0.13:
        place = random.randrange(1, len(stages))
    kind = "renewal" if renewal else ("newbusiness" if random.random() < 0.72 else "existingbusiness")
    close = office(random, time + int(random.uniform(35, 110) * DAY))
    life = Life(random, catalog, owner, pipeline, stages[place], time, end, amount, currency, close, kind, [])
    by = random.choice((None, None, None, INTEGRATION, IMPORT))
    life.write("pipeline", pipeline.id, by)
    life.write("dealstage", life.stage, by)
    if random.random() > 0.14:
        _show_amount(life, money(amount, random), by)
    if random.random() > 0.07:
        life.write("deal_currency_code", currency, by)
    else:
        life.currency = ""
    life.write("hubspot_owner_id", str(owner.id), by)
    if random.random() > 0.06:
        life.write("closedate", iso(close), by)
    if random.random() > 0.05:
        life.write("dealtype", kind, by)
    if random.random() < 0.4:
        life.write("hs_manual_forecast_category", "PIPELINE", by)
    return life


def _show_amount(life: Life, value: str, by: int | None = None) -> None:
    if value != life.shown:
        life.write("amount", value, by)
        life.shown = value


def run(life: Life, stay: str | None = None) -> None:
    """Live on until closed or until the world's end. `stay`: a stage the deal goes stale in."""
    while life.time < life.end:
        stages = [stage for stage in life.pipeline.listed(life.time) if not stage.closed]
        ids = [stage.id for stage in stages]
        place = ids.index(life.stage) if life.stage in ids else -1
        share = min(4, int(5 * max(0, place) / max(1, len(ids))))
        days = life.random.lognormvariate(0, 0.85) * DAYS[share] * life.owner.pace
        if life.stage == stay or life.random.random() < 0.015:
            days *= 14
        _between(life, days)
        life.wait(days)
        if life.time >= life.end:
            return
        # Moved meanwhile into another list of stages: look again, some may have gone or come.
        ids = [stage.id for stage in life.pipeline.listed(life.time) if not stage.closed]
        place = ids.index(life.stage) if life.stage in ids else min(max(place, 0), len(ids) - 1)
        roll = life.random.random()
        if roll < LOSS[share] / life.owner.grip:
            close(life, "lost")
            return
        if roll < 0.25 and place > 0 and life.random.random() < 0.45:
            enter(life, ids[place - 1])
        elif life.random.random() < 0.006 and len(life.catalog.pipelines["deals"]) > 1:
            change_pipeline(life)
        elif place + 1 >= len(ids):
            close(life, "won" if life.random.random() < 0.9 * life.owner.grip else "lost")
            return
        else:
            step = 1 if life.random.random() < 0.88 else life.random.randrange(2, 4)
            _forward(life, ids, place, step)


def _forward(life: Life, ids: list[str], place: int, step: int) -> None:
    """Mostly one write; an automation may walk through several stages within one millisecond."""
    target = min(place + step, len(ids) - 1)
    if step > 1 and life.random.random() < 0.35:
        for passed in range(place + 1, target):
            enter(life, ids[passed], WORKFLOW)
        enter(life, ids[target], WORKFLOW)
        return
    enter(life, ids[target])
    if life.random.random() < 0.02:  # a slip of the mouse, put right by a workflow at once
        enter(life, ids[place])
        enter(life, ids[target], WORKFLOW)


def enter(life: Life, stage: str, by: int | None = None) -> None:
    if stage != life.stage or life.random.random() < 0.02:
        life.write("dealstage", stage, by)
        life.stage = stage


def change_pipeline(life: Life) -> None:
    """Pipeline and stage change at once; sometimes one of the two is written some milliseconds later."""
    others = [other for other in life.catalog.pipelines["deals"] if other is not life.pipeline]
    life.pipeline = life.random.choice(others)
    lasting = [s.id for s in life.pipeline.listed(life.time) if not s.closed and s.gone == FOREVER]
    stage = life.random.choice(lasting)
    roll = life.random.random()
    late = life.random.randrange(2, 60)
    life.write("dealstage", stage, None, life.time + (late if roll < 0.15 else 0))
    life.write("pipeline", life.pipeline.id, None, life.time + (late if roll > 0.8 else 0))
    life.stage = stage
    life.time += late


def _between(life: Life, days: float) -> None:
    """Edits during a stay: amount, currency, close date, owner, forecast category."""
    random, begun = life.random, life.time
    if days < 0.2:
        return
    for chance, edit in _EDITS:
        if random.random() < chance:
            at = office(random, begun + int(random.uniform(0.05, 0.9) * days * DAY))
            if begun < at < begun + int(days * DAY) and at < life.end:
                life.time = at
                edit(life)
    life.time = begun
    while life.close < begun + days * DAY and random.random() < 0.7:  # overdue: pushed, once it hurts
        at = office(random, life.close + random.randrange(2 * DAY))
        life.close = office(random, life.close + int(random.uniform(14, 60) * DAY))
        if at >= life.end or at > begun + days * DAY:
            break
        life.write("closedate", iso(life.close), None, at)


def _edit_amount(life: Life) -> None:
    if not life.shown:
        value = "0" if life.random.random() < 0.12 else money(life.amount, life.random)
        _show_amount(life, value)
        return
    roll = life.random.random()
    if roll < 0.04:
        _show_amount(life, "")
    elif roll < 0.08:
        _show_amount(life, "0")
    else:
        life.amount = max(50, round(life.amount * life.random.uniform(0.7, 1.45) / 50) * 50)
        _show_amount(life, money(life.amount, life.random))


def _switch_currency(life: Life) -> None:
    old = life.currency or "EUR"
    life.currency = life.random.choice([code for code in UNIT if code != old])
    life.amount = max(50, round(life.amount / UNIT[old] * UNIT[life.currency] / 50) * 50)
    life.write("deal_currency_code", life.currency)
    _show_amount(life, str(life.amount))


def _push(life: Life) -> None:
    life.close = office(life.random, life.close + int(life.random.uniform(-12, 45) * DAY))
    life.write("closedate", "" if life.random.random() < 0.02 else iso(life.close))


def _hand_over(life: Life) -> None:
    owners = [owner for owner in life.catalog.owners if owner.born <= life.time < owner.gone]
    if owners:
        life.owner = life.random.choice(owners)
        life.write("hubspot_owner_id", str(life.owner.id))


def _judge(life: Life) -> None:
    life.write("hs_manual_forecast_category", life.random.choice(("PIPELINE", "BEST_CASE", "COMMIT", "OMIT", "")))


def _retype(life: Life) -> None:
    life.deal_type = life.random.choice(("newbusiness", "existingbusiness"))
    life.write("dealtype", life.deal_type)


_EDITS = (
    (0.30, _edit_amount), (0.008, _switch_currency), (0.16, _push), (0.03, _hand_over), (0.12, _judge), (0.01, _retype),
)  # fmt: skip


def close(life: Life, outcome: str) -> None:
    """Enter the pipeline's won or lost stage; the close date follows (mostly to today), a lost amount may be zeroed."""
    random = life.random
    stage = next(stage.id for stage in life.pipeline.stages if stage.outcome == outcome)
    enter(life, stage)
    roll = random.random()
    if roll > 0.06:
        day = life.time if roll > 0.11 else life.time - random.randrange(1, 12) * DAY
        life.close = day
        life.write("closedate", iso(day))
    if outcome == "won":
        if not life.shown and random.random() < 0.85:
            _show_amount(life, money(life.amount, random))
        reason = random.choice(names.WON_REASONS)
        if reason:
            life.write("closed_won_reason", reason)
        return
    if random.random() < 0.1:
        _show_amount(life, "0")
    reason = random.choice(names.LOST_REASONS)
    if reason:
        life.write("closed_lost_reason", reason)


def afterlife(life: Life) -> None:
    """Some closed deals come back (won → open → lost, lost → open → won or lost again); some are edited late."""
    random = life.random
    outcome = life.catalog.deal_stages[life.stage][1].outcome
    if outcome == "open":
        return
    if random.random() < (0.025 if outcome == "won" else 0.05):
        life.wait(random.uniform(2, 60))
        if life.time >= life.end:
            return
        stages = [stage.id for stage in life.pipeline.listed(life.time) if not stage.closed]
        enter(life, random.choice(stages[len(stages) // 2 :]))
        life.wait(random.uniform(1, 30))
        if life.time < life.end:
            close(life, "lost" if outcome == "won" else random.choice(("won", "won", "lost")))
    elif random.random() < 0.03:
        life.wait(random.uniform(1, 40))
        if life.time < life.end:
            life.amount = round(life.amount * random.uniform(0.8, 1.2))
            _show_amount(life, str(life.amount), BULK if random.random() < 0.2 else None)
