"""The seeded sales world: every change on one global timeline, its state as of a clock that can be moved.

World(seed=7, deals=2000) holds `deals` deals made within `months` before `now`, and goes on living for four months
after it. Nothing depends on the wall clock. Not thread-safe by itself: callers hold `world.lock`.
"""

from __future__ import annotations

import gc
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from random import Random
from threading import RLock

from ingestion.sandbox import incidents, names, people
from ingestion.sandbox.behaviour import Life, afterlife, office, run, start_deal
from ingestion.sandbox.catalog import Catalog, Owner, Pipeline, portal
from ingestion.sandbox.model import DAY, HOUR, MINUTE, Change, Record, instant, status

KINDS = ("deals", "contacts", "companies", "leads")
FIRST_ID = {"deals": 20_100_000_000, "contacts": 51_000_000, "companies": 9_400_000_000, "leads": 381_000_000}
NOW = "2026-08-31T20:00:00Z"
SEASON = (0.9, 0.95, 1.2, 1.0, 1.0, 1.15, 0.75, 0.7, 1.15, 1.1, 1.05, 0.9)


class View:
    """All records of one object as of one instant: ids live and archived (ascending) and when each was modified."""

    def __init__(self, records: Iterable[Record], at: int) -> None:
        self.live: list[int] = []
        self.archived: list[int] = []
        self.modified: dict[int, int] = {}
        for record in records:
            state = status(record, at)
            if state.kind == "live":
                self.live.append(record.id)
                self.modified[record.id] = state.modified
            elif state.kind == "archived":
                self.archived.append(record.id)
        self.by_modified = sorted((modified, id) for id, modified in self.modified.items())


