"""A small portal with hand-computed figures: METRICS.md's "one month, five answers" in June 2026, and a deal a trap.

Three extractions (STEPS), each followed by a run as of its day. Times are UTC, money in euros unless said otherwise.
"""

from raw import SALES, add, deal, pipeline, set_as_of

APP, QUAL, WON, LOST = "appointmentscheduled", "qualifiedtobuy", "closedwon", "closedlost"
AS_OF = ["2026-06-01T12:00:00Z", "2026-07-01T00:00:00Z", "2026-07-15T12:00:00Z"]
DUPLICATE = pipeline("default", [("dup", "Duplicate", "false", "0.1")])["stages"][0] | {"displayOrder": 9}
PORTAL = SALES | {"stages": [*SALES["stages"], DUPLICATE]}
RENEWED = [("due", "Due", "false", "0.5"), ("renewed", "Renewed", "true", "1.0")]
RENEWALS = pipeline("renewals", RENEWED, label="Renewals")


def at(day: str, time: str = "09:00:00.000") -> str:
    return f"2026-{day}T{time}Z"


def story(number, moves, amounts=(), closes=(), created="05-01", where="default", updated=None, **more):
    """A deal record: stage moves, amounts and close dates as (day, value), oldest first."""
    history = {
        "dealstage": [(at(day), stage) for day, stage in moves],
        "pipeline": [(at(moves[0][0]), where)],
        "amount": [(at(day), value) for day, value in amounts],
        "closedate": [(at(day), at(value, "16:00:00.000")) for day, value in closes],
        "hubspot_owner_id": [(at(day), owner) for day, owner in more.pop("owners", [])],
        "deal_currency_code": [(at(moves[0][0]), c) for c in more.pop("currency", ["EUR"])],
    }
    history["dealtype"] = [(at(moves[0][0]), kind) for kind in more.pop("kind", [])]
    last = max(day for day, _ in [*moves, *amounts, *closes])
    properties = {"hs_exchange_rate": "1.0" if not more.get("properties") else None} | more.pop("properties", {})
    return deal(number, history, created=at(created), updated=at(updated or last), properties=properties, **more)


def closed(number, stage, day, amount, close=None, **more):
    return story(number, [("05-01", APP), (day, stage)], [("05-01", amount)] if amount else [],
                 [("05-01", close or day)], **more)  # fmt: skip


def opened(number, amount, close="09-30"):
    return story(number, [("05-01", APP), ("05-11", QUAL)], [("05-01", amount)] if amount else [], [("05-01", close)])


MAY = [
    # 201 in dollars with a rate of the company's, 202 in pounds without any, 203 names no currency
    closed(201, WON, "05-20", "1000", currency=["USD"], properties={"hs_exchange_rate": None}),
    closed(202, WON, "05-21", "500", currency=["GBP"], properties={"hs_exchange_rate": None}),
    closed(203, WON, "05-22", "300", currency=[], properties={"hs_exchange_rate": None}),
    closed(204, WON, "05-23", "40", owners=[("05-01", "7"), ("05-23", "8"), ("05-30", "9")]),
    story(205, [("05-01", APP)], [("05-01", "60")]),
    story(206, [("05-01", APP)], [("05-01", "999")]),
    # 207 is zeroed in the very move that loses it
    story(207, [("05-01", APP), ("05-25", LOST)], [("05-01", "4000"), ("05-25", "0")], [("05-01", "05-25")],
          properties={"closed_lost_reason": "Went with a competitor"}),
    story(208, [("05-01", "due"), ("05-10", "renewed")], [("05-01", "70")], [("05-01", "05-10")], where="renewals",
          kind=["existingbusiness"]),
    # 209 is entered long after its close date, 210 comes with half of its history
    story(209, [("04-01", APP), ("05-30", WON)], [("04-01", "80")], [("04-01", "04-02")], created="04-01",
          kind=["newbusiness"]),
    story(210, [("04-20", QUAL), ("05-01", LOST)], [], [("04-20", "05-01")], created="04-01"),
    story(211, [("05-01", APP)], [("05-01", "5")], [("05-01", "05-20"), ("05-02", "05-31")]),
]  # fmt: skip
AMOUNTS = {101: "10000", 102: "20000", 103: "0", 104: "100000", 105: None, 106: "5000"}
ALL_OPEN = [opened(number, amount) for number, amount in AMOUNTS.items()]
STANDING = [opened(107, "20000", close="06-01"), opened(108, "30000"), opened(109, "0"), opened(110, None)]

