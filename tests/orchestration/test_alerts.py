"""One alert a surprise: told when it is new or grows, never repeated, told once more when it is over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.settings import Secret
from orchestration import webhook
from orchestration.alerts import Alert, Book, Origin, raise_alert, settle
from orchestration.home import Home
from tests.orchestration.conftest import session_of, settings_of
from tests.orchestration.receiver import Receiver

FAILED = Alert("source_failed", "emea failed", "Its token was refused.", subject="emea", runbook="token-refused")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "WAITS", (0.0,))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


class Runs:
    """Runs of one home, of which only the alerts matter; the book is read and written by each."""

    def __init__(self, folder: Path, address: str | None) -> None:
        folder.mkdir(exist_ok=True)
        self.origin = Origin(replace(settings_of(folder), alert_webhook=Secret(address) if address else None), "run-1")
        self.book = Book(Home(folder))

    def run(self, *alerts: Alert, looked: bool = True) -> None:
        book = Book(Home(self.origin.settings.home))
        settle(book, self.origin, alerts, lambda kind, subject: looked)
        book.save()
        self.book = Book(Home(self.origin.settings.home))


@pytest.fixture
def runs(tmp_path: Path, receiver: Receiver) -> Runs:
    return Runs(tmp_path / "home", receiver.url)


def test_an_ongoing_problem_is_told_once_and_its_end_once(runs: Runs, receiver: Receiver) -> None:
    for _ in range(3):
        runs.run(FAILED)
    assert receiver.told() == [("raised", "source_failed", "emea")]
    assert list(runs.book.open) == ["source_failed|emea"]
    runs.run()
    runs.run()
    assert receiver.told() == [("resolved", "source_failed", "emea")]
    assert runs.book.open == {}
    runs.run(FAILED)
    assert receiver.told() == [("raised", "source_failed", "emea")]


def test_a_run_that_could_not_notice_resolves_nothing(runs: Runs, receiver: Receiver) -> None:
    runs.run(FAILED)
    runs.run(looked=False)
    assert receiver.told() == [("raised", "source_failed", "emea")]
    assert list(runs.book.open) == ["source_failed|emea"]


def test_a_new_member_is_a_new_surprise_a_lesser_one_is_not(runs: Runs, receiver: Receiver) -> None:
    def refused(*checks: str) -> Alert:
        return Alert("audit_refused", "refused", "…", "critical", members=frozenset(checks))

    runs.run(refused("a"))
    runs.run(refused("a", "b"))
    runs.run(refused("b"))
    runs.run(refused("a", "b"))
    assert [post["details"]["members"] for post in receiver.posts] == [["a"], ["a", "b"]]


def test_events_that_are_over_are_told_once_and_never_resolved(runs: Runs, receiver: Receiver) -> None:
    gone = Alert("schema_changed", "a property is gone", "…", subject="hubspot", members=frozenset({"x"}), once=True)
    runs.run(gone)
    runs.run()
    runs.run(gone)
    runs.run(replace(gone, members=frozenset({"y"})))
    assert receiver.told() == [("raised", "schema_changed", "hubspot")] * 2
    assert runs.book.open == {}


def test_payload_says_everything_in_text_and_in_fields(runs: Runs, receiver: Receiver) -> None:
    runs.run(replace(FAILED, severity="critical", details={"hours": 5}))
    [post] = receiver.posts
    assert post["text"] == ("[funnel] emea failed\nIts token was refused.\nWhat to do: docs/runbooks/token-refused.md")
    assert (post["severity"], post["run_id"], post["runbook"]) == (
        "critical",
        "run-1",
        "docs/runbooks/token-refused.md",
    )
    assert post["home"] == str(runs.origin.settings.home)
    assert post["details"] == {"hours": 5}


def test_a_webhook_that_is_down_is_logged_and_told_later(
    runs: Runs, receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("funnel"), "propagate", True)
    receiver.status = 503
    runs.run(FAILED, Alert("run_failed", "t", "t"), Alert("schema_changed", "t", "t", once=True))
    assert receiver.tries == webhook.TRIES  # one call is tried again, then the others are left for the next run
    assert "FUNNEL_ALERT_WEBHOOK did not take the call: HTTP 503" in caplog.text
    assert "docs/runbooks/webhook-down.md" in caplog.text
    assert "secret-path" not in caplog.text
    receiver.status = 200
    runs.run(FAILED)
    assert receiver.told() == [("raised", "schema_changed", ""), ("raised", "source_failed", "emea")]


def test_the_end_of_a_problem_waits_for_the_webhook_too(runs: Runs, receiver: Receiver) -> None:
    runs.run(FAILED)
    receiver.status = 500
    runs.run()
    receiver.status = 200
    runs.run()
    runs.run()
    assert receiver.told() == [("raised", "source_failed", "emea"), ("resolved", "source_failed", "emea")]


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    dead = Runs(tmp_path / "dead", "http://127.0.0.1:9/hook")
    dead.run(FAILED)
    assert dead.book.open["source_failed|emea"]["told"] is False
    assert not webhook.beat(Secret("http://127.0.0.1:9/beat"))


def test_without_a_webhook_the_book_is_kept_and_a_later_webhook_hears_what_still_holds(
    tmp_path: Path, receiver: Receiver
) -> None:
    Runs(tmp_path / "home", None).run(FAILED, Alert("schema_changed", "t", "t", once=True))
    Runs(tmp_path / "home", receiver.url).run(FAILED)
    assert receiver.told() == [("raised", "source_failed", "emea")]


def test_a_damaged_book_begins_anew(runs: Runs, receiver: Receiver) -> None:
    runs.run(FAILED)
    Home(runs.origin.settings.home).alerts.write_text('{"open": {')
    runs.run(FAILED)
    assert len(receiver.told()) == 2


def test_alerts_about_the_same_thing_in_one_run_are_one(tmp_path: Path, receiver: Receiver) -> None:
    runs = Runs(tmp_path / "home", receiver.url)
    session = session_of(runs.origin.settings)
    for stage in ("hubspot:default:a", "hubspot:default:b"):
        raise_alert(session, "stage_changed", f"{stage} is new", "…", members={stage})
    runs.run(*session.alerts)
    [post] = receiver.posts
    assert post["details"]["members"] == ["hubspot:default:a", "hubspot:default:b"]
