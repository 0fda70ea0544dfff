"""A portal of 240 random deals, contracts of the year before and 120 contacts, for figures that are computed twice.

Owners change teams, deals are reassigned, reopened, re-priced, deleted, imported, delivered; two currencies.
"""

from datetime import UTC, datetime, timedelta
from random import Random

from june import contact, linked, owner
from raw import add, deal, pipeline

AS_OF = "2026-10-20T12:00:00Z"
START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 10, 18, tzinfo=UTC)
OPEN = ["appointmentscheduled", "qualifiedtobuy", "contractsent"]
SALES = pipeline("default", [
    ("appointmentscheduled", "Appointment", "false", "0.2"), ("qualifiedtobuy", "Qualified", "false", "0.4"),
    ("contractsent", "Contract", "false", "0.9"), ("closedwon", "Won", "true", "1.0"),
    ("delivery", "Delivery", "false", "0.95"), ("closedlost", "Lost", "true", "0.0"),
    ("dup", "Duplicate", "true", "0.0"),
])  # fmt: skip
RENEWALS = pipeline("renewals", [
    ("due", "Due", "false", "0.5"), ("renewed", "Renewed", "true", "1.0"), ("churned", "Churned", "true", "0.0"),
], label="Renewals")  # fmt: skip
REASONS = ["Too expensive", "Lost to competitor", "  ", None, "Timing: later", "whatever"]
SOURCES = ["PAID_SEARCH", "REFERRALS", None]
LIFE = ["subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer"]
RATE = {"EUR": (1, 1), "USD": ("0.9", "0.8")}
"""{currency: (spot and month-end rate, plan rate)}"""


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def story(number: int, rng: Random) -> dict:
    renewal = number % 4 == 0
    open_stages, won, lost = (["due"], "renewed", "churned") if renewal else (OPEN, "closedwon", "closedlost")
    at = START + timedelta(hours=rng.uniform(0, 24 * 280))
    created = iso(at)
    moves, amounts, owners = [(created, rng.choice(open_stages))], [], [(created, rng.choice(["1", "2", "3"]))]
    if rng.random() < 0.85:
        amounts.append((created, rng.choice(["0", "-250.5", "999.99", "1234.56", "8000", "25000.01"])))
    for _ in range(rng.randint(0, 4)):
        at += timedelta(hours=rng.uniform(1, 24 * 40))
        if at > END:
            break
        end = rng.random()
        closing = won if end < 0.35 else lost if end < 0.6 else "dup" if end < 0.65 and not renewal else None
        stage = closing or rng.choice(open_stages)
        if stage != moves[-1][1]:
            moves.append((iso(at), stage))
        if stage == "closedwon" and rng.random() < 0.2:
            at += timedelta(days=2)
            moves.append((iso(at), "delivery"))
        if rng.random() < 0.3:
            owners.append((iso(at), rng.choice(["1", "2", "3", "4"])))
        if rng.random() < 0.4:
            amounts.append((iso(at + timedelta(hours=rng.choice([-0.5, 3]))), rng.choice(["500", "7777.77", "0"])))
    last = datetime.fromisoformat(moves[-1][0])
    close = last + timedelta(days=rng.choice([0, 0, 0, -20, 10]))
    history = {
        "dealstage": moves,
        "pipeline": [(created, "renewals" if renewal else "default")],
        "amount": sorted(amounts),
        "closedate": [(created, iso(close))] if rng.random() < 0.9 else [],
        "hubspot_owner_id": owners,
        "deal_currency_code": [(created, rng.choice(["EUR", "EUR", "USD"]))],
        "dealtype": [(created, rng.choice(["newbusiness", "existingbusiness"]))] if not renewal else [],
    }
    properties = {
        "closed_lost_reason": rng.choice(REASONS),
        "hs_analytics_source": rng.choice(SOURCES),
        "hs_exchange_rate": None,
    }
    if number % 9 == 0:
        properties |= {"hs_object_source": "IMPORT", "hs_object_source_id": "77"}
    gone = {"archived": True, "archivedAt": iso(END)} if number % 23 == 0 else {}
    return deal(number, history, created=created, updated=iso(END), properties=properties, **gone)


def contract(number: int, rng: Random) -> dict:
    """Won in 2025: renewals are due in the months that the world looks at."""
    at = datetime(2025, 2, 1, tzinfo=UTC) + timedelta(hours=rng.uniform(0, 24 * 250))
    won = iso(at + timedelta(days=20))
    history = {
        "dealstage": [(iso(at), OPEN[0]), (won, "closedwon")],
        "pipeline": [(iso(at), "default")],
        "amount": [(iso(at), rng.choice(["500", "7777.77", "1000", "-10"]))],
        "closedate": [(iso(at), won)],
        "deal_currency_code": [(iso(at), rng.choice(["EUR", "USD"]))],
    }
    return deal(number, history, created=iso(at), updated=iso(END), properties={"hs_exchange_rate": None})


def person(number: int, rng: Random) -> dict:
    at = START + timedelta(hours=rng.uniform(-24 * 60, 24 * 280))
    stages, created = [], at
    for place in sorted(rng.sample(range(6), rng.randint(1, 4)), key=lambda place: place + rng.choice([0, 0, 0, -2])):
        if at < END:
            stages.append((iso(at)[5:10], LIFE[place], at))
        at += timedelta(days=rng.uniform(0.1, 30))
    record = contact(number, [("01-01", LIFE[0])], "01-01", hs_analytics_source=rng.choice(SOURCES))
    entries = [{"value": value, "timestamp": iso(moment)} for _, value, moment in reversed(stages)]
    record["propertiesWithHistory"]["lifecyclestage"] = entries
    record["properties"] |= {"createdate": iso(created), "lifecyclestage": entries[0]["value"] if entries else None}
    if number % 2:
        record["propertiesWithHistory"]["hubspot_owner_id"] = [{"value": "2", "timestamp": iso(created)}]
        record["properties"]["hubspot_owner_id"] = "2"
    return record | {"createdAt": iso(created), "updatedAt": iso(END)}


def fill(con) -> None:
    """Lands it: an early full sync of the owners, everything else at the end."""
    rng = Random(5)
    con.execute("insert into meta.configured_stages values ('hubspot', 'default', 'dup', 'void')")
    con.execute("insert into meta.configured_stages values ('hubspot', 'default', 'delivery', 'fulfilment')")
    con.execute("insert into meta.configured_rates values ('USD', 'spot', null, 0.9), ('USD', 'month_end', null, 0.9)")
    con.execute("insert into meta.configured_rates values ('USD', 'plan', null, 0.8)")
    add(con, "deal_pipelines", [SALES, RENEWALS])
    for day, teams in (("2026-02-01", "1122"), ("2026-06-10", "1212")):
        people = [owner(str(n + 1), f"Rep {n + 1}", team) for n, team in enumerate(teams)]
        add(con, "owners", people, extracted_at=f"{day}T00:00:00Z")
    add(con, "deals", [story(n, rng) for n in range(1, 241)] + [contract(n, rng) for n in range(301, 331)])
    add(con, "contacts", [person(number, rng) for number in range(1, 121)])
    companies = [(n, n % 40) for n in range(1, 241) if n % 7] + [(n, n * 4 % 40) for n in range(301, 331)]
    add(con, "deal_companies", [linked(n, 500 + company, kind="5") for n, company in companies])
