"""A world that knows its own deals' lives and tells them to HubSpot's API shape; figures of it: lives_truth.

Written from METRICS.md and MARTS.md alone. A life is what happened to one deal, in aware UTC datetimes; `land` turns
all lives into raw windows, one extraction a month, as a connector would have seen them. A third of the instants are
edges of the reporting zone: a month's first instant and the millisecond before, 23:30 on its last day, clock changes.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from june import contact, linked
from raw import add, deal, pipeline, set_as_of

BEGIN, AS_OF = datetime(2025, 9, 20, tzinfo=UTC), datetime(2026, 11, 18, 15, tzinfo=UTC)
OPEN = {"default": ["talk", "offer", "contract"], "renewals": ["due", "signing"]}
CLOSED = {"won": "won", "lost": "lost", "dup": "void", "kept": "won", "churned": "lost"}
FIRST = pipeline("default", [
    ("talk", "Talk", "false", "0.2"), ("demo", "Demo", "false", "0.3"), ("offer", "Offer", "false", "0.55"),
    ("contract", "Contract", "false", "0.9"), ("won", "Won", "true", "1.0"), ("delivery", "Delivery", "false", "0.95"),
    ("lost", "Lost", "true", "0.0"), ("dup", "Duplicate", "true", "0.0"),
])  # fmt: skip
LATER = FIRST | {"stages": [stage for stage in FIRST["stages"] if stage["id"] != "demo"]}
RENEWALS = pipeline("renewals", [
    ("due", "Due", "false", "0.5"), ("signing", "Signing", "false", "0.8"), ("kept", "Kept", "true", "1.0"),
    ("churned", "Churned", "true", "0.0"),
], label="Renewals")  # fmt: skip
HOME_OF = {stage["id"]: record["id"] for record in (FIRST, RENEWALS) for stage in record["stages"]}
RATES = {  # (first day, units of EUR for one) of each kind; GBP has none
    "spot": [("2025-01-01", "0.9"), ("2026-02-01", "0.85"), ("2026-07-01", "0.8125")],
    "month_end": [("2025-01-01", "0.91"), ("2026-03-31", "0.86")],
    "plan": [(None, "0.88")],
}
AMOUNTS = ["", "0", "-40.10", "100", "250.50", "1234.56", "8000", "99999.99"]
FIELDS = {"amount": "amount", "currency": "deal_currency_code", "owner": "hubspot_owner_id", "close": "closedate"}


@dataclass
class Life:
    """`moves`: (at, stage); `edits`: {field: [(at, text as the API has it, "" = cleared)]}; `gone`: (from, to or None).

    `swallowed`: when it was merged into `swallowed_by`; from then on the API never shows it.
    """

    number: int
    created: datetime
    kind: str
    moves: list[tuple[datetime, str]]
    edits: dict[str, list[tuple[datetime, str]]] = field(default_factory=lambda: {name: [] for name in FIELDS})
    gone: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    is_purged: bool = False
    is_imported: bool = False
    swallowed: datetime | None = None
    swallowed_by: int | None = None

    def instants(self) -> list[datetime]:
        return sorted({at for at, _ in self.moves} | {at for entries in self.edits.values() for at, _ in entries})


def iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def extractions() -> list[datetime]:
    """Read on the tenth of each month, and at the end."""
    months = [(2025, 10), (2025, 11), (2025, 12), *((2026, month) for month in range(1, 12))]
    return [*(datetime(year, month, 10, 3, tzinfo=UTC) for year, month in months), AS_OF]


def month_edges(zone: ZoneInfo) -> list[datetime]:
    """First instants of the zone's months, and the instants at which its clock changes (UTC)."""
    starts = [datetime(2025 + n // 12, n % 12 + 1, 1, tzinfo=zone).astimezone(UTC) for n in range(9, 23)]
    hours = [BEGIN + timedelta(hours=n) for n in range(24 * 430)]
    changes = [at for at in hours if (at - timedelta(hours=1)).astimezone(zone).utcoffset()
               != at.astimezone(zone).utcoffset()]  # fmt: skip
    return starts + changes


def lives(seed: int, zone: ZoneInfo, count: int) -> list[Life]:
    """Lives in order of number; the last ones are merged away into the first ones."""
    rng, edges = random.Random(seed), month_edges(zone)
    found = [_life(number, rng, edges) for number in range(1, count + 1)]
    for loser in found[-count // 20 :]:
        candidates = [life for life in found[: count // 2] if not life.gone and life.instants()[0] < AS_OF]
        survivor = rng.choice(candidates)
        since = max(loser.instants()[-1], survivor.instants()[-1]) + timedelta(hours=1)
        if since < AS_OF - timedelta(days=1):
            loser.gone, loser.swallowed, loser.swallowed_by = [], since, survivor.number
    return found


def _instant(rng: random.Random, edges: list[datetime], after: datetime) -> datetime:
    """Some time after an instant, often an edge of the calendar."""
    ahead = [edge for edge in edges if edge > after + timedelta(hours=1)]
    if ahead and rng.random() < 0.35:
        return ahead[0] - rng.choice([timedelta(0), timedelta(milliseconds=1), timedelta(minutes=30)])
    return after + timedelta(milliseconds=rng.randrange(1000, 60 * 86_400_000))


def _life(number: int, rng: random.Random, edges: list[datetime]) -> Life:
    where = rng.choice(["default", "default", "renewals"])
    at = _instant(rng, edges, BEGIN + timedelta(milliseconds=rng.randrange(340 * 86_400_000)))
    stage = rng.choice([*OPEN[where]] * 4 + (["demo", "won", "lost"] if where == "default" else ["kept"]))
    typed = rng.choice([0, 0, 0, 0, -30, 4])  # days by which somebody moved the creation date
    life = Life(number, at + timedelta(days=typed), rng.choice(["newbusiness", "existingbusiness", "renewal", ""]),
                [(at, stage)], is_imported=number % 17 == 0)  # fmt: skip
    for name, chance in (("amount", 0.85), ("currency", 0.8), ("owner", 0.9), ("close", 0.85)):
        if rng.random() < chance:
            life.edits[name].append((at, _value(name, rng, at)))
    for _ in range(rng.choice([0, 1, 2, 3, 4, 6])):
        at = _instant(rng, edges, at)
        if at >= AS_OF:
            break
        if rng.random() < 0.75:
            stage = _next_stage(stage, rng)
            life.moves.append((at, stage))
            if CLOSED.get(stage) in ("won", "lost") and rng.random() < 0.7:
                life.edits["close"].append((at, iso(at)))
            if CLOSED.get(stage) == "lost" and rng.random() < 0.3:
                life.edits["amount"].append((at, "0"))
        for name in FIELDS:
            if rng.random() < 0.25 and (not life.edits[name] or life.edits[name][-1][0] < at):
                life.edits[name].append((at, _value(name, rng, at)))
    _delete(life, rng)
    return life


def _next_stage(stage: str, rng: random.Random) -> str:
    if stage == "won":
        return rng.choice(["delivery", "offer"])
    if stage in CLOSED:
        return rng.choice(["talk", "offer", "won", "due"]) if stage != "kept" else "signing"
    if stage == "delivery":
        return rng.choice(["due", "won"])
    if HOME_OF[stage] == "renewals":
        return rng.choice(
            [*(other for other in OPEN["renewals"] if other != stage), "kept", "kept", "churned", "offer"]
        )
    others = [other for other in ["talk", "demo", "offer", "contract"] if other != stage]
    return rng.choice([*others, *others, "won", "won", "won", "lost", "lost", "lost", "dup", "signing"])


def _value(name: str, rng: random.Random, at: datetime) -> str:
    if name == "amount":
        return rng.choice(AMOUNTS)
    if name == "currency":
        return rng.choice(["EUR", "EUR", "USD", "USD", "GBP", ""])
    if name == "owner":
        return rng.choice(["7", "8", "9", ""])
    return rng.choice(
        ["", *(iso(at + timedelta(days=rng.randrange(-5, 120), hours=rng.randrange(24))) for _ in "123456")]
    )


def _delete(life: Life, rng: random.Random) -> None:
    """Some go for good, some come back after one extraction saw that they were gone; meanwhile nothing happens."""
    if rng.random() > 0.2:
        return
    since = rng.choice(life.instants()) + timedelta(days=1, milliseconds=rng.randrange(86_400_000))
    seen = [at for at in extractions() if at > since]
    if len(seen) < 2:
        return
    back = seen[0] + timedelta(days=1, milliseconds=rng.randrange(20 * 86_400_000))
    is_back = rng.random() < 0.5 and len(seen) > 2
    until = seen[1] if is_back else AS_OF + timedelta(days=1)
    life.moves = [entry for entry in life.moves if not since <= entry[0] < until]
    for name, entries in life.edits.items():
        life.edits[name] = [entry for entry in entries if not since <= entry[0] < until]
    read = [at for at in extractions() if at <= since]
    # what nobody read before it was purged nobody can tell
    life.is_purged = not is_back and bool(read) and life.instants()[-1] < read[-1] and rng.random() < 0.7
    life.gone = [(since, back if is_back else None)]


def leads(seed: int, zone: ZoneInfo, world: list[Life]) -> list[tuple[int, datetime, list[int]]]:
    """(number, created, numbers of its deals): most have none, some were a deal before they were a lead."""
    rng, edges = random.Random(seed), month_edges(zone)
    found = []
    for number in range(1001, 1001 + len(world) // 2):
        at = _instant(rng, edges, BEGIN + timedelta(milliseconds=rng.randrange(330 * 86_400_000)))
        close = [life.number for life in world if -10 < (life.created - at).days < 120 and life.swallowed is None]
        found.append((number, at, rng.sample(close, rng.choice([0, 1, 2])) if len(close) > 1 else []))
    return found


def land(con, world: list[Life], people: list[tuple[int, datetime, list[int]]]) -> None:
    """All extractions, rates and settings; the clock."""
    configure(con)
    extract(con, world, extractions())
    invite(con, people)
    set_as_of(con, iso(AS_OF))


def configure(con) -> None:
    """Rates and settings."""
    con.execute("insert into meta.configured_stages values ('hubspot', 'default', 'dup', 'void')")
    con.execute("insert into meta.configured_stages values ('hubspot', 'default', 'delivery', 'fulfilment')")
    for kind, spans in RATES.items():
        for since, rate in spans:
            con.execute("insert into meta.configured_rates values ('USD', ?, ?, ?)", [kind, since, rate])


def extract(con, world: list[Life], instants: list[datetime]) -> None:
    """What those of `extractions` brought, each what had changed since the one before it."""
    every = extractions()
    for at in instants:
        number = every.index(at)
        before = every[number - 1] if number else None
        add(con, "deal_pipelines", [FIRST if number < 3 else LATER, RENEWALS], extracted_at=iso(at))
        add(con, "deals", [record for life in world for record in [_record(life, before, at, world)] if record],
            extracted_at=iso(at))  # fmt: skip
        purged = [life for life in world if life.is_purged and (not before or before < life.gone[0][0]) and
                  life.gone[0][0] <= at]  # fmt: skip
        add(con, "absences", [
            {"id": f"deals:{life.number}", "object": "deals", "object_id": str(life.number),
             "absent_by": iso(life.gone[0][0])} for life in purged
        ], extracted_at=iso(at))  # fmt: skip


def invite(con, people: list[tuple[int, datetime, list[int]]]) -> None:
    """Leads and whose deals are whose, read at the end."""
    contacts = [contact(number, [("01-01", "lead")], "01-01") | {"createdAt": iso(at)} for number, at, _ in people]
    for record, (_, at, _) in zip(contacts, people, strict=True):
        record["properties"]["createdate"] = iso(at)
    add(con, "contacts", contacts, extracted_at=iso(AS_OF))
    numbers = sorted({number for *_, deals in people for number in deals})
    add(con, "deal_contacts", [
        linked(number, *(person for person, _, deals in people if number in deals)) for number in numbers
    ], extracted_at=iso(AS_OF))  # fmt: skip


def _record(life: Life, before: datetime | None, at: datetime, world: list[Life]) -> dict | None:
    """The deal as an extraction at this instant sees it; None where nothing changed since the one before."""
    swallows = [other for other in world if other.swallowed_by == life.number and other.swallowed < at]
    touched = [*life.instants(), *(end for span in life.gone for end in span if end), *(o.swallowed for o in swallows)]
    touched = sorted(moment for moment in touched if moment < at)
    if not touched or (before and touched[-1] < before) or (life.swallowed and life.swallowed < at):
        return None
    gone = [span for span in life.gone if span[0] < at and not (span[1] and span[1] < at)]
    if gone and life.is_purged:
        return None
    homes = [(moment, HOME_OF[stage]) for moment, stage in life.moves]
    history = {"dealstage": life.moves, "pipeline": [entry for n, entry in enumerate(homes)
                                                     if not n or homes[n - 1][1] != entry[1]]}  # fmt: skip
    history |= {FIELDS[name]: entries for name, entries in life.edits.items()}
    history["dealtype"] = [(life.moves[0][0], life.kind)]
    history = {name: [(iso(moment), value) for moment, value in entries if moment < at]
               for name, entries in history.items()}  # fmt: skip
    properties = {"hs_object_source": "IMPORT", "hs_object_source_id": "77"} if life.is_imported else {}
    if swallows:
        history["hs_merged_object_ids"] = [
            (iso(other.swallowed), ";".join(str(o.number) for o in swallows if o.swallowed <= other.swallowed))
            for other in sorted(swallows, key=lambda other: other.swallowed)
        ]
    archived = {"archived": True, "archivedAt": iso(gone[0][0])} if gone else {}
    return deal(life.number, history, created=iso(life.created), updated=iso(touched[-1]), properties=properties,
                **archived)  # fmt: skip