class World:
    """`now` moves by `advance`/`set_now` or by the tests' own edits (`write`, `archive`, …), each a millisecond on."""

    def __init__(
        self,
        seed: int = 7,
        deals: int = 2_000,
        months: int = 24,
        start: str | int | None = None,
        now: str | int = NOW,
        catalog: Catalog | None = None,
        home_currency: str = "EUR",
        portal_id: int = 8_675_309,
    ) -> None:
        self.seed, self.home_currency, self.portal_id = seed, home_currency, portal_id
        self.start_now = self._now = instant(now)
        self.start = self.start_now - months * 365 * DAY // 12 if start is None else instant(start)
        self.end = self.start_now + 125 * DAY
        self.lock = RLock()
        self.observed: set[int] = set()
        self.version = 0
        self._views: dict[tuple[str, int, int], View] = {}
        self._births: dict[str, list[tuple[int, int]]] = {}
        self._unsorted: set[str] = set()
        random = Random(seed)
        self.catalog = catalog or portal(random, deals, self.start, self.start_now)
        self.objects: dict[str, dict[int, Record]] = {kind: {} for kind in KINDS}
        if catalog is None:
            collecting = gc.isenabled()
            gc.disable()  # millions of small tuples and no cycles: collecting would only cost
            try:
                self._generate(random, deals)
            finally:
                if collecting:
                    gc.enable()

    # ---- clock and reading
    @property
    def now(self) -> int:
        return self._now

    def set_now(self, now: str | int) -> None:
        """ValueError when it would move the clock back."""
        moment = instant(now)
        if moment < self._now:
            raise ValueError(f"the world's clock cannot go back (now {self._now}, asked {moment})")
        self._now = moment

    def advance(self, days: float) -> None:
        self.set_now(self._now + int(days * DAY))

    def records(self, kind: str) -> Iterable[Record]:
        return self.objects[kind].values()

    def view(self, kind: str, at: int | None = None) -> View:
        """As of `at` (default: now)."""
        if kind in self._unsorted:
            self.objects[kind] = dict(sorted(self.objects[kind].items()))
            self._unsorted.discard(kind)
        key = (kind, self._now if at is None else at, self.version)
        if key not in self._views:
            if len(self._views) > 16:
                self._views.clear()
            self._views[key] = View(self.records(kind), key[1])
        return self._views[key]

    def observe(self) -> None:
        """Somebody reads the portal now: what vanishes later was at least visible at this instant (see truth.py)."""
        self.observed.add(self._now)

    # ---- edits of a running world (tests, faults, control endpoint)
    def _tick(self) -> int:
        self.version += 1
        self._now += 1
        return self._now

    def write(self, kind: str, id: int, values: dict[str, str], since: str | int | None = None, by: int = 501) -> int:
        """Write properties a millisecond from now; `since`: a backdated timestamp. Returns the instant (ms)."""
        at = self._tick()
        for name, value in values.items():
            self.objects[kind][id].add(Change(at, name, value, at if since is None else instant(since), by))
        return at

    def archive(self, kind: str, id: int) -> None:
        incidents.archive(self.objects[kind][id], self._tick())

    def restore(self, kind: str, id: int) -> None:
        incidents.restore(self.objects[kind][id], self._tick())

    def purge(self, kind: str, id: int) -> None:
        incidents.purge(self.objects[kind][id], self._tick())

    def merge(self, kind: str, survivor: int, loser: int, mint: bool = False) -> int:
        """Returns the id that goes on."""
        records = self.objects[kind]
        return incidents.merge(self, kind, records[survivor], records[loser], self._tick(), mint).id

    def mint(self, kind: str, at: int) -> int:
        """An unused id, greater than those of the records made before `at` (ids grow with the time of creation)."""
        known = self.objects[kind]
        if kind not in self._births:
            self._births[kind] = sorted((record.born, record.id) for record in known.values())
        births = self._births[kind]
        place = bisect_right(births, (at, 1 << 62))
        id = (births[place - 1][1] if place else FIRST_ID[kind]) + 1
        while id in known:
            id += 1
        return id

    def adopt(self, kind: str, record: Record) -> None:
        """Take in a record made outside the generation; the table is put in order of ids when next looked at."""
        self.objects[kind][record.id] = record
        self._unsorted.add(kind)
        self.version += 1

    # ---- generation
    def _generate(self, random: Random, deals: int) -> None:
        sources = _profiles(random)
        lives: list[tuple[Life, Record | None]] = []
        days, weights = self._days()
        first_share = int(deals * 0.9)
        later = int(deals * (self.end - self.start_now) / (self.start_now - self.start))
        past = random.choices(days, cum_weights=weights, k=first_share)
        future = [self.start_now + random.randrange(self.end - self.start_now) for _ in range(later)]
        main, *others = self.catalog.pipelines["deals"]
        for time in sorted(past) + sorted(future):
            life = self._deal(random, main, office(random, time + random.randrange(10) * HOUR))
            lives.append((life, None))
        renewals = others[0] if others else main
        lives += self._renewals(random, renewals, [life for life, _ in lives], deals - first_share)
        missing = deals - sum(life.changes[0].at < self.start_now for life, _ in lives)
        for time in random.choices(days, cum_weights=weights, k=max(0, missing)):
            time = min(office(random, time), self.start_now - HOUR)
            lives.append((self._deal(random, renewals if random.random() < 0.2 else main, time), None))
        self._people(random, lives, sources)
        incidents.strike(random, self)

    def _days(self) -> tuple[list[int], list[float]]:
        """Days from start to now and cumulated weights: season, growth, weekdays."""
        days = list(range(self.start, self.start_now - DAY, DAY))
        weights = []
        for number, day in enumerate(days):
            month = int((day % (365.25 * DAY)) / (365.25 * DAY) * 12)
            weekday = (day // DAY + 3) % 7
            weights.append(SEASON[month] * (1 + 0.5 * number / len(days)) * (1.0 if weekday < 5 else 0.08))
        return days, list(accumulate(weights))

    def _deal(self, random: Random, pipeline: Pipeline, time: int) -> Life:
        life = start_deal(random, self.catalog, self._owner(random, pipeline, time), pipeline, time, self.end)
        run(life, stay="1187002" if random.random() < 0.01 else None)
        if life.time < self.end:
            afterlife(life)
        life.changes.sort(key=lambda change: change.at)
        return life

    def _owner(self, random: Random, pipeline: Pipeline, time: int) -> Owner:
        renewing = pipeline is not self.catalog.pipelines["deals"][0]
        owners = [owner for owner in self.catalog.owners if owner.born <= time < owner.gone]
        own = [owner for owner in owners if (owner.team(time) == "704") == renewing] or owners
        return random.choice(own or self.catalog.owners[:1])

    def _renewals(self, random: Random, pipeline: Pipeline, lives: list[Life], most: int) -> list:
        """Won deals come up for renewal about nine months later, at most `most` of them before the start `now`."""
        made: list[tuple[Life, None]] = []
        for life in lives:
            won = next((c for c in life.changes if c.name == "dealstage" and c.value == "closedwon"), None)
            if won is None or random.random() < 0.35:
                continue
            time = office(random, won.at + int(random.uniform(255, 290) * DAY))
            if time >= self.end or (time < self.start_now and most <= 0):
                continue
            most -= time < self.start_now
            made.append((self._deal(random, pipeline, time), None))
        return made

    def _people(self, random: Random, lives: list, sources: list[dict[str, str]]) -> None:
        """Companies, contacts and lead objects around the deals, and people who never became customers."""
        companies, contacts, leads, deals = [], [], [], []
        company_pool: list[Record] = []
        for life, _ in lives:
            born = life.changes[0].at
            source = random.choice(sources)
            firm = random.choice(company_pool) if company_pool and random.random() < 0.4 else None
            if firm is None or firm.born > born:
                firm = people.company(random, max(self.start - 30 * DAY, born - random.randrange(1, 60) * DAY))
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
                    random, born - random.randrange(HOUR, 40 * DAY), str(life.owner.id), source, self.end
                )
                contacts.append(person)
                # Some contacts are linked later: that touches no modification date.
                late = random.randrange(1, 60) * DAY if random.random() < 0.1 else 0
                record.links.append((born + late, "contacts", person))
                person.links.append((person.born, "companies", firm))
                people.became(person, "opportunity", born, self.end)
                won = next((c.at for c in life.changes if c.name == "dealstage" and c.value == "closedwon"), None)
                if won:
                    people.became(person, "customer", won, self.end)
        span = self.end - self.start - DAY
        for _ in range(len(deals) // 2):
            born = self.start + random.randrange(span)
            owner = random.choice(self.catalog.owners)
            contacts.append(people.contact(random, born, str(owner.id), random.choice(sources), self.end))
        for person in contacts:
            if random.random() < 0.22 and person.born + DAY < self.end:
                owner = random.choice(self.catalog.owners)
                born = office(random, person.born + random.randrange(MINUTE, 5 * HOUR))
                made = people.lead(random, self.catalog, person, born, owner.id, self.end)
                made.links.append((born, "contacts", person))
                leads.append(made)
        for kind, records in zip(KINDS, (deals, contacts, companies, leads), strict=True):
            self._number(random, kind, records)
        for records in (deals, contacts, leads):
            for record in records:
                record.links = [(at, kind, other.id) for at, kind, other in record.links]

    def _number(self, random: Random, kind: str, records: list[Record]) -> None:
        """Ids grow with the time of creation, with gaps."""
        records.sort(key=lambda record: record.born)
        id = FIRST_ID[kind]
        for record in records:
            id += random.randrange(3, 90)
            record.id = id
            self.objects[kind][id] = record


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


def nearest(ids: list[int], after: int) -> int:
    """Position of the first id ≥ `after` in an ascending list."""
    return bisect_left(ids, after)
