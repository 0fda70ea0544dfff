"""What each way a run can end tells the webhook, over weeks of hourly runs without Dagster; ages and budgets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.config import Config
from ingestion.errors import AuthError, ConfigError, CorruptResponse, RateLimited, SourceError
from ingestion.settings import Secret, Settings
from ingestion.stream import StreamReport
from orchestration import freshness, signals, webhook
from orchestration.errors import BuildFailed, DiskFull, RunLocked, WrongUse, nothing_extracted
from orchestration.home import Home
from orchestration.ledger import Check
from orchestration.lock import RunLock
from orchestration.runner import remember
from tests.orchestration.conftest import AS_OF, session_of, settings_of
from tests.orchestration.receiver import Receiver

OUTAGE = CorruptResponse("hubspot", "deals", "no usable answer after 8 tries: HTTP 502", url="https://api/crm")
REFUSED = Check("win_rate_in_range", "marts.m", "fail", "gate", 3, "owner anna@example.com")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "WAITS", (0.0,))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


class Portal:
    """Runs of one home, an hour apart, that end as told; what stands published carries `stages`."""

    def __init__(self, folder: Path, receiver: Receiver, *names: str, **config: Any) -> None:
        home = Home(folder)
        home.prepare()
        address = Secret(receiver.url)
        made = settings_of(folder, *names)
        self.settings = replace(made, config=Config(**config), alert_webhook=address, heartbeat_url=address)
        self.home, self.now, self.receiver = home, AS_OF, receiver
        self.stages: dict[str, tuple[str, bool]] = {"hubspot:default:1": ("meeting", True)}

    def run(
        self, *errors: SourceError, failure: BaseException | None = None, refused: tuple[Check, ...] = (),
        as_of: datetime | None = None, hours: float = 1,
    ) -> list[tuple[str, str, str]]:  # fmt: skip
        """One run `hours` after the last; returns what the webhook heard of it."""
        self.now += timedelta(hours=hours)
        session = session_of(self.settings, "run", as_of or self.now)
        failing = {error.source: error for error in errors}
        for connection in self.settings.connections:
            session.reports.append(
                StreamReport(connection.name, "hubspot", "deals", error=failing.get(connection.name))
            )
        if len(failing) == len(self.settings.connections):
            failure = nothing_extracted({name: [error] for name, error in failing.items()})
        session.failure, session.refused = failure, list(refused)
        if not failure and not refused:
            session.publication = {"id": "R", "outcome": "published", "as_of": session.as_of.isoformat()}
            self._publish(session.as_of)
        remember(session, session.publication is not None)
        return self.receiver.told()

    def _publish(self, as_of: datetime) -> None:
        release = self.home.published / "releases" / "R"
        release.mkdir(exist_ok=True)
        (release / "funnel.duckdb").unlink(missing_ok=True)
        with duckdb.connect(str(release / "funnel.duckdb")) as connection:
            connection.execute("create schema marts")
            connection.execute(
                "create table marts.dim_pipelines as select 'hubspot' source, 'Sales' pipeline_name, 'p' pipeline_key"
            )
            connection.execute(
                """create table marts.dim_stages (stage_key varchar, pipeline_key varchar, stage_name varchar,
                   stage_category varchar, is_category_inferred boolean, is_retired boolean, display_order integer)"""
            )
            for key, (category, inferred) in self.stages.items():
                row = [key, "p", key.split(":")[-1], category, inferred]
                connection.execute("insert into marts.dim_stages values (?, ?, ?, ?, ?, false, 1)", row)
        newest = max(as_of, AS_OF)
        (release / "manifest.json").write_text(json.dumps({"as_of": newest.isoformat(), "sources": {}}))
        link = self.home.published / "current"
        if not link.is_symlink():
            link.symlink_to(release)


@pytest.fixture
def portal(tmp_path: Path, receiver: Receiver) -> Portal:
    made = Portal(tmp_path / "home", receiver, "hubspot", "emea", staleness_hours={"hubspot": 4})
    assert made.run() == []
    return made


def test_good_runs_beat_and_say_nothing(portal: Portal, receiver: Receiver) -> None:
    assert portal.run() == []
    assert receiver.gets == ["/T000/secret-path"] * 2


def test_an_outage_of_one_source_is_told_once_grows_stale_once_and_is_over_once(portal: Portal) -> None:
    heard = [portal.run(OUTAGE) for _ in range(6)]
    assert heard[0] == [("raised", "source_failed", "hubspot")]
    assert heard[4] == [("raised", "source_stale", "hubspot")]  # 5 h behind, of 4
    assert [told for told in heard if told] == [heard[0], heard[4]]
    assert sorted(portal.run()) == [("resolved", "source_failed", "hubspot"), ("resolved", "source_stale", "hubspot")]
    assert portal.run() == []


def test_outage_of_everything_is_its_sources_alert_and_no_second_one(tmp_path: Path, receiver: Receiver) -> None:
    portal = Portal(tmp_path / "one", receiver, "hubspot")
    portal.run()
    beats = len(receiver.gets)
    assert portal.run(OUTAGE) == [("raised", "source_failed", "hubspot")]
    assert portal.run(OUTAGE) == []
    assert len(receiver.gets) == beats
    assert portal.run(AuthError("hubspot", "deals", "refused")) == [("raised", "source_failed", "hubspot")]
    assert portal.run() == [("resolved", "source_failed", "hubspot")]


def test_audit_refusal_names_checks_and_counts_but_no_rows(portal: Portal, receiver: Receiver) -> None:
    assert portal.run(refused=(REFUSED,)) == [("raised", "audit_refused", "")]
    assert portal.run(refused=(REFUSED,)) == []
    worse = Check("no_vanished_month", "marts.m", "fail", "gate", 1)
    session = session_of(portal.settings, "run-9", portal.now)
    session.refused = [REFUSED, worse]
    remember(session, False)
    [post] = receiver.posts
    assert (post["kind"], post["severity"], post["run_id"]) == ("audit_refused", "critical", "run-9")
    assert post["details"]["failing_rows"] == {"win_rate_in_range on marts.m": 3, "no_vanished_month on marts.m": 1}
    assert post["runbook"] == "docs/runbooks/audit-refused.md"
    assert "anna@example.com" not in json.dumps(post)
    receiver.posts.clear()
    assert portal.run() == [("resolved", "audit_refused", "")]


@pytest.mark.parametrize(
    ("kind", "page"), [("reconciliation", "reconciliation-differs"), ("rejects", "rejected-records")]
)
def test_a_refusal_of_one_kind_has_its_own_page(portal: Portal, receiver: Receiver, kind: str, page: str) -> None:
    session = session_of(portal.settings, "run-9", portal.now)
    session.refused = [Check(kind, "meta.t", "fail", kind, 1)]
    outcome = remember(session, False)
    assert receiver.posts[0]["runbook"] == f"docs/runbooks/{page}.md"
    assert outcome.message.endswith(f"See docs/runbooks/{page}.md.")


def test_a_failed_run_is_told_without_what_its_error_quotes(portal: Portal, receiver: Receiver) -> None:
    broken = BuildFailed("dbt could not build marts.dim_deals: Could not convert string 'Anna Smith' to DECIMAL", "See")
    session = session_of(portal.settings, "run-9", portal.now)
    session.failure = broken
    remember(session, False)
    [post] = receiver.posts
    assert "dbt could not build marts.dim_deals." in post["text"]
    assert "Anna" not in json.dumps(post)
    receiver.posts.clear()
    assert portal.run(failure=broken) == []
    assert portal.run(failure=DiskFull("The disk that holds FUNNEL_HOME is full.")) == [("raised", "run_failed", "")]
    assert portal.run(refused=(REFUSED,)) == [("resolved", "run_failed", ""), ("raised", "audit_refused", "")]


def test_secrets_never_leave(portal: Portal, receiver: Receiver) -> None:
    session = session_of(portal.settings, "run-9", portal.now)
    session.failure = DiskFull(f"token pat-secret at {receiver.url} of bob@corp.example")
    remember(session, False)
    signals.could_not_start(portal.settings, ConfigError("pat-secret, bob@corp.example"))
    text = json.dumps(receiver.posts) + portal.home.alerts.read_text()
    assert len(receiver.posts) == 2
    assert "pat-secret" not in text
    assert "secret-path" not in text
    assert "bob@" not in text


def test_a_replay_of_the_past_is_no_news(portal: Portal) -> None:
    past = AS_OF - timedelta(days=60)
    assert portal.run(refused=(REFUSED,), as_of=past) == []
    for _ in range(5):
        portal.run(OUTAGE)
    portal.run(OUTAGE, as_of=past)
    assert portal.run(OUTAGE) == []  # the replay was not behind, and resolved nothing


def test_new_guesses_and_unknown_stages_are_told_until_named(portal: Portal, receiver: Receiver) -> None:
    portal.stages["hubspot:default:2"] = ("proposal", True)
    portal.stages["hubspot:default:9"] = ("unknown", False)
    assert portal.run() == [("raised", "stage_guessed", ""), ("raised", "stage_unknown", "")]
    assert portal.run() == []
    portal.stages["hubspot:default:2"] = ("proposal", False)
    assert portal.run() == [("resolved", "stage_guessed", "")]
    portal.stages["hubspot:default:3"] = ("proposal", True)
    assert portal.run() == [("raised", "stage_guessed", "")]


def test_wrong_arguments_are_told_to_nobody_a_wrong_configuration_is(portal: Portal, receiver: Receiver) -> None:
    signals.could_not_start(portal.settings, WrongUse("--as-of lies after the wall clock."))
    assert receiver.told() == []
    for _ in range(2):
        signals.could_not_start(portal.settings, ConfigError("funnel.yml line 3: nonsense: unknown setting"))
    assert receiver.told() == [("raised", "run_failed", "")]
    assert portal.run() == [("resolved", "run_failed", "")]


def test_a_lock_is_told_of_only_when_it_is_held_for_hours(portal: Portal, receiver: Receiver) -> None:
    locked = RunLocked("Another run is going: pid 7.")
    with RunLock(portal.home.lock, "funnel run"):
        signals.could_not_start(portal.settings, locked)
        assert receiver.told() == []
        text = json.loads(portal.home.lock.read_text())
        text["since"] = (datetime.now(UTC) - timedelta(hours=5)).isoformat()
        portal.home.lock.write_text(json.dumps(text))
        for _ in range(2):
            signals.could_not_start(portal.settings, locked)
    assert receiver.told() == [("raised", "lock_held", "")]
    assert portal.run() == [("resolved", "lock_held", "")]


def test_runs_that_died_are_told_by_the_next_which_resolves_it(portal: Portal, receiver: Receiver) -> None:
    signals.died(portal.settings, "run-2", 1)
    assert receiver.told() == [("raised", "run_failed", "")]
    assert portal.run() == [("resolved", "run_failed", "")]


def test_neither_a_dead_webhook_nor_a_bug_here_fails_the_run(
    portal: Portal, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = 500
    session = session_of(portal.settings, "run-9", portal.now)
    session.publication = {"id": "R", "outcome": "unchanged", "as_of": AS_OF.isoformat()}
    assert remember(session, True).code == 0
    monkeypatch.setattr(signals, "_tell", lambda *_: 1 / 0)
    assert remember(session, True).code == 0


def test_age_is_measured_against_as_of_from_the_last_whole_run(portal: Portal) -> None:
    portal.run(RateLimited("emea", "deals", "used up"))
    now = portal.now
    found = freshness.ages(portal.settings, now + timedelta(hours=3))
    assert (found["hubspot"].hours, found["emea"].hours) == (3.0, 4.0)
    assert (found["hubspot"].budget, found["emea"].budget) == (4.0, 26.0)
    assert list(freshness.stale_sources(portal.settings, now + timedelta(hours=5))) == ["hubspot"]
    assert freshness.stale_sources(portal.settings, now + timedelta(hours=5), through={"hubspot"}) == {}
    assert freshness.ages(portal.settings, AS_OF - timedelta(days=90))["hubspot"].hours == 0.0


def test_a_source_that_never_came_through_is_unknown_and_would_hold_a_freeze(settings: Settings) -> None:
    [age] = freshness.stale_sources(settings, AS_OF).values()
    assert (age.source, age.hours, age.stale) == ("hubspot", None, False)


def test_the_outcome_carries_the_ages(portal: Portal) -> None:
    portal.run(OUTAGE, hours=2)
    kept = json.loads(portal.home.last_run.read_text())["sources"]["hubspot"]
    assert (kept["age_hours"], kept["budget_hours"], kept["stale"]) == (2.0, 4.0, False)
