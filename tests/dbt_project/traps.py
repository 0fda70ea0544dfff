"""Deals with hand-computed answers, as four extractions a month apart. Each step adds what a sync would land."""

from raw import SALES, add, deal, pipeline

APP, QUAL, PRES, CONTRACT = "appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "contractsent"
WON, LOST = "closedwon", "closedlost"
EXTRACTED = ["2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z"]

RENEWALS = pipeline(
    "renewals",
    [
        ("r_due", "Renewal due", "false", "0.3"),
        ("shared", "Parked", "false", "0.5"),
        ("r_won", "Renewed", "true", "1.0"),
        ("r_lost", "Churned", "true", "0.0"),
    ],
    label="Renewals",
    order=1,
)
# Old portals lack isClosed; names say the opposite of the flags.
EAST = pipeline(
    "east",
    [
        ("e_new", "Новый лид", "false", "0.1"),
        ("shared", "Parked", "false", "0.5"),
        ("e_offer", "Коммерческое предложение", "false", "0.6"),
        ("e_won", "Провал", None, "1.0"),
        ("e_onboarding", "Внедрение", "false", "1.0"),
        ("e_lost", "Успех", None, "0.0"),
    ],
    label="Восток",
    order=2,
)


def day(month: int, number: int, time: str = "09:00:00.000") -> str:
    return f"2026-{month:02d}-{number:02d}T{time}Z"


def stages(*moves, where="default", **more):
    """dealstage history of (day, stage), and the pipeline since the first of them."""
    history = {"dealstage": list(moves), "pipeline": [(moves[0][0], where)] if moves else []}
    return history | more


def without(record: dict, stage_id: str) -> dict:
    return record | {"stages": [stage for stage in record["stages"] if stage["id"] != stage_id]}


def renamed(record: dict, stage_id: str, label: str, at: str) -> dict:
    changed = {"label": label, "updatedAt": at}
    return record | {"stages": [s | changed if s["id"] == stage_id else s for s in record["stages"]]}


SIMPLE = [
    # 1 straight win
    deal(1, stages((day(1, 1), APP), (day(1, 10), QUAL), (day(1, 20), PRES), (day(2, 1), CONTRACT), (day(2, 10), WON))),
    # 2 skips two stages, then lost
    deal(2, stages((day(1, 1), APP), (day(1, 5), CONTRACT), (day(1, 9), LOST))),
    # 3 back and forth
    deal(3, stages((day(1, 1), APP), (day(1, 5), QUAL), (day(1, 6), APP), (day(1, 8), QUAL))),
    # 4 won, reopened, lost
    deal(4, stages((day(1, 1), APP), (day(1, 5), WON), (day(1, 8), QUAL), (day(1, 9), LOST))),
    # 5 lost, then won at once
    deal(5, stages((day(1, 1), APP), (day(1, 5), LOST), (day(1, 8), WON))),
    # 6 stage and pipeline change in one instant
    deal(
        6,
        {
            "dealstage": [(day(1, 1), APP), (day(2, 1), "r_due")],
            "pipeline": [(day(1, 1), "default"), (day(2, 1), "renewals")],
        },
    ),
    # 7 created in a late stage
    deal(7, stages((day(1, 1), CONTRACT), (day(1, 3), WON))),
    # 12 no amount, an amount, zero; 13 a currency switch; 14 an edited close date
    deal(
        12,
        stages((day(1, 1), APP), (day(1, 3), QUAL), (day(1, 5), PRES), amount=[(day(1, 2), "500"), (day(1, 5), "0")]),
    ),
    deal(13, stages((day(1, 1), APP), (day(1, 3), QUAL), deal_currency_code=[(day(1, 1), "EUR"), (day(1, 3), "usd")])),
    deal(14, stages((day(1, 1), APP), closedate=[(day(1, 1), "2026-03-31"), (day(4, 2), "1775088000000")])),
    # 15 three moves in one millisecond, one back to where it was
    deal(15, stages((day(1, 1), APP), (day(1, 2), QUAL), (day(1, 2), PRES), (day(1, 2), QUAL), (day(1, 3), QUAL))),
    # 17 history that starts in the middle of its life
    deal(17, stages((day(3, 1), PRES)), created=day(1, 1)),
    # 22 a stage that no list ever showed
    deal(22, stages((day(1, 1), "legacy"), (day(1, 2), APP))),
    # 23 the stage five ms before the pipeline; 24 the pipeline alone, the stage id is in both
    deal(
        23,
        {
            "dealstage": [(day(1, 1), APP), (day(1, 2, "09:00:00.000"), "r_due")],
            "pipeline": [(day(1, 1), "default"), (day(1, 2, "09:00:00.005"), "renewals")],
        },
    ),
    deal(
        24,
        {
            "dealstage": [(day(1, 1), "shared")],
            "pipeline": [(day(1, 1), "renewals"), (day(1, 5), "east")],
        },
    ),
    # 26 history entries that do not parse stand aside; 28 a change that no history tells; 32 no history at all
    deal(
        26,
        stages(
            ("soon", WON),
            (day(1, 1), APP),
            pipeline=[(day(1, 1), "default")],
            amount=[(day(1, 1), "ten"), (day(1, 2), "10")],
        ),
    ),
    deal(28, stages((day(1, 1), APP), amount=[(day(1, 1), "10")]), updated=day(1, 9), properties={"amount": "12.50"}),
    deal(32, updated=day(1, 9), created=day(1, 3), properties={"dealstage": QUAL, "pipeline": "default"}),
    # 30 what happens at or after as_of has not happened
    deal(30, stages((day(1, 1), APP), ("2026-12-01T00:00:00.000Z", QUAL), ("2026-12-15T00:00:00.000Z", WON))),
    # 33 a fulfilment stage after won is a step ahead, not a reopening
    deal(33, stages((day(1, 1), "e_new"), (day(1, 2), "e_won"), (day(1, 3), "e_onboarding"), where="east")),
]


