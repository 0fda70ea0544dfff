"""Random worlds of deals for the funnel marts: what the core models would hand them, and the marts computed from it.

A deal is {"key", "created", "visits": [(at, stage), …], "deleted": [(from, to or None), …], "amount", "imported"};
times are aware datetimes before AS_OF (deletions may lie after it). Nothing here knows how the marts compute anything.
"""

import random
from datetime import UTC, datetime, timedelta

import duckdb

AS_OF = datetime(2026, 6, 17, 13, tzinfo=UTC)
MONTHS = [datetime(2025 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(18)]
# stage: (pipeline, category, place, whether it raises the high-water mark)
STAGES = {
    "p:a": ("p", "qualification", 1.0, True),
    "p:b": ("p", "meeting", 2.0, True),
    "p:old": ("p", "meeting", 2.5, False),
    "p:c": ("p", "proposal", 3.0, True),
    "p:won": ("p", "won", 4.0, False),
    "p:won2": ("p", "won", 5.0, False),
    "p:after": ("p", "fulfilment", 6.0, True),
    "p:lost": ("p", "lost", 7.0, False),
    "p:dup": ("p", "void", 8.0, False),
    "p:oldwon": ("p", "won", 4.5, False),
    "q:x": ("q", "qualification", 1.0, True),
    "q:y": ("q", "closing", 2.0, True),
    "q:won": ("q", "won", 3.0, False),
    "q:lost": ("q", "lost", 4.0, False),
}
RETIRED = {"p:old", "p:oldwon"}
CLOSED = ("won", "lost", "void")
AHEAD = {
    "p:a": ["p:b"] * 5 + ["p:c", "p:won", "q:x"] + ["p:lost"] * 3,
    "p:b": ["p:c"] * 5 + ["p:a", "p:old", "p:won2", "q:y", "p:dup"] + ["p:lost"] * 3,
    "p:old": ["p:c", "p:b", "p:oldwon", "p:lost"],
    "p:c": ["p:won"] * 4 + ["p:b", "p:won2", "q:won", "p:oldwon"] + ["p:lost"] * 4,
    "p:won": ["p:after"] * 2 + ["p:b"],
    "p:won2": ["p:c"],
    "p:oldwon": ["p:c"],
    "p:after": ["p:after2"],
    "p:lost": ["p:a", "p:won", "q:x"],
    "p:dup": ["p:a"],
    "q:x": ["q:y"] * 3 + ["q:lost"] * 2 + ["p:a"],
    "q:y": ["q:won"] * 2 + ["q:lost", "p:b"],
    "q:won": ["q:y"],
    "q:lost": ["p:c"],
}


def category(stage: str) -> str:
    return STAGES[stage][1]


def reach(stage: str) -> float:
    """How far into its pipeline a visit to the stage brings a deal."""
    _, kind, place, raises = STAGES[stage]
    return 1_000_000 if kind == "won" and stage not in RETIRED else place if raises else -1


def kind_of_move(here: str, there: str) -> str:
    if category(there) in CLOSED:
        return category(there)
    if category(here) in CLOSED:
        return "forward" if category(there) == "fulfilment" else "reopened"
    if STAGES[here][0] != STAGES[there][0]:
        return "pipeline_change"
    return "forward" if STAGES[there][2] > STAGES[here][2] else "backward"


def some_deals(seed: int, count: int) -> list[dict]:
    draw = random.Random(seed)
    deals = []
    for number in range(count):
        at = MONTHS[0] + timedelta(seconds=draw.randrange(int((AS_OF - MONTHS[0]).total_seconds())))
        deal = {
            "key": f"s:{number}",
            "created": at - timedelta(days=draw.choice([0, 0, 0, 3, 40])),
            "visits": [(at, draw.choice(["p:a"] * 6 + ["p:b", "q:x", "p:c", "p:won", "p:lost"]))],
            "deleted": [],
            "amount": draw.choice([None, 0, 100, 2500]),
            "imported": draw.random() < 0.04,
        }
        while True:
            here = deal["visits"][-1][1]
            at += timedelta(seconds=draw.choice([0, 60, *[draw.randrange(86400 * 70)] * 8]))
            if draw.random() < 0.05:  # the very first instant of a month
                at = next((month for month in MONTHS if month >= at), at)
            stays = category(here) in CLOSED and draw.random() < 0.85
            if at >= AS_OF or stays or draw.random() < 0.08 or here == "p:after":
                break
            deal["visits"].append((at, draw.choice(AHEAD[here])))
        if draw.random() < 0.1:
            gone = deal["visits"][0][0]
            for _ in range(draw.choice([1, 1, 2])):
                gone += timedelta(seconds=draw.randrange(86400 * 60) + 1)
                back = gone + timedelta(seconds=draw.randrange(86400 * 30) + 1) if draw.random() < 0.6 else None
                deal["deleted"].append((gone, back))
                if back is None:
                    break
                gone = back
        deals.append(deal)
    return deals


def is_gone(deal: dict, at: datetime) -> bool:
    """Deleted as seen just before this instant."""
    return any(gone < at and (back is None or back >= at) for gone, back in deal["deleted"])


def run_models(compiled: dict[str, str], deals: list[dict], models: list[str]) -> duckdb.DuckDBPyConnection:
    """The models computed by their compiled SQL over the core tables of these deals; the caller closes it."""
    con = duckdb.connect()
    con.execute("attach ':memory:' as warehouse; use warehouse; set TimeZone = 'UTC'; set threads = 1")
    con.execute("create schema meta; create schema intermediate; create schema marts")
    con.execute("create table meta.run_clock as select ?::timestamptz as as_of", [AS_OF])
    con.execute("create table intermediate.int_months (month date, starts_at timestamptz, ends_at timestamptz)")
    ends = [*MONTHS[1:], datetime(2026, 7, 1, tzinfo=UTC)]
    con.executemany(
        "insert into intermediate.int_months values (?::timestamptz::date, ?, ?)",
        [(m, m, e) for m, e in zip(MONTHS, ends, strict=True)],
    )
    con.execute(
        "create or replace table intermediate.int_months as select *, last_day(month) as month_end, "
        "ends_at <= (select as_of from meta.run_clock) as is_complete_month from intermediate.int_months"
    )
    con.execute(
        "create table intermediate.int_stages (stage_key varchar, pipeline_key varchar, stage_category varchar, "
        "position double, is_reachable boolean, is_retired boolean, is_open boolean, is_won boolean)"
    )
    con.executemany(
        "insert into intermediate.int_stages values (?, ?, ?, ?, ?, ?, ?, ?)",
        [(k, p, c, at, raises, k in RETIRED, c not in CLOSED, c == "won") for k, (p, c, at, raises) in STAGES.items()],
    )
    con.execute("create table marts.dim_stages as from intermediate.int_stages")
    _insert_deals(con, deals)
    for model in models:
        schema = "intermediate" if model.startswith("int_") else "marts"
        con.execute(f"create table {schema}.{model} as {compiled[model]}")
    return con


def _insert_deals(con: duckdb.DuckDBPyConnection, deals: list[dict]) -> None:
    con.execute(
        "create table intermediate.int_deal_deletions (deal_key varchar, deleted_at timestamptz, "
        "restored_at timestamptz)"
    )
    con.executemany(
        "insert into intermediate.int_deal_deletions values (?, ?, ?)",
        [("never seen", AS_OF, None), *((d["key"], *period) for d in deals for period in d["deleted"])],
    )
    con.execute(
        "create table marts.fct_stage_transitions (deal_key varchar, visit_number integer, pipeline_key varchar, "
        "from_stage_key varchar, to_stage_key varchar, entered_at timestamptz, exited_at timestamptz, "
        "transition_type varchar, exit_type varchar, is_first_reach boolean, is_latest_visit boolean, "
        "is_current boolean)"
    )
    con.execute(
        "create table marts.dim_deals (deal_key varchar, pipeline_key varchar, stage_key varchar, outcome varchar, "
        "is_open boolean, is_deleted boolean, created_at timestamptz, closed_at timestamptz, "
        "amount_reporting decimal(18, 2), import_batch_id varchar)"
    )
    con.execute(
        "create table marts.fct_pipeline_month_end (month_end date, deal_key varchar, stage_key varchar, "
        "days_in_stage double, amount_reporting decimal(18, 2))"
    )
    stays, rows, standing = [], [], []
    for deal in deals:
        stays += _stays(deal)
        at, stage = deal["visits"][-1]
        closed = category(stage) in CLOSED
        dead = is_gone(deal, AS_OF)
        outcome = category(stage) if closed else "open"
        batch = "batch" if deal["imported"] else None
        rows.append(
            (
                *(deal["key"], STAGES[stage][0], stage, outcome, not closed, dead),
                *(deal["created"], at if closed else None, deal["amount"], batch),
            )
        )
        for end in MONTHS[1:]:
            here = [visit for visit in deal["visits"] if visit[0] < end]
            if here and category(here[-1][1]) not in CLOSED and not is_gone(deal, end):
                days = (end - here[-1][0]) / timedelta(days=1)
                standing.append((end - timedelta(days=1), deal["key"], here[-1][1], days, deal["amount"]))
    con.executemany("insert into marts.fct_stage_transitions values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", stays)
    con.executemany("insert into marts.dim_deals values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    for view, columns in (
        ("int_deals", "deal_key, created_at"),
        ("int_deal_outcomes", "deal_key, pipeline_key, outcome, closed_at, is_deleted"),
        ("int_import_batches", "deal_key as record_key, 'deal' as record_kind, import_batch_id"),
    ):
        where = "where import_batch_id is not null" if "import" in view else ""
        con.execute(f"create view intermediate.{view} as select {columns} from marts.dim_deals {where}")
    con.executemany("insert into marts.fct_pipeline_month_end values (?::timestamptz::date, ?, ?, ?, ?)", standing)


def _stays(deal: dict) -> list[tuple]:
    visits, found, marks = deal["visits"], [], {}
    for n, (at, stage) in enumerate(visits):
        before = visits[n - 1][1] if n else None
        after = visits[n + 1] if n + 1 < len(visits) else None
        pipeline = STAGES[stage][0]
        came, left = (
            kind_of_move(before, stage) if before else "entry",
            kind_of_move(stage, after[1]) if after else None,
        )
        is_latest = stage not in [later for _, later in visits[n + 1 :]]
        found.append(
            (
                *(deal["key"], n + 1, pipeline, before, stage, at, after[0] if after else None, came, left),
                *(reach(stage) > marks.get(pipeline, 0), is_latest, after is None),
            )
        )
        marks[pipeline] = max(reach(stage), marks.get(pipeline, 0))
    return found
