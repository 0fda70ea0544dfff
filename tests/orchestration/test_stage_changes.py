"""Changes of stages from what is published to one alert, to `funnel status` and out of both by a word in funnel.yml."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.config import Config, read_config
from ingestion.settings import Secret
from orchestration import status
from orchestration.home import Home
from orchestration.runner import remember
from orchestration.stage_changes import all_changes, line_to_paste, unconfirmed
from tests.orchestration.conftest import AS_OF, session_of, settings_of
from tests.orchestration.receiver import Receiver

NOTICED = datetime(2026, 4, 8, 22, 30, 7, 500_000, tzinfo=UTC)
"""In Berlin it is the 9th already."""
AT = "hubspot:default 2026-04-08T22:30:07Z"
RENAMED = (
    "stage",
    "hubspot:default:3",
    "hubspot:default",
    "Offer",
    "renamed",
    "Proposal",
    "Offer",
    12,
    3456.5,
    NOTICED,
)
ADDED = ("stage", "hubspot:default:4", "hubspot:default", "Pilot", "added", None, "Pilot", 1, 20, NOTICED)
WON = ("stage", "hubspot:22%3A9:5", "hubspot:22%3A9", "Done", "reflagged", "open, probability 0.5",
       "won, probability 1.0", 2, 700, NOTICED + timedelta(days=1))  # fmt: skip
GONE = ("pipeline", "hubspot:old", "hubspot:old", "Old", "retired", "Old", None, 0, 0, NOTICED)
GONE_STAGE = ("stage", "hubspot:old:1", "hubspot:old", "One", "retired", "One", None, 0, 0, NOTICED)
PROPERTY = ("property", "hubspot:deals:score", None, "score", "removed", "Score", None, None, None, AS_OF)


class Published:
    """A home whose publication carries these changes, and stages that are guessed."""

    def __init__(self, folder: Path, receiver: Receiver, **config: Any) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self.settings = replace(
            settings_of(folder, "hubspot"), config=Config(**config), alert_webhook=Secret(receiver.url)
        )
        self.release, self.receiver = self.home.published / "releases" / "R", receiver
        self.release.mkdir(parents=True)
        (self.home.published / "current").symlink_to(self.release)

    def run(self, *changes: tuple[Any, ...], hours: float = 0, guessed: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        """A good run at AS_OF plus `hours` that publishes these changes; what the webhook heard of it."""
        as_of = AS_OF + timedelta(hours=hours)
        (self.release / "funnel.duckdb").unlink(missing_ok=True)
        with duckdb.connect(str(self.release / "funnel.duckdb")) as connection:
            connection.execute(
                """create schema meta; create schema marts;
                create table meta.schema_changes (object text, key text, pipeline_key text, name text, kind text,
                    value_before text, value_after text, affected_deals bigint,
                    affected_amount_reporting decimal(18, 2), noticed_at timestamptz, source text default 'hubspot',
                    window_id text default 'w');
                create table marts.dim_pipelines (pipeline_key text, source text, pipeline_name text);
                create table marts.dim_stages as select k as stage_key, 'hubspot:default' as pipeline_key,
                    k as stage_name, 'meeting' as stage_category, true as is_category_inferred, false as is_retired,
                    1 as display_order from unnest(?) as stages(k)""",
                [["hubspot:default:1", *guessed]],
            )
            for change in changes:
                marks = ", ".join("?" * len(change))
                connection.execute(f"insert into meta.schema_changes values ({marks}, 'hubspot', 'w')", change)
        newest = {"as_of": max(as_of, AS_OF).isoformat(), "sources": {}, "checks": [], "tables": {}, "id": "R"}
        newest |= dict.fromkeys(("known_at", "finished", "code_version"), AS_OF.isoformat())
        (self.release / "manifest.json").write_text(json.dumps(newest))
        session = session_of(self.settings, "run", as_of)
        session.publication = {"id": "R", "outcome": "published", "as_of": as_of.isoformat()}
        remember(session, True)
        return self.receiver.told()

    def say(self, **config: Any) -> None:
        """What funnel.yml says from now on."""
        self.settings = replace(self.settings, config=Config(**config))

    def shown(self) -> str:
        return status.text(status.collect(self.settings))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def published(tmp_path: Path, receiver: Receiver) -> Published:
    made = Published(tmp_path / "home", receiver)
    assert made.run() == []
    return made


def test_what_one_list_showed_is_one_alert_in_money_until_it_is_confirmed(published: Published) -> None:
    assert published.run(RENAMED, ADDED) == [("raised", "stage_changed", AT)]
    assert published.run(RENAMED, ADDED, hours=1) == []
    text = json.loads(published.home.alerts.read_text())["open"][f"stage_changed|{AT}"]["alert"]["text"]
    assert "'Proposal' is now called 'Offer': 12 open deals over 3,456.50 EUR in it" in text
    assert "'Pilot' is new: 1 open deal over 20.00 EUR in it" in text
    assert published.run(RENAMED, ADDED, WON, hours=2) == [
        ("raised", "stage_changed", "hubspot:22%3A9 2026-04-09T22:30:07Z")
    ]
    published.say(stages_confirmed={"hubspot": {"default": "2026-04-08"}})
    assert published.run(RENAMED, ADDED, WON, hours=3) == [("resolved", "stage_changed", AT)]


def test_the_first_telling_and_its_page(published: Published, receiver: Receiver) -> None:
    receiver.status = 500
    published.run(WON)
    receiver.status = 200
    published.receiver.posts.clear()
    session = session_of(published.settings, "later", AS_OF)
    session.publication = {"id": "R", "outcome": "unchanged", "as_of": AS_OF.isoformat()}
    remember(session, True)
    [post] = receiver.posts
    assert post["runbook"] == "docs/runbooks/stage-changed.md"
    assert post["details"]["members"] == ["hubspot:22%3A9:5"]
    assert "2 deals over 700.00 EUR changed from open to won" in post["text"]


def test_a_new_stage_is_not_told_again_as_a_guess_nor_once_it_is_confirmed(published: Published) -> None:
    assert published.run(ADDED, guessed=("hubspot:default:4",)) == [("raised", "stage_changed", AT)]
    published.say(stages_confirmed={"hubspot": {"default": "2026-04-09T00:00:00Z"}})
    assert published.run(ADDED, guessed=("hubspot:default:4",)) == [("resolved", "stage_changed", AT)]
    assert published.run(ADDED, guessed=("hubspot:default:4", "hubspot:default:9")) == [("raised", "stage_guessed", "")]


def test_a_replayed_past_says_nothing_and_resolves_nothing(published: Published) -> None:
    assert published.run(RENAMED, hours=-24 * 60) == []
    assert published.run(RENAMED) == [("raised", "stage_changed", AT)]
    assert published.run(hours=-24 * 60) == []
    assert published.run(RENAMED, hours=1) == []


def test_properties_are_told_once_for_each_list_and_not_after_a_week(published: Published) -> None:
    assert published.run(PROPERTY) == [("raised", "schema_changed", "hubspot 2026-04-10T00:00:00Z")]
    assert published.run(PROPERTY, (*PROPERTY[:-1], AS_OF - timedelta(days=8)), hours=1) == []


def test_status_shows_them_and_its_line_confirms_them(published: Published, tmp_path: Path) -> None:
    published.say(stages_confirmed={"hubspot": {"2209100": "2026-01-31"}, "emea": {"p": "2026-01-31"}})
    published.run(RENAMED, ADDED, WON, GONE, GONE_STAGE)
    shown = published.shown()
    assert "CHANGED      hubspot:default, noticed 2026-04-08 22:30 UTC\n" in shown
    assert "pipeline 'Old' is gone and now retired: 0 open deals over 0.00 EUR in it" in shown
    assert "'One' is gone" not in shown, "its pipeline says it all"
    line = next(line for line in shown.splitlines() if line.startswith("stages_confirmed"))
    assert "2026-01-31" in line
    (tmp_path / "funnel.yml").write_text(f"reporting_currency: EUR\n{line}\n")
    config = read_config(tmp_path / "funnel.yml")
    assert config.stages_confirmed["hubspot"]["default"] == datetime(2026, 4, 8, 22, 30, 8, tzinfo=UTC)
    published.settings = replace(published.settings, config=config)
    assert "CHANGED" not in published.shown()


@pytest.mark.parametrize(
    ("config", "left"),
    [
        ({}, {"renamed", "added", "reflagged"}),
        ({"stages_confirmed": {"hubspot": {"default": "2026-04-07"}}}, {"renamed", "added", "reflagged"}),
        ({"stages_confirmed": {"hubspot": {"default": "2026-04-08"}}}, {"reflagged"}),
        (  # in Berlin the 8th had ended when they were noticed
            {"stages_confirmed": {"hubspot": {"default": "2026-04-08"}}, "reporting_timezone": "Europe/Berlin"},
            {"renamed", "added", "reflagged"},
        ),
        ({"stages_confirmed": {"hubspot": {"default": "2026-04-08T22:30:07Z"}}}, {"renamed", "added", "reflagged"}),
        ({"stages_confirmed": {"emea": {"default": "2026-04-30"}}}, {"renamed", "added", "reflagged"}),
        ({"stages": {"hubspot": {"default": {"4": "meeting", "3": "meeting"}}}}, {"renamed", "reflagged"}),
        ({"stages": {"hubspot": {"22:9": {"5": "won"}}}}, {"renamed", "added"}),
    ],
)
def test_what_confirms_what(published: Published, config: dict[str, Any], left: set[str]) -> None:
    published.run(RENAMED, ADDED, WON)
    changes = all_changes(published.home.published / "current")
    waiting = unconfirmed(changes, Config(**config))
    assert {row["kind"] for surprise in waiting for row in surprise.rows} == left


def test_an_older_publication_has_no_changes(tmp_path: Path) -> None:
    assert all_changes(tmp_path) == []
    assert line_to_paste([], Config()) == "stages_confirmed: {}"