def first(con):
    add(con, "deal_pipelines", [SALES, RENEWALS, EAST], extracted_at=EXTRACTED[0])
    add(
        con,
        "deals",
        [
            *SIMPLE,
            deal(8, stages((day(1, 1), APP), (day(1, 9), QUAL))),
            deal(9, stages((day(1, 2), APP))),
            deal(10, stages((day(1, 3), APP))),
            deal(11, stages((day(1, 1), APP), (day(1, 2), QUAL))),
            deal(16, stages((day(1, 1), APP), (day(1, 2), PRES))),
            deal(18, stages((day(1, 1), APP), (day(1, 2), QUAL), (day(1, 3), PRES))),
            deal(19, stages((day(1, 1), APP), (day(1, 9), CONTRACT))),
            deal(20, stages((day(1, 1), APP))),
            deal(21, stages((day(1, 1), APP))),
            deal(25, stages((day(1, 1), APP), amount=[(day(1, 1), "10")])),
            deal(27, {"dealstage": [(day(1, 1), "late_stage")], "pipeline": [(day(1, 1), "default")]}),
            deal(29, stages((day(1, 1), APP)), archived=True, archivedAt=day(5, 1)),
            deal(31, stages((day(1, 1), APP), amount=[(day(1, 1), "10")])),
            # 34 archived while the lists were read: its older state is in the same window, behind the newer one
            deal(34, stages((day(1, 1), APP)), updated=day(5, 1), archived=True, archivedAt=day(5, 31)),
            deal(34, stages((day(1, 1), APP)), updated=day(5, 1)),
        ],
        extracted_at=EXTRACTED[0],
    )


def second(con):
    """A merge, an archival, an absence, a broken record, a truncated one; a stage goes and another one comes."""
    renewals = RENEWALS | {"stages": [*RENEWALS["stages"], {"id": "late_stage", "label": "Late", "displayOrder": 9}]}
    add(con, "deal_pipelines", [without(SALES, PRES), renewals, EAST], extracted_at=EXTRACTED[1])
    merged = stages((day(1, 1), APP), (day(1, 9), QUAL), hs_merged_object_ids=[(day(6, 10), "9")])
    add(
        con,
        "deals",
        [
            deal(8, merged, updated=day(6, 10)),
            deal(11, stages((day(1, 1), APP), (day(1, 2), QUAL)), archived=True, archivedAt=day(6, 15)),
            deal(25, stages((day(1, 1), APP)), updated=day(6, 20), properties={"amount": "a lot"}),
            deal(18, stages((day(1, 3), PRES), (day(6, 3), QUAL)), updated=day(6, 3)),
        ],
        extracted_at=EXTRACTED[1],
    )
    add(con, "absences", [absence(21, day(6, 20))], extracted_at=EXTRACTED[1])


def third(con):
    """A merge of the survivor, a restoration, a purge, an absence taken back, backdated history."""
    add(
        con,
        "deal_pipelines",
        [without(SALES, PRES), RENEWALS, renamed(EAST, "e_new", "Лид", day(7, 5))],
        extracted_at=EXTRACTED[2],
    )
    add(
        con,
        "deals",
        [
            deal(10, stages((day(1, 3), APP)), updated=day(7, 10), properties={"hs_merged_object_ids": "8;404"}),
            deal(11, stages((day(1, 1), APP), (day(1, 2), QUAL)), updated=day(7, 15)),
            deal(19, stages((day(1, 1), APP), (day(1, 5), QUAL), (day(1, 9), CONTRACT)), updated=day(7, 2)),
            deal(21, stages((day(1, 1), APP), (day(7, 3), QUAL)), updated=day(7, 3)),
            deal(29, stages((day(1, 1), APP)), updated=day(7, 1), archived=True, archivedAt=day(7, 20)),
        ],
        extracted_at=EXTRACTED[2],
    )
    add(con, "absences", [absence(20, day(7, 20)), absence(9, day(7, 20))][:1], extracted_at=EXTRACTED[2])


def fourth(con):
    """The stage that went comes back under another name; a property is removed from the portal."""
    back = renamed(SALES, PRES, "Presentation (new)", day(8, 3))
    add(con, "deal_pipelines", [back, RENEWALS, renamed(EAST, "e_new", "Лид", day(7, 5))], extracted_at=EXTRACTED[3])
    gone = deal(31, stages((day(1, 1), APP), (day(8, 1), QUAL)), updated=day(8, 1))
    add(con, "deals", [gone, deal(11, stages((day(1, 2), QUAL)), updated=day(8, 9))], extracted_at=EXTRACTED[3])


def absence(deal_id: int, absent_by: str) -> dict:
    return {"id": f"deals:{deal_id}", "object": "deals", "object_id": str(deal_id), "absent_by": absent_by}


STEPS = (first, second, third, fourth)
