"""Merges, deletions and imports by the dozen are told once; what the first sync brought, or a person clicks, is not."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from ingestion.settings import Settings
from orchestration.home import Home
from orchestration.published import query
from orchestration.wave_signals import wave_alerts
from tests.orchestration.conftest import AS_OF, session_of

LIVE = 500


@pytest.fixture
def told(settings: Settings):
    """Publish deals with events of one field, and ask what is told: (kind, members, text)."""

    def ask(field: str, deals: int, *, days_ago: float = 0.5, read_at_once: bool = False, batch: str | None = None):
        release = Home(settings.home).published / "releases" / "R"
        release.mkdir(exist_ok=True)
        (release / "funnel.duckdb").unlink(missing_ok=True)
        at = AS_OF - timedelta(days=days_ago)
        read = at if read_at_once else AS_OF
        with duckdb.connect(str(release / "funnel.duckdb")) as connection:
            connection.execute("create schema marts")
            connection.execute(
                """create table marts.dim_deals as select 'hubspot:' || i as deal_key, 'hubspot' as source,
                     i <= $1 and $2 <> 'stage' as is_deleted, 10.5 as amount_reporting,
                     case when i <= $1 and $2 = 'merged_into' then 'hubspot:99999' end as merged_into_deal_key,
                     case when i <= $1 then $3 end as import_batch_id from range(1, $4) r(i)""",
                [deals, field, batch, LIVE + deals + 1],
            )
            connection.execute(
                """create table marts.fct_deal_events as select 'hubspot:' || i as deal_key, 'hubspot' as source,
                     $1 as field, 'true' as new_value, $2::timestamptz as effective_at, $3::timestamptz as recorded_at
                   from range(1, $4) r(i)""",
                [field, at, read, deals + 1],
            )
        link = Home(settings.home).published / "current"
        if not link.is_symlink():
            link.symlink_to(release)
        assert query(link, "select count(*) as n from marts.dim_deals")[0]["n"] == LIVE + deals
        return [(a.kind, sorted(a.members), a.text) for a in wave_alerts(session_of(settings))]

    return ask


@pytest.mark.parametrize(("field", "kind"), [("merged_into", "merge_wave"), ("deleted", "deletion_wave")])
def test_a_wave_is_told_with_its_day_and_money(told, field: str, kind: str) -> None:
    [(found, members, text)] = told(field, 24)
    assert (found, members) == (kind, [f"{AS_OF - timedelta(days=0.5):%Y-%m-%d}"])
    assert text.startswith("24 of 500 deals were ")
    assert "252 in the reporting currency" in text


def test_what_a_person_clicks_away_is_not(told) -> None:
    assert told("merged_into", 19) == []
    assert len(told("merged_into", 20)) == 1


def test_the_first_sync_brings_no_news_and_old_waves_are_history(told) -> None:
    assert told("merged_into", 60, read_at_once=True) == []
    assert told("merged_into", 60, days_ago=3) == []
    assert told("deleted", 60, days_ago=-1) == []


def test_a_bulk_import_is_told_by_its_batch(told) -> None:
    [(kind, members, text)] = told("stage", 30, batch="import:77")
    assert (kind, members) == ("bulk_import", ["import:77"])
    assert "30 deals, 315 in the reporting currency" in text
    assert told("stage", 19, batch="import:77") == []
    assert told("stage", 30, batch="import:77", days_ago=5) == []
