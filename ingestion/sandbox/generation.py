"""Fills a world: deals by season and growth, renewals of what was won, people and companies around them, incidents."""

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from ingestion.sandbox import incidents, names, people
from ingestion.sandbox.behaviour import Life, afterlife, office, run, start_deal
from ingestion.sandbox.catalog import Owner, Pipeline
from ingestion.sandbox.model import DAY, HOUR, MINUTE, Record

if TYPE_CHECKING:
    from ingestion.sandbox.world import World

KINDS = ("deals", "contacts", "companies", "leads")
FIRST_ID = {"deals": 20_100_000_000, "contacts": 51_000_000, "companies": 9_400_000_000, "leads": 381_000_000}
SEASON = (0.9, 0.95, 1.2, 1.0, 1.0, 1.15, 0.75, 0.7, 1.15, 1.1, 1.05, 0.9)


def generate(world: World, random: Random, deals: int) -> None:
    sources = _profiles(random)
    lives: list[tuple[Life, Record | None]] = []
    days, weights = _days(world)
    first_share = int(deals * 0.9)
    later = int(deals * (world.end - world.start_now) / (world.start_now - world.start))
    past = random.choices(days, cum_weights=weights, k=first_share)
    future = [world.start_now + random.randrange(world.end - world.start_now) for _ in range(later)]
    main, *others = world.catalog.pipelines["deals"]
    for time in sorted(past) + sorted(future):
        life = _deal(world, random, main, office(random, time + random.randrange(10) * HOUR))
        lives.append((life, None))
    renewals = others[0] if others else main
    lives += _renewals(world, random, renewals, [life for life, _ in lives], deals - first_share)
    missing = deals - sum(life.changes[0].at < world.start_now for life, _ in lives)
    for time in random.choices(days, cum_weights=weights, k=max(0, missing)):
        time = min(office(random, time), world.start_now - HOUR)
        lives.append((_deal(world, random, renewals if random.random() < 0.2 else main, time), None))
    _people(world, random, lives, sources)
    incidents.strike(random, world)


def _days(world: World) -> tuple[list[int], list[float]]:
    """Days from start to now and cumulated weights: season, growth, weekdays."""
    days = list(range(world.start, world.start_now - DAY, DAY))
    weights = []
    for number, day in enumerate(days):
        month = int((day % (365.25 * DAY)) / (365.25 * DAY) * 12)
        weekday = (day // DAY + 3) % 7
        weights.append(SEASON[month] * (1 + 0.5 * number / len(days)) * (1.0 if weekday < 5 else 0.08))
    return days, list(accumulate(weights))


def _deal(world: World, random: Random, pipeline: Pipeline, time: int) -> Life:
    life = start_deal(random, world.catalog, _owner(world, random, pipeline, time), pipeline, time, world.end)
    run(life, stay="1187002" if random.random() < 0.01 else None)
    if life.time < world.end:
        afterlife(life)
    life.changes.sort(key=lambda change: change.at)
    return life


def _owner(world: World, random: Random, pipeline: Pipeline, time: int) -> Owner:
    renewing = pipeline is not world.catalog.pipelines["deals"][0]
    owners = [owner for owner in world.catalog.owners if owner.born <= time < owner.gone]
    own = [owner for owner in owners if (owner.team(time) == "704") == renewing] or owners
    return random.choice(own or world.catalog.owners[:1])


def _renewals(world: World, random: Random, pipeline: Pipeline, lives: list[Life], most: int) -> list:
    """Won deals come up for renewal about nine months later, at most `most` of them before the start `now`."""
    made: list[tuple[Life, None]] = []
    for life in lives:
        won = next((c for c in life.changes if c.name == "dealstage" and c.value == "closedwon"), None)
        if won is None or random.random() < 0.35:
            continue
        time = office(random, won.at + int(random.uniform(255, 290) * DAY))
        if time >= world.end or (time < world.start_now and most <= 0):
            continue
        most -= time < world.start_now
        made.append((_deal(world, random, pipeline, time), None))
    return made


def _people(world: World, random: Random, lives: list, sources: list[dict[str, str]]) -> None:
    """Companies, contacts and lead objects around the deals, and people who never became customers."""
    companies, contacts, leads, deals = [], [], [], []
    company_pool: list[Record] = []
    for life, _ in lives:
        born = life.changes[0].at
        source = random.choice(sources)
        firm = random.choice(company_pool) if company_pool and random.random() < 0.4 else None
        if firm is None or firm.born > born:
            firm = people.company(random, max(world.start - 30 * DAY, born - random.randrange(1, 60) * DAY))
            companies.append(firm)
            company_pool.append(firm)
        typed = born - random.randrange(4, 50) * DAY if random.random() < 0.02 else born
        name = f"{firm.own[0]} – {random.choice(names.PRODUCT)}"
        record = Record(0, born, life.changes, (name, typed), source, [])
        deals.append(record)
        if random.random() < 0.94:
            record.links.append((born, "companies", firm))
        for _ in range(random.choice((0, 1, 1, 1, 1, 2))):
            person = people.contact(
                random, born - random.randrange(HOUR, 40 * DAY), str(life.owner.id), source, world.end
            )
            contacts.append(person)
            # Some contacts are linked later: that touches no modification date.
            late = random.randrange(1, 60) * DAY if random.random() < 0.1 else 0
            record.links.append((born + late, "contacts", person))
            person.links.append((person.born, "companies", firm))
            people.became(person, "opportunity", born, world.end)
            won = next((c.at for c in life.changes if c.name == "dealstage" and c.value == "closedwon"), None)
            if won:
                people.became(person, "customer", won, world.end)
    span = world.end - world.start - DAY
    for _ in range(len(deals) // 2):
        born = world.start + random.randrange(span)
        owner = random.choice(world.catalog.owners)
        contacts.append(people.contact(random, born, str(owner.id), random.choice(sources), world.end))
    for person in contacts:
        if random.random() < 0.22 and person.born + DAY < world.end:
            owner = random.choice(world.catalog.owners)
            born = office(random, person.born + random.randrange(MINUTE, 5 * HOUR))
            made = people.lead(random, world.catalog, person, born, owner.id, world.end)
            made.links.append((born, "contacts", person))
            leads.append(made)
    for kind, records in zip(KINDS, (deals, contacts, companies, leads), strict=True):
        _number(world, random, kind, records)
    for records in (deals, contacts, leads):
        for record in records:
            record.links = [(at, kind, other.id) for at, kind, other in record.links]


def _number(world: World, random: Random, kind: str, records: list[Record]) -> None:
    """Ids grow with the time of creation, with gaps."""
    records.sort(key=lambda record: record.born)
    id = FIRST_ID[kind]
    for record in records:
        id += random.randrange(3, 90)
        record.id = id
        world.objects[kind][id] = record


def _profiles(random: Random) -> list[dict[str, str]]:
    """Shared sets of source properties; deals and contacts point at one of them."""
    profiles = []
    for source, detail, origin, origin_detail, medium in names.SOURCES:
        for campaign in ("spring", "autumn", "осень", ""):
            profile = {
                "hs_analytics_source": source,
                "hs_analytics_source_data_1": detail,
                "hs_object_source": origin,
                "hs_object_source_label": origin,
                "hs_object_source_detail_1": origin_detail,
            }
            if medium:
                profile["utm_source"] = detail or "direct"
                profile["utm_medium"] = medium
                if campaign:
                    profile["utm_campaign"] = campaign
            profiles += [profile] * random.randrange(1, 5)
    return profiles
