"""A real pipeline replayed as HubSpot records: the canonical transitions form → the same changes a seeded world has.

The form (CSV or CSV.gz): deal_id, entered_at (UTC, naive ISO), stage, kind (open|won|lost), amount,
expected_close_date, segment; one row = one stage entry, rows of one deal in order.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from ingestion.sandbox.catalog import Catalog, Owner, Pipeline, Stage
from ingestion.sandbox.model import DAY, IMPORT, INTEGRATION, SECOND, Change, Record, instant, iso
from ingestion.sandbox.world import FIRST_ID, World

COLUMNS = ("deal_id", "entered_at", "stage", "kind", "amount", "expected_close_date", "segment")
_PROBABILITY = {"won": "1.0", "lost": "0.0"}


def replay(
    path: str | Path,
    *,
    end: str | int | None = None,
    now: str | int | None = None,
    by: str = "owner",
    limit: int | None = None,
) -> World:
    """A world out of a data set. `end`: the instant its last event is moved to (default: left as it is); `now`: the
    clock's start (default: one second after the last event; earlier = the rest is still to come). `by`: what segments
    become, "owner" (with a team) or "pipeline". `limit`: only the first so many deals.

    ValueError when a column is missing or the file holds no row."""
    rows = list(_read(Path(path), limit))
    if not rows:
        raise ValueError(f"{path}: no transitions")
    last = max(row[1] for row in rows)
    shift = 0 if end is None else instant(end) - last
    first = min(row[1] for row in rows) + shift
    catalog, place = _catalog(rows, first - 30 * DAY, by)
    world = World(start=first, now=last + shift + SECOND if now is None else now, catalog=catalog)
    made = [
        _deal(list(entries), shift, place, catalog, by)
        for _, entries in groupby(sorted(rows, key=itemgetter(0)), key=itemgetter(0))
    ]
    made.sort(key=lambda pair: (pair[0].born, pair[1]))
    for number, (record, _) in enumerate(made):
        record.id = FIRST_ID["deals"] + number * 7
        world.objects["deals"][record.id] = record
    return world


Row = tuple[str, int, str, str, str, str, str]


def _read(path: Path, limit: int | None) -> Iterator[Row]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path}: no column {', '.join(missing)}")
        deals: set[str] = set()
        for row in reader:
            if limit is not None and row["deal_id"] not in deals and len(deals) >= limit:
                continue
            deals.add(row["deal_id"])
            rest = (row["stage"], row["kind"], row["amount"], row["expected_close_date"], row["segment"] or "all")
            yield (row["deal_id"], instant(row["entered_at"]), *rest)


def _catalog(rows: list[Row], born: int, by: str) -> tuple[Catalog, dict[tuple[str, str, str], str]]:
    """Pipelines with stages in first-seen order (closed ones last), owners, (pipeline, stage, kind) → stage id."""
    segments = list(dict.fromkeys(row[6] for row in rows))
    pipelines, place = [], {}
    for number, name in enumerate(segments if by == "pipeline" else ["Replayed"]):
        seen = dict.fromkeys((row[2], row[3]) for row in rows if by != "pipeline" or row[6] == name)
        stages: list[Stage] = []
        for label, kind in sorted(seen, key=lambda pair: pair[1] != "open"):
            id = str(3_300_000 + number * 1_000 + len(stages))
            probability = _PROBABILITY.get(kind, f"0.{min(9, 1 + len(stages))}")
            stages.append(Stage(id, [(born, label)], probability, kind != "open", born))
            place[name, label, kind] = id
        pipelines.append(Pipeline("default" if not number else str(3_300_000 + number), name, stages, born))
    owners, teams = [], {}
    for number, segment in enumerate(segments if by == "owner" else ["all"]):
        team = str(800 + number)
        teams[team] = segment
        owners.append(Owner(77_500_000 + number * 13, 5_500_000 + number, "Team", segment, born, [(born, team)]))
    lead_stages = [Stage("new-stage-id", [(born, "New")], "0.1", False, born)]
    leads = [Pipeline("lead-pipeline-id", "Lead pipeline", lead_stages, born)]
    return Catalog({"deals": pipelines, "leads": leads}, owners, teams), place


def _deal(
    rows: list[Row], shift: int, place: dict[tuple[str, str, str], str], catalog: Catalog, by: str
) -> tuple[Record, str]:
    """One deal's changes. Rows with one timestamp keep their order. A closing row moves the close date to its day."""
    entries = [row for _, row in sorted(enumerate(rows), key=lambda pair: (pair[1][1], pair[0]))]
    log: list[Change] = []
    shown: dict[str, str] = {}

    def write(name: str, value: str, at: int, author: int) -> None:
        if value != shown.get(name, "") or name == "dealstage":
            log.append(Change(at, name, value, at, author))
            shown[name] = value

    segments = [owner.last for owner in catalog.owners]
    for number, (_, entered, stage, kind, amount, expected, segment) in enumerate(entries):
        at, author = entered + shift, IMPORT if number == 0 else INTEGRATION
        name = segment if by == "pipeline" else "Replayed"
        pipeline = next(pipeline for pipeline in catalog.pipelines["deals"] if pipeline.label == name)
        write("pipeline", pipeline.id, at, author)
        write("dealstage", place[name, stage, kind], at, author)
        write("amount", amount, at, author)
        owner = catalog.owners[segments.index(segment) if by == "owner" else 0]
        write("hubspot_owner_id", str(owner.id), at, author)
        if number == 0:
            write("deal_currency_code", "EUR", at, author)
            write("dealtype", "newbusiness", at, author)
        if kind != "open":
            write("closedate", iso(at), at, author)
        elif expected:
            write("closedate", iso(instant(expected) + shift), at, author)
    born = log[0].at
    return Record(0, born, log, (f"{rows[0][6]} {rows[0][0]}", born), {"hs_object_source": "IMPORT"}, []), rows[0][0]
