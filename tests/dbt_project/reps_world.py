"""A random small world of what concerns reps, open deals and leads: 260 deals, 400 leads, eighteen months, three
lists of owners who change teams, targets good and bad. Deterministic; times are UTC, money in euros and some pounds.
"""

from datetime import UTC, datetime, timedelta
from random import Random

from raw import SALES, add, deal, pipeline

AS_OF = "2026-06-15T12:00:00Z"
START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = datetime.fromisoformat(AS_OF)
OPEN = [stage["id"] for stage in SALES["stages"][:4]]
RENEWALS = pipeline("renewals", [("due", "Due", "false", "0.5"), ("renewed", "Renewed", "true", "1.0")], label="Renew")
SOURCES = {"REFERRALS": 0.6, "PAID_SEARCH": 0.1, "ORGANIC_SEARCH": 0.25, "OFFLINE": 0.02}
OWNERS = [
    ("2025-12-01T00:00:00Z", {"1": ("Ann", "x"), "2": ("Bo", "x"), "3": ("Cy", "y"), "4": ("Dee", None)}),
    ("2026-03-10T15:00:00Z", {"1": ("Ann", "y"), "2": ("Bo", "x"), "3": ("Cy", "y"), "4": ("Dee", "x")}),
    ("2026-05-20T00:00:00Z", {"1": ("Ann", "y"), "2": ("Bo", None), "3": ("Ann", "y"), "4": ("Dee", "x")}),
]
TARGETS = [
    (2, "owner", "hubspot:1", "2025-01-01", "2026-12-01", None, 1000, None),
    (3, "owner", "hubspot:1", "2026-03-01", "2026-04-01", "2026-02-20", 3333.33, None),
    (4, "owner", "hubspot:1", "2026-04-01", "2026-04-01", "2026-07-01", 9999, None),
    (5, "owner", "Bo", "2026-01-01", "2026-06-01", None, 2500, 10),
    (6, "owner", "hubspot:2", "2026-06-01", "2026-07-01", None, 1, None),
    (7, "owner", "Nobody", "2026-01-01", "2026-01-01", None, 5, None),
    (8, "owner", "ann", "2026-01-01", "2026-01-01", None, 5, None),
    (9, "team", "Team x", "2026-01-01", "2026-12-01", None, 50000, None),
    (10, "owner", "dee", "2026-01-01", "2026-12-01", None, 700, None),
]


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def make(con) -> None:
    """Everything lands a day before as_of, but for the older lists of owners."""
    random = Random(5)
    add(con, "deal_pipelines", [SALES, RENEWALS], extracted_at=OWNERS[0][0])
    for landed, people in OWNERS:
        listed = [
            {"id": number, "firstName": name, "archived": number == "3" and landed > "2026-05", "createdAt": iso(START),
             "teams": [{"id": team, "name": f"Team {team}", "primary": True}] if team else []}
            for number, (name, team) in people.items()
        ]  # fmt: skip
        add(con, "owners", listed, extracted_at=landed)
    landed = "2026-06-14T00:00:00Z"
    leads = [_lead(random, number) for number in range(1, 401)]
    add(con, "contacts", leads, extracted_at=landed)
    deals = [_deal(random, number) for number in range(1, 261)]
    deals += [_deal_of(random, lead, 1000 + int(lead["id"])) for lead in leads if lead["won"]]
    add(con, "deals", deals, extracted_at=landed)
    links = [
        {"id": str(1000 + int(lead["id"])),
         "to": [{"toObjectId": lead["id"], "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 3}]}]}
        for lead in leads if lead["won"]
    ]  # fmt: skip
    add(con, "deal_contacts", links, extracted_at=landed)
    con.executemany("insert into meta.configured_targets values (?, ?, ?, ?, ?, ?, ?, ?)", TARGETS)


def _deal(random: Random, number: int) -> dict:
    created = START + timedelta(days=random.uniform(0, 525), hours=random.randrange(24))
    renewal = random.random() < 0.1
    at, moves = created, []
    for stage in ["due"] if renewal else OPEN[random.choice([0, 0, 0, 1]) :]:
        moves.append((at, stage))
        at += timedelta(days=random.expovariate(1 / 14))
    if random.random() < 0.8:
        moves.append((at, ("renewed" if renewal else random.choice(["closedwon", "closedlost"]))))
        if random.random() < 0.1 and not renewal:
            moves.append((at + timedelta(days=3), OPEN[1]))
    moves = [move for move in moves if move[0] < NOW - timedelta(days=2)] or [(created, OPEN[0])]
    return _record(random, number, created, moves, "renewals" if renewal else "default")


def _deal_of(random: Random, lead: dict, number: int) -> dict:
    """The deal of a lead that became a customer when `won` says so."""
    won = datetime.fromisoformat(lead["won"])
    return _record(random, number, won - timedelta(days=5), [(won - timedelta(days=5), OPEN[0]), (won, "closedwon")])


def _record(random: Random, number: int, created: datetime, moves: list, where: str = "default") -> dict:
    until = moves[-1][0]
    amount = random.choice([None, "0", "-50"]) if random.random() < 0.1 else str(random.randrange(10000, 900000) / 100)
    owners = [(iso(created), random.choice("12344"))] if random.random() < 0.95 else []
    if owners and random.random() < 0.3:
        owners.append((iso(created + (until - created) * random.random()), random.choice("1234")))
    closes = [(iso(created), iso(until + timedelta(days=random.randrange(-5, 60))))]
    if random.random() < 0.4:
        closes.append((iso(until), iso(until + timedelta(days=random.choice([0, 0, 35, 70])))))
    history = {
        "dealstage": [(iso(at), stage) for at, stage in moves], "pipeline": [(iso(created), where)],
        "amount": [(iso(created), amount)] if amount else [], "closedate": closes, "hubspot_owner_id": owners,
        "deal_currency_code": [(iso(created), "GBP" if random.random() < 0.05 else "EUR")],
        "dealtype": [(iso(created), random.choice(["newbusiness", "existingbusiness"]))],
    }  # fmt: skip
    contacted = until - timedelta(days=random.uniform(-40, 40))
    properties = {
        "notes_last_contacted": iso(contacted) if random.random() < 0.8 else None,
        "notes_next_activity_date": iso(NOW + timedelta(days=random.uniform(-20, 10)))
        if random.random() < 0.6
        else None,
    }
    if random.random() < 0.03:
        return deal(number, history, created=iso(created), updated=iso(until), properties=properties, archived=True,
                    archivedAt=iso(until + timedelta(days=1)))  # fmt: skip
    return deal(number, history, created=iso(created), updated=iso(until), properties=properties)


def _lead(random: Random, number: int) -> dict:
    """A contact; `won`: when its deal was won, or None. Sources convert as SOURCES says, those further on sooner."""
    created = START + timedelta(days=random.uniform(0, 528))
    source = random.choice(list(SOURCES))
    stages, at = [(created, "lead")], created
    for stage in ("marketingqualifiedlead", "salesqualifiedlead"):
        at += timedelta(days=random.expovariate(1 / 12))
        if random.random() < 0.5 and at < NOW - timedelta(days=2):
            stages.append((at, stage))
    won = at + timedelta(days=random.expovariate(1 / 25) + 6)
    is_won = random.random() < SOURCES[source] * (0.5 + 0.5 * len(stages) / 3) and won < NOW - timedelta(days=2)
    if is_won:
        stages.append((won, "customer"))
    return {
        "id": str(number), "createdAt": iso(created), "updatedAt": iso(stages[-1][0]), "archived": False,
        "won": won.isoformat() if is_won else None, "url": f"https://crm/contact/{number}",
        "properties": {"createdate": iso(created), "lifecyclestage": stages[-1][1], "email_hash": f"p{number}",
                       "hs_analytics_source": source if random.random() < 0.95 else None},
        "propertiesWithHistory": {
            "lifecyclestage": [{"value": stage, "timestamp": iso(when)} for when, stage in reversed(stages)],
            "hs_lead_status": [], "hubspot_owner_id": [],
        },
    }  # fmt: skip