JUNE = [
    closed(101, WON, "06-10", "10000",
           properties={"hs_merged_object_ids": "206;99", "hs_exchange_rate": "1.0"}, updated="06-28"),
    closed(102, WON, "06-20", "20000", close="06-18"),
    closed(103, WON, "06-21", "0"),
    closed(104, LOST, "06-15", "100000"),
    closed(105, LOST, "06-16", None),
    closed(106, "dup", "06-12", "5000"),
    story(205, [("05-01", APP)], [("05-01", "60")], archived=True, archivedAt=at("06-25")),
    story(211, [("05-01", APP), ("06-29", LOST)], [("05-01", "5")],
          [("05-01", "05-20"), ("05-02", "05-31"), ("06-02", "06-15"), ("06-03", "07-01")]),
]  # fmt: skip
JULY = [
    story(204, [("05-01", APP), ("05-23", WON), ("07-02", QUAL)], [("05-01", "40"), ("05-24", "45")],
          [("05-01", "05-23"), ("07-02", "08-31")], owners=[("05-01", "7"), ("05-23", "8"), ("05-30", "9")]),
    story(205, [("05-01", APP)], [("05-01", "60")], updated="07-05"),
]  # fmt: skip


def owner(number, name, *teams, archived=False):
    listed = [{"id": team, "name": f"Team {team}", "primary": place == 0} for place, team in enumerate(teams)]
    return {"id": number, "firstName": name, "archived": archived, "createdAt": at("01-01"), "teams": listed}


def contact(number, stages, created, **properties):
    entries = [{"value": value, "timestamp": at(day)} for day, value in reversed(stages)]
    return {
        "id": str(number),
        "createdAt": at(created),
        "updatedAt": at(stages[-1][0]),
        "archived": False,
        "properties": {"createdate": at(created), "lifecyclestage": stages[-1][1], "email_hash": f"p{number}"}
        | properties,
        "propertiesWithHistory": {"lifecyclestage": entries, "hs_lead_status": [], "hubspot_owner_id": []},
    }


def linked(deal_id, *others, kind="3"):
    to = [{"toObjectId": o, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": int(kind)}]} for o in others]
    return {"id": str(deal_id), "to": to}


def first(con):
    con.execute("insert into meta.configured_stages values ('hubspot', 'default', 'dup', 'void')")
    con.execute(
        "insert into meta.configured_rates values ('USD', 'spot', '2026-05-01', 0.9), ('USD', 'plan', null, 0.8)"
    )
    add(con, "deal_pipelines", [PORTAL, RENEWALS], extracted_at=AS_OF[0])
    add(con, "owners", [owner("7", "Ann", "1"), owner("8", "Bo", "1", "2")], extracted_at=AS_OF[0])
    add(con, "deals", MAY + ALL_OPEN + STANDING, extracted_at=AS_OF[0])
    add(con, "contacts", [
        contact(71, [("05-01", "lead"), ("05-05", "opportunity"), ("05-06", ""), ("05-07", "lead")], "05-01"),
        contact(72, [("05-02", "lead")], "05-02", hs_analytics_source="REFERRALS"),
        contact(73, [("05-03", "subscriber")], "05-03"),
    ], extracted_at=AS_OF[0])  # fmt: skip
    add(
        con,
        "companies",
        [{"id": "81", "createdAt": at("01-01"), "properties": {"name": "Ada", "createdate": at("01-01")}}],
    )
    add(con, "deal_contacts", [linked(205, 72, 71), linked(107, 73)], extracted_at=AS_OF[0])
    add(con, "deal_companies", [linked(107, 80, kind="341"), linked(108, 81, kind="5")], extracted_at=AS_OF[0])
    add(con, "source_counts", [{"id": "deals", "object": "deals", "live": 21}], extracted_at=AS_OF[0])


def second(con):
    add(con, "deal_pipelines", [PORTAL, RENEWALS], extracted_at=AS_OF[1])
    add(con, "owners", [owner("7", "Ann", "2"), owner("8", "Bo", "1", "2", archived=True)], extracted_at=AS_OF[1])
    add(
        con,
        "deals",
        [*JUNE, {"id": "300", "createdAt": "not a day", "properties": {"amount": "1"}}],
        extracted_at=AS_OF[1],
    )
    add(con, "deal_contacts", [linked(205)], extracted_at=AS_OF[1])
    swallowed = {"hs_merged_object_ids": "72;70", "hs_calculated_merged_vids": "72:1781946000000"}  # 20 June, 09:00
    merged = contact(73, [("05-03", "subscriber"), ("06-20", "customer")], "05-03", **swallowed)
    add(con, "contacts", [merged], extracted_at=AS_OF[1])
    counts = {"id": "deals", "object": "deals", "live": 19, "archived": 1, "bracket_low": 19, "bracket_high": 20}
    add(con, "source_counts", [counts], extracted_at=AS_OF[1])


def third(con):
    add(con, "deal_pipelines", [PORTAL, RENEWALS], extracted_at=AS_OF[2])
    add(con, "deals", JULY, extracted_at=AS_OF[2])
    absence = {"id": "deals:210", "object": "deals", "object_id": "210", "absent_by": at("07-14")}
    add(con, "absences", [absence], extracted_at=AS_OF[2])
    counts = {"id": "deals", "object": "deals", "live": 19, "archived": 0, "bracket_low": 19, "bracket_high": 19}
    add(con, "source_counts", [counts], extracted_at=AS_OF[2])


def step(con, number: int) -> None:
    """What the sync number 0, 1 or 2 lands, with the clock of its run."""
    (first, second, third)[number](con)
    set_as_of(con, AS_OF[number])
