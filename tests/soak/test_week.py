"""A week of hourly refreshes, unattended, with a surprise a day: the tables end as the world's truth, each surprise is
told once, nothing else is told. FUNNEL_WEEK_STEP (hours, default 1) makes the week coarser while you work on it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tenacity import wait_none

from ingestion import client, landing
from ingestion.sandbox.model import HOUR
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from orchestration import cli, runner
from tests.e2e.product import Product, differences
from tests.orchestration.receiver import Receiver

STEP = int(os.environ.get("FUNNEL_WEEK_STEP", "1"))
MONDAY = "2026-06-29T00:05:00Z"
DAY = 24
RENAMED, CONFIRMED, REMOVED, IMPORTED, MERGED = 1 * DAY + 10, 2 * DAY + 8, 2 * DAY + 10, 3 * DAY + 9, 3 * DAY + 15
OUTAGE, EXPIRED = range(4 * DAY + 8, 4 * DAY + 14), range(5 * DAY + 6, 5 * DAY + 10)
BACKUP, RESTORED = 5 * DAY + 20, 6 * DAY + 12
WAVE = 25


@dataclass
class Week:
    sandbox: Sandbox
    product: Product
    receiver: Receiver
    folder: Path
    seen_at_backup: set[int] = field(default_factory=set)

    @property
    def world(self) -> World:
        return self.sandbox.world

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.now / 1_000, UTC)


@pytest.fixture
def week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Week]:
    world = World(seed=3, deals=300, now=MONDAY)
    with Sandbox(world, rate=None, search_rate=None) as sandbox, Receiver() as receiver:
        product = Product(tmp_path / "home", sandbox.url, {"FUNNEL_ALERT_WEBHOOK": receiver.url})
        product.env["FUNNEL_HEARTBEAT_URL"] = receiver.url
        made = Week(sandbox, product, receiver, tmp_path)
        for name in [name for name in os.environ if name.startswith(("HUBSPOT", "FUNNEL", "DAGSTER"))]:
            monkeypatch.delenv(name)
        for name, value in product.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(client, "BACKOFF", wait_none())

        class WorldsClock(datetime):
            """The wall clock of the machine that runs the schedule is the world's."""

            @classmethod
            def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
                return made.now()

        monkeypatch.setattr(runner, "datetime", WorldsClock)
        monkeypatch.setattr(landing, "datetime", WorldsClock)
        yield made


def test_a_week(week: Week, capsys: pytest.CaptureFixture[str]) -> None:
    world, start = week.world, week.world.now
    backup = week.folder / "backup"
    told: list[tuple[int, str, str, str]] = []
    beats = 0
    for hour in range(0, 7 * DAY, STEP):
        world.set_now(max(world.now, start + hour * HOUR))
        within: Callable[[int], bool] = lambda moment, hour=hour: hour <= moment < hour + STEP  # noqa: E731
        with world.lock:
            if within(RENAMED):
                stage = world.catalog.deal_stages["presentationscheduled"][1]
                stage.labels.append((world.now, "Offer sent"))
            if within(REMOVED):
                week.sandbox.shapes.quirks.removed["deals"] |= {"utm_term"}
            if within(IMPORTED):
                world.bulk_import(40, {"hs_object_source": "IMPORT", "hs_object_source_id": "4711"})
            if within(MERGED):
                merge_wave(world)
        week.sandbox.faults.clear()
        if hour in OUTAGE:
            week.sandbox.faults.add("503")
        elif hour in EXPIRED:
            week.sandbox.faults.add("401")
        if within(CONFIRMED):
            yml = "stages_confirmed: {hubspot: {default: 2026-06-30}}\n"
            (week.product.home / "funnel.yml").write_text(yml)
        if within(RESTORED):
            restore(week, backup)
        capsys.readouterr()
        code = cli.main(["run", "--json"])
        said = capsys.readouterr()
        assert code == (1 if hour in OUTAGE else 2 if hour in EXPIRED else 0), f"hour {hour}: {said.out}{said.err}"
        assert "Blocking asset check" not in said.err, "Dagster grumbles where tables stand"
        told += [(hour, *entry) for entry in week.receiver.told()]
        beats += code == 0
        if within(BACKUP):
            shutil.copytree(week.product.home, backup, symlinks=True)
            week.seen_at_backup = set(world.observed)
    assert differences(week.product.published, world, week.folder) == {
        "dim_deals": [], "fct_stage_transitions": [], "fct_pipeline_month_end": []
    }  # fmt: skip
    raised = [(hour // DAY, kind) for hour, state, kind, _ in told if state == "raised"]
    assert raised == [
        (1, "stage_changed"), (2, "schema_changed"), (3, "bulk_import"), (3, "merge_wave"), (4, "source_failed"),
        (5, "source_failed"),
    ], told  # fmt: skip
    assert [(hour, kind) for hour, state, kind, _ in told if state == "resolved"] == [
        (tick(CONFIRMED), "stage_changed"), (tick(OUTAGE.stop), "source_failed"), (tick(EXPIRED.stop), "source_failed")
    ]  # fmt: skip
    assert len(week.receiver.gets) == beats


def tick(hour: int) -> int:
    """The first refresh at that hour or after it; one within a step is done at the step's begin."""
    return hour // STEP * STEP if hour == CONFIRMED else -(-hour // STEP) * STEP


def merge_wave(world: World) -> None:
    """Somebody cleans up duplicates: pairs of neighbours, the older one survives."""
    live = list(world.view("deals").live)
    for number in range(WAVE):
        world.merge("deals", live[4 * number], live[4 * number + 1])


def restore(week: Week, backup: Path) -> None:
    """FUNNEL_HOME as it was the evening before: what was seen since is not known any more."""
    shutil.rmtree(week.product.home)
    shutil.copytree(backup, week.product.home, symlinks=True)
    week.world.observed &= week.seen_at_backup
