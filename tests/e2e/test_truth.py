"""Row for row: a line that fails, a source that lives, runs weeks apart; and what was built bit by bit equals what is
built from nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC
from pathlib import Path

import duckdb
import pytest

from ingestion.sandbox import truth
from ingestion.sandbox.options import TOKEN
from tests.e2e.conftest import DAYS_ON, FAULTS, PAST, Story, incidents, naive
from tests.e2e.product import PII_KEY, Product, differences, ended, unequal


@pytest.fixture(scope="module")
def aside(story: Story) -> tuple[Product, Product]:
    """(a home that replayed a past instant, one whose broken warehouse was rebuilt from landing), made side by side."""
    last = story.chapters[-1]
    replay = last.left.copy(story.folder / "replay")
    replaying = replay.start("run", "--as-of", PAST)
    nothing = last.left.copy(story.folder / "nothing")
    with nothing.warehouse.open("r+b") as file:  # worth rebuilding: its first block is gone
        file.write(bytes(4096))
    rebuilt = ended(nothing.start("rebuild"))
    assert (rebuilt.code, rebuilt.outcome.get("equal")) == (0, True), rebuilt.text
    assert "bit for bit" in rebuilt.message
    assert len(rebuilt.outcome["unchanged"]) >= 19
    done = ended(replaying)
    assert (done.code, done.outcome.get("outcome")) == (0, "release_only"), done.text
    return replay, nothing


@pytest.mark.parametrize("number", range(1 + len(DAYS_ON)))
def test_every_row_is_the_truth(story: Story, number: int) -> None:
    chapter = story.chapters[number]
    assert (chapter.done.code, chapter.done.outcome["outcome"]) == (0, "published"), chapter.done.text
    kinds = {stream["stream"]: stream["kind"] for stream in chapter.done.outcome["streams"]}
    assert kinds["deals"] == ("incremental" if number else "full")
    assert chapter.differences == {"dim_deals": [], "fct_stage_transitions": [], "fct_pipeline_month_end": []}


def test_the_line_failed_in_every_way(story: Story) -> None:
    struck = sum((chapter.struck for chapter in story.chapters), Counter())
    assert {kind for kind, _ in FAULTS} == set(struck)
    assert all(sum(chapter.struck.values()) >= 4 for chapter in story.chapters), "a run met hardly a fault"
    assert sum(chapter.retries for chapter in story.chapters) >= sum(struck.values()) * 0.9


def test_every_run_left_its_counts_and_silent_changes_are_counted(story: Story) -> None:
    with duckdb.connect(str(story.chapters[-1].left.published), read_only=True) as connection:
        rows = connection.execute(
            """select run_id, unexplained, silent_changes, history_differences, at_source_live, landed_live
               from meta.source_reconciliation where stream = 'deals' order by run_started_at"""
        ).fetchall()
    assert [row[0] for row in rows] == [chapter.done.outcome["run_id"] for chapter in story.chapters]
    assert [row[1:4] for row in rows] == [(0, number, 0) for number in range(len(rows))]
    assert [row[4] for row in rows] == [row[5] for row in rows]
    warned = [" ".join(chapter.done.outcome["warnings"]) for chapter in story.chapters]
    assert ["hubspot/deals: silent change: 1 records" in text for text in warned] == [False, True, True]


def test_between_two_looks_all_happened_that_breaks_readers(story: Story) -> None:
    """Not only in the world's past, which a full run reads at once, but while funnel was following."""
    world = story.world
    seen = incidents(world, world.start_now, world.now)
    wanted = {"merged", "archive", "restore", "purge", "backdated", "pipeline change", "retired stage"}
    assert {kind for kind in wanted if not seen[kind]} == set()
    counts = naive(world)
    wrong = ("merged", "archived", "purged", "restored", "backdated", "history_tied", "reopened", "pipeline_changed",
             "retired_stage")  # fmt: skip
    assert {reason for reason in wrong if not counts[reason]} == set()


def test_what_came_at_once_is_one_batch_by_the_imports_id_or_as_a_burst(story: Story) -> None:
    imported = [record for record in story.world.records("deals") if record.own[0].startswith("Imported ")]
    sizes = Counter(record.fixed["hs_object_source"] for record in imported)
    with duckdb.connect(str(story.chapters[-1].left.published), read_only=True) as connection:
        found = connection.execute(
            """select import_batch_id, list(source_deal_id order by cast(source_deal_id as bigint)) from marts.dim_deals
               where import_batch_id is not null group by 1 order by len(import_batch_id)"""
        ).fetchall()
        [(leads,)] = connection.execute("select count(import_batch_id) from marts.dim_leads").fetchall()
    batches = {
        made_by: sorted(record.id for record in imported if record.fixed["hs_object_source"] == made_by)
        for made_by in ("IMPORT", "INTEGRATION")
    }
    assert sizes == {"INTEGRATION": 60, "IMPORT": 7}
    assert [[int(id) for id in ids] for _, ids in found] == list(batches.values())
    first = next(record.born for record in imported if record.id == batches["INTEGRATION"][0])
    assert found[0][0] == "hubspot:4711"
    assert found[1][0].startswith(f"hubspot:burst-{first}-")
    assert leads == 0


