"""Companies, contacts with their lifecycle, and lead objects around the deals."""

from __future__ import annotations

from random import Random

from ingestion.sandbox import names
from ingestion.sandbox.behaviour import office
from ingestion.sandbox.catalog import Catalog
from ingestion.sandbox.model import DAY, HOUR, IMPORT, INTEGRATION, WORKFLOW, Change, Record

PRIMARY = "primary"


def company(random: Random, born: int) -> Record:
    name = f"{random.choice(names.COMPANY)} {random.choice(names.TRADE)} {random.choice(names.FORM)}"
    own = (name, random.choice(names.INDUSTRY), random.choice(names.COUNTRY))
    log = [Change(born, "lifecyclestage", "lead", born, INTEGRATION)]
    return Record(0, born, log, own, {}, [])


def contact(random: Random, born: int, owner: str, source: dict[str, str], end: int) -> Record:
    """A person as first known: subscriber or lead, on the way to a marketing or sales qualified lead."""
    own = (random.choice(names.FIRST), random.choice(names.LAST))
    log: list[Change] = []
    record = Record(0, born, log, own, source, [])
    by = random.choice((INTEGRATION, IMPORT, WORKFLOW))
    time = born
    for stage in ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead"):
        if stage == "subscriber" and random.random() < 0.6:
            continue
        if stage != "lead" and stage != "subscriber" and random.random() < 0.45:
            break
        if time >= end:
            break
        log.append(Change(time, "lifecyclestage", stage, time, by))
        time = office(random, time + int(random.lognormvariate(0, 1) * 3 * DAY) + HOUR)
    if random.random() < 0.6 and born < end:
        log.append(Change(born, "hubspot_owner_id", owner, born, by))
    if random.random() < 0.5 and time < end:
        log.append(Change(time, "hs_lead_status", random.choice(("NEW", "OPEN", "IN_PROGRESS", "CONNECTED")), time, by))
        time = office(random, time + 2 * DAY)
    # Going backwards needs a clear first: the history then holds an empty value.
    if random.random() < 0.05 and time + HOUR < end:
        log.append(Change(time, "lifecyclestage", "", time, WORKFLOW))
        log.append(Change(time + 40, "lifecyclestage", "lead", time + 40, WORKFLOW))
    if not log:
        log.append(Change(born, "lifecyclestage", "subscriber", born, by))
    log.sort(key=lambda change: change.at)
    return record


def became(person: Record, stage: str, time: int, end: int) -> None:
    """A deal of the person was opened or won: the lifecycle follows by workflow, a second later."""
    time += 1_000
    if time < end and not any(change.name == "lifecyclestage" and change.value == stage for change in person.log):
        later = [c for c in person.log if c.name == "lifecyclestage" and c.since > time]
        for change in later:  # the earlier plan of that person is overtaken by the deal
            person.log.remove(change)
        person.add(Change(time, "lifecyclestage", stage, time, WORKFLOW))


def lead(random: Random, catalog: Catalog, person: Record, born: int, owner: int, end: int) -> Record:
    """A lead object (0-136) of a person, worked through the lead pipeline."""
    pipeline = catalog.pipelines["leads"][0]
    stages = [stage.id for stage in pipeline.stages]
    log = [
        Change(born, "hs_pipeline", pipeline.id, born, WORKFLOW),
        Change(born, "hs_pipeline_stage", stages[0], born, WORKFLOW),
        Change(born, "hubspot_owner_id", str(owner), born, WORKFLOW),
        Change(born, "hs_lead_type", random.choice(("NEW_BUSINESS", "UPSELL", "RE_ATTEMPTING")), born, WORKFLOW),
        Change(born, "hs_lead_label", random.choice(("HOT", "WARM", "COLD")), born, WORKFLOW),
    ]
    time, place = born, 0
    while place < 3 and random.random() < 0.75:
        time = office(random, time + int(random.lognormvariate(0, 0.9) * 2 * DAY) + HOUR)
        place = 4 if random.random() < 0.25 else place + 1
        if time >= end:
            break
        log.append(Change(time, "hs_pipeline_stage", stages[place], time, WORKFLOW))
    return Record(0, born, log, (f"{person.own[0]} {person.own[1]}",), {}, [])
