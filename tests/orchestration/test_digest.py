"""The digest: once a period after a good run, of what is published; no names but owners'; a refusal is tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.config import Config, read_config
from ingestion.errors import ConfigError
from ingestion.settings import Secret, Settings
from orchestration import digest, signals, webhook
from orchestration.errors import WrongUse
from orchestration.home import Home
from orchestration.runner import Outcome
from tests.orchestration.conftest import session_of
from tests.orchestration.receiver import Receiver

TABLES = """
    create schema marts;
    create table marts.dim_pipelines as select 'h:p' as pipeline_key, 'Sales' as pipeline_name;
    create table marts.dim_owners as select * from (values ('h:1', 'Ada'), ('h:2', 'Bo'), ('h:3', 'Cy'))
        t (owner_key, owner_name);
    create table marts.dim_stages as select 'h:p:s' as stage_key, 'Proposal' as stage_name;
    create table marts.mart_open_deals as select *, 'h:p:s' as stage_key, 'EUR' as currency,
        date '2026-04-30' as close_date, 3.0 as days_in_stage, 'https://crm/' || deal_key as source_url
        from (values ('h:a', 'Jane Doe jane@x.org', 'h:1', 10.00, true, true, 2),
                     ('h:b', 'Quiet', 'h:2', 20.00, false, false, 1),
                     ('h:c', 'Fine', 'h:2', 30.00, true, false, 3),
                     ('h:d', 'Pushed', null, null, null, false, 4),
                     ('h:e', 'Pushed long ago', 'h:1', 1.00, true, false, 5))
            t (deal_key, deal_name, owner_key, amount, has_next_step, is_stalled, priority_rank);
    create table marts.fct_deal_events as select *, 'close_date' as field from (values
        ('h:d', '2026-04-30', '2026-05-02', timestamptz '2026-04-09 10:00+00'),
        ('h:c', '2026-04-02', '2026-04-30', timestamptz '2026-04-09 10:00+00'),
        ('h:e', '2026-04-30', '2026-05-02', timestamptz '2026-03-09 10:00+00'))
        t (deal_key, old_value, new_value, effective_at);
    create table marts.mart_rep_performance_monthly as select date '2026-04-01' as month, * from (values
        ('h:1', 100.00, 60.00, 0.2), ('h:1', 0.00, 15.00, 0.2), ('h:2', 100.00, 30.00, 0.6),
        ('h:3', 100.00, 69.00, 0.49))
        t (owner_key, quota, won_amount, p_attain);
    create table marts.forecast_current as select 'total' as component, 'all' as segment_type,
        date '2026-04-01' as target_month, 500.00 as expected_revenue, 100.00 as p10, 900.00 as p90,
        600.00 as quota_amount;
    create table marts.fct_pipeline_movements as select *, 'all_open' as basis, 'EUR' as currency, 0 as step
        from (values ('created', 50.00, timestamptz '2026-03-01 10:00+00'),
            ('won', -20.00, timestamptz '2026-04-09 10:00+00'))
        t (movement, amount, occurred_at);"""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(webhook, "WAITS", (0.0, 0.0))
    with Receiver() as made:
        yield made


@pytest.fixture
def home(settings: Settings, receiver: Receiver) -> Settings:
    folder = settings.published / "releases" / "R"
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "funnel.duckdb")) as connection:
        connection.execute(TABLES)
    (settings.published / "current").symlink_to("releases/R")
    config = Config.model_validate({"digest": {"every": "day"}})
    made = replace(settings, digest_webhook=Secret(receiver.url), config=config)
    as_of(made, "2026-04-10T00:00:00+00:00")
    return made


def as_of(settings: Settings, instant: str) -> None:
    manifest = {"id": "R", "as_of": instant, "tables": {"marts.fct_pipeline_movements": {}}}
    (settings.published / "current" / "manifest.json").write_text(json.dumps(manifest))


def test_what_it_tells(home: Settings) -> None:
    made: dict[str, Any] = digest.collect(home)
    assert (made["period"], made["since"]) == ("2026-04-09", "2026-04-08T00:00:00+00:00")
    follow = made["follow_ups"]
    assert [(row["deal_key"], row["why"], row["source_url"]) for row in follow["deals"]] == [
        ("h:b", ["no next step"], "https://crm/h:b"),
        ("h:a", ["stalled"], "https://crm/h:a"),
        ("h:d", ["pushed again"], "https://crm/h:d"),
    ]
    assert (follow["count"], follow["without_next_step"], follow["is_stalled"], follow["pushed_again"]) == (3, 1, 1, 1)
    assert [(row["owner_name"], row["share"]) for row in made["quotas"]] == [("Ada", 0.75), ("Bo", 0.3)]
    assert made["changes"]["EUR"]["opening"]["amount"] == "50.00"
    for words in ("2026-04: 500 EUR expected", "Open EUR: 30 (won -20 (1))", "Ada 75% (25 EUR to go, probability 20%)",
                  "- Ada · 10 EUR · Proposal · stalled https://crm/h:a", "- no owner · no amount"):  # fmt: skip
        assert words in made["text"], words


def test_names_of_deals_only_where_they_are_asked_for_and_never_an_address(home: Settings) -> None:
    assert "Jane" not in json.dumps(digest.collect(home))
    named = Config.model_validate({"digest": {"every": "day", "deal_names": True, "deals": 2}})
    made = digest.collect(replace(home, config=named))
    assert "Jane Doe <e-mail> · Ada" in made["text"]
    assert "jane@x.org" not in json.dumps(made)
    assert "- and 1 more" in made["text"]


def test_once_a_day_and_from_the_last_one_on(home: Settings, receiver: Receiver) -> None:
    assert digest.send_due(home)
    assert not digest.send_due(home)
    as_of(home, "2026-04-08T12:00:00+00:00")
    assert not digest.send_due(home)  # an older publication
    as_of(home, "2026-04-11T09:00:00+00:00")
    assert digest.send_due(home)
    assert [(post["period"], post["since"]) for post in receiver.posts] == [
        ("2026-04-09", "2026-04-08T00:00:00+00:00"),
        ("2026-04-11", "2026-04-10T00:00:00+00:00"),
    ]


def test_once_a_week_from_monday_on(home: Settings, receiver: Receiver) -> None:
    weekly = replace(home, config=Config())
    sent = []
    for day in ("10", "12", "13", "14"):  # Friday to Tuesday
        as_of(home, f"2026-04-{day}T09:00:00+00:00")
        sent.append(digest.send_due(weekly))
    assert sent == [True, False, True, False]
    assert [post["period"] for post in receiver.posts] == ["2026-W15", "2026-W16"]


def test_a_refusal_fails_nothing_and_the_next_run_tries_again(home: Settings, receiver: Receiver) -> None:
    receiver.status = 500
    outcome = Outcome(0, "Published.", "run-1", "2026-04-10T00:00:00+00:00", "2026-04-10T00:00:00+00:00")
    session = session_of(home)
    signals.after(session, outcome)
    assert (receiver.tries, receiver.posts) == (webhook.TRIES, [])
    assert not Home(home.home).digest.exists()
    receiver.status = 200
    signals.after(session, outcome)
    signals.after(session, outcome)
    assert [post["kind"] for post in receiver.posts] == ["digest"]
    assert receiver.url not in Home(home.home).digest.read_text()


def test_no_digest_after_a_bad_run_or_without_a_webhook(home: Settings, receiver: Receiver) -> None:
    signals.after(session_of(home), Outcome(3, "Refused.", "run-1", "2026-04-10T00:00:00+00:00", ""))
    signals.after(
        session_of(replace(home, digest_webhook=None)), Outcome(0, "", "run-1", "2026-04-10T00:00:00+00:00", "")
    )
    assert receiver.tries == 0
    with pytest.raises(WrongUse, match="FUNNEL_DIGEST_WEBHOOK is not set"):
        digest.send(replace(home, digest_webhook=None))


def test_a_broken_publication_is_no_error_of_the_run(home: Settings, receiver: Receiver) -> None:
    (home.published / "releases" / "R" / "funnel.duckdb").unlink()
    assert not digest.send_due(home)
    assert receiver.tries == 0


def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "funnel.yml"
    file.write_text("digest:\n  every: hour\n")
    with pytest.raises(ConfigError, match=r"line 2: digest\.every"):
        read_config(file)