def test_every_source_says_how_far_it_reaches(story: Story) -> None:
    for chapter in story.chapters:
        with duckdb.connect(str(chapter.left.published), read_only=True) as connection:
            [row] = connection.execute(
                """select s.hours_behind, s.reached_at = p.as_of
                   from marts.dim_sources s, (select max(as_of) as as_of from meta.publications) p"""
            ).fetchall()
        assert row == (0, True)


def test_stages_that_changed_are_one_alert_weighed_by_the_truth(story: Story) -> None:
    """A stage came, one was renamed and one went between two looks; the first look told of nothing."""
    last = story.chapters[-1].left
    with duckdb.connect(str(last.published), read_only=True) as connection:
        rows = connection.execute(
            """select name, kind, key, affected_deals, noticed_at from meta.schema_changes where object <> 'property'
               order by kind"""
        ).fetchall()
    assert [row[:2] for row in rows] == [
        ("Пилот", "added"), ("Proposal & pricing sent", "renamed"), ("Verbal commitment", "retired"),
    ]  # fmt: skip
    standing = Counter(
        row["stage_key"] for row in truth.rows(story.world, "deals") if row.get("is_open") and not row["is_deleted"]
    )
    assert [row[3] for row in rows] == [standing[row[2]] for row in rows]
    assert sum(row[3] for row in rows) > 3
    [(instant, alert)] = json.loads((last.home / "alerts.json").read_text())["open"].items()
    assert instant == f"stage_changed|hubspot:default {rows[0][4].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert alert["members"] == sorted(row[2] for row in rows)
    early = json.loads((story.chapters[1].left.home / "alerts.json").read_text())
    assert [key for key in early["open"] if key.startswith("stage_changed")] == []


def test_incremental_equals_built_from_nothing(story: Story, aside: tuple[Product, Product]) -> None:
    last, rebuilt = story.chapters[-1].left, aside[1]
    assert unequal(last.warehouse, rebuilt.warehouse) == {}
    assert rebuilt.current.readlink() == last.current.readlink()
    assert rebuilt.warehouse.stat().st_mode & 0o777 == 0o600
    assert not (rebuilt.home / "rebuild").exists()
    with duckdb.connect(str(rebuilt.warehouse), read_only=True) as connection:
        counted = """select run_id, unexplained from meta.source_reconciliation where stream = 'deals'
                     order by run_started_at"""
        rows = connection.execute(counted).fetchall()
    runs = [chapter.done.outcome["run_id"] for chapter in story.chapters]
    assert [row[0] for row in rows[:-1]] == runs, "out of the publication: the old warehouse could not be read"
    assert {row[1] for row in rows} == {0}


def test_published_tables_are_those_of_the_warehouse(story: Story) -> None:
    last = story.chapters[-1].left
    assert unequal(last.published, last.warehouse) == {}


def test_a_replay_of_the_past_is_the_truth_of_then(
    story: Story, aside: tuple[Product, Product], tmp_path: Path
) -> None:
    """With what is known now: a record that has vanished since is cut by when it went, not by when that was seen."""
    replay, before = aside[0], story.chapters[-1].left.current.readlink()
    assert replay.current.readlink() == before
    releases = sorted(path.name for path in (replay.home / "published" / "releases").iterdir())
    assert len(releases) == len(story.chapters) + 1
    database = replay.home / "published" / "releases" / releases[-1] / "funnel.duckdb"
    found = differences(database, story.world, tmp_path, as_of=PAST)
    assert found == {"dim_deals": [], "fct_stage_transitions": [], "fct_pipeline_month_end": []}
    with duckdb.connect(str(database), read_only=True) as connection:
        [(latest,)] = connection.execute("select max(effective_at) from marts.fct_deal_events").fetchall()
    assert latest.isoformat() < PAST[:10] + "T12"


def test_no_secret_is_told(story: Story) -> None:
    """Neither by what runs print nor in what they leave: logs, Dagster's history, dbt's files, published tables."""
    home, secrets = story.chapters[-1].left.home, [TOKEN.encode(), PII_KEY.encode()]
    files = [path for name in ("logs", "dagster", "target", "docs", "published", "landing")
             for path in (home / name).rglob("*") if path.is_file()]  # fmt: skip
    assert len(files) > 50
    assert [path for path in files for secret in secrets if secret in path.read_bytes()] == []
    assert [s for s in secrets for chapter in story.chapters if s.decode() in chapter.done.text] == []
    logs = b"".join(path.read_bytes() for path in (home / "logs").iterdir())
    assert re.findall(rb"[\w.+-]+@[\w-]+\.\w+", logs) == []
