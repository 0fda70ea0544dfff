"""Random small portals for the waterfall: everything that happens to a deal, often in one and the same instant."""

import random
from datetime import UTC, datetime, timedelta

from raw import SALES, add, deal, pipeline, set_as_of

BEGIN, AS_OF = datetime(2026, 1, 20, tzinfo=UTC), "2026-07-15T12:00:00Z"
DUPLICATE = pipeline("x", [("dup", "Duplicate", "false", "0.1")])["stages"][0] | {"displayOrder": 9}
PORTAL = SALES | {"stages": [*SALES["stages"], DUPLICATE]}
RENEWALS = pipeline("renewals", [("due", "Due", "false", "0.5"), ("kept", "Kept", "true", "1.0"),
                                 ("gone", "Gone", "true", "0.0")])  # fmt: skip
STAGES = {
    "default": ["appointmentscheduled", "qualifiedtobuy", "contractsent", "closedwon", "closedlost", "dup"],
    "renewals": ["due", "kept", "gone"],
}
AMOUNTS = ["", "0", "100", "250.50", "1000", "99999.99", "-40"]


def iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def story(rng: random.Random, number: int) -> tuple[dict, datetime]:
    """(the record of a deal, its last instant); a third of the instants are month starts or the millisecond before."""
    count = rng.randint(1, 9)
    instants = sorted({instant(rng) for _ in range(count)})
    history: dict[str, list] = {name: [] for name in (
        "dealstage", "pipeline", "amount", "closedate", "hubspot_owner_id", "deal_currency_code")}  # fmt: skip
    where = rng.choice(["default", "default", "renewals"])
    for place, at in enumerate(instants):
        if place == 0 or rng.random() < 0.5:
            if place and rng.random() < 0.2:
                where = "renewals" if where == "default" else "default"
            history["pipeline"].append((iso(at), where))
            choice = STAGES[where][: 3 if place == 0 and number % 7 else None]
            history["dealstage"].append((iso(at), rng.choice(choice)))
        for name, values in (
            ("amount", AMOUNTS),
            ("closedate", ["", *(iso(BEGIN + timedelta(days=rng.randint(0, 240))) for _ in range(5))]),
            ("hubspot_owner_id", ["7", "8", ""]),
            ("deal_currency_code", ["EUR", "EUR", "EUR", "USD", "GBP"]),
        ):
            if rng.random() < 0.4:
                history[name].append((iso(at), rng.choice(values)))
    return deal(number, history, created=iso(instants[0]), updated=iso(instants[-1])), instants[-1]


def instant(rng: random.Random) -> datetime:
    if rng.random() < 0.3:
        edge = datetime(2026, rng.randint(2, 7), 1, tzinfo=UTC)
        return edge - timedelta(milliseconds=rng.randint(0, 1))
    return BEGIN + timedelta(milliseconds=rng.randrange(170 * 86400 * 1000))


def fill(con, portals: int, deals: int = 60) -> None:
    """As many connections, each with a world of its own; the clock."""
    for day, rate in (("2026-01-01", 0.9), ("2026-04-01", 0.8)):
        con.execute("insert into meta.configured_rates values ('USD', 'spot', ?, ?)", [day, rate])
    con.execute("delete from meta.configured_sources")
    for seed in range(portals):
        fill_portal(con, f"portal{seed}", random.Random(seed), deals)
    set_as_of(con, AS_OF)


def fill_portal(con, source: str, rng: random.Random, deals: int) -> None:
    """Three extractions: all deals; some archived, one merged into another; some of them back."""
    con.execute("insert into meta.configured_sources values (?, 'hubspot', 'EUR', '1')", [source])
    con.execute("insert into meta.configured_stages values (?, 'default', 'dup', 'void')", [source])
    add(con, "deal_pipelines", [PORTAL, RENEWALS], source, "2026-01-19T00:00:00Z")
    stories = [story(rng, 100 + number) for number in range(deals)]
    add(con, "deals", [record for record, _ in stories], source, "2026-07-11T00:00:00Z")
    archived = []
    for record, last in rng.sample(stories, deals // 5):
        # some go while they still change: what happens to a deleted deal moves nothing
        at = last + timedelta(milliseconds=rng.choice([0, 1, 3_600_000, 20 * 86_400_000, -9 * 86_400_000]))
        archived.append(record | {"archived": True, "archivedAt": iso(at), "updatedAt": iso(max(at, last))})
    add(con, "deals", archived, source, "2026-07-12T00:00:00Z")
    loser, survivor = stories[1][0]["id"], stories[2][0]
    last = []
    for record in archived[::2]:
        if record["id"] not in (loser, survivor["id"]):
            last.append(
                updated(record, iso(datetime.fromisoformat(record["updatedAt"]) + timedelta(rng.randint(0, 40))))
            )
    last.append(updated(survivor, "2026-07-12T12:00:00.000Z", hs_merged_object_ids=loser))
    add(con, "deals", last, source, "2026-07-13T00:00:00Z")


def updated(record: dict, at: str, **properties: str) -> dict:
    """The record as it is read, live, after a change."""
    properties = record["properties"] | {"hs_lastmodifieddate": at} | properties
    return record | {"archived": False, "archivedAt": None, "updatedAt": at, "properties": properties}
