"""What `funnel check` says that funnel.yml would change, against a publication and a warehouse written by hand."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ingestion.config import Config
from ingestion.settings import Settings
from orchestration import preview
from tests.orchestration.conftest import settings_of

PUBLISHED = """
    create schema marts; create schema meta;
    create table meta.publications as select timestamptz '2026-05-01 00:00:00+00' as as_of, now() as finished;
    create table marts.dim_pipelines as from (values
        ('h:p', 'Sales', true, false), ('h:r', 'Renewals', true, true), ('h:x', 'Old', false, false)
    ) t(pipeline_key, pipeline_name, is_included, is_renewal_pipeline);
    create table marts.dim_stages as from (values
        ('h:p:a', 'h:p', 'Talks', 'meeting'), ('h:p:won', 'h:p', 'Won', 'won'), ('h:p:gone', 'h:p', 'gone', 'unknown'),
        ('h:p:set', 'h:p', 'Set', 'void'), ('h:r:a', 'h:r', 'Due', 'meeting'), ('h:x:a', 'h:x', 'Old', 'void')
    ) t(stage_key, pipeline_key, stage_name, stage_category);
    create table marts.dim_teams as from (values ('h:1', 'East'), ('h:2', 'West')) t(team_key, team_name);
    create table marts.dim_owners as from (values
        ('h:7', 'Ann', 'h:1'), ('h:8', 'Bo', null), ('h:9', 'Cy', 'h:2')) t(owner_key, owner_name, team_key);
    create table marts.dim_deals as
        select 'h' as source, deal_key, pipeline_key, stage_key, owner_key, deal_type, amount_reporting, is_deleted
        from (values
            ('h:d1', 'h:p', 'h:p:a', 'h:7', 'new_business', 10.5::decimal(18, 2), false),
            ('h:d2', 'h:p', 'h:p:a', 'h:8', 'upsell', 20, false),
            ('h:d3', 'h:p', 'h:p:gone', 'h:9', 'other', null, false),
            ('h:d4', 'h:r', 'h:r:a', 'h:7', 'renewal', 40, false),
            ('h:d5', 'h:p', 'h:p:a', 'h:7', 'upsell', 99, true)
        ) t(deal_key, pipeline_key, stage_key, owner_key, deal_type, amount_reporting, is_deleted);
    create table marts.fct_deal_events as select deal_key, 'deal_type' as field, new_value, effective_at, 0 as sequence
        from (values
            ('h:d1', 'newbusiness', timestamptz '2026-01-01 00:00:00+00'),
            ('h:d2', 'newbusiness', '2026-01-01 00:00:00+00'), ('h:d2', 'existingbusiness', '2026-02-01 00:00:00+00'),
            ('h:d3', 'newbusiness', '2026-01-01 00:00:00+00'), ('h:d3', null, '2026-02-01 00:00:00+00')
        ) t(deal_key, new_value, effective_at)"""
WAREHOUSE = """
    create schema intermediate; create schema staging; create schema meta;
    create table intermediate.int_stage_listings as select *, true as is_latest from (values
        ('h:p:a', false, false, 'meeting'), ('h:p:won', true, false, 'closing'), ('h:p:set', false, false, 'proposal'),
        ('h:r:a', false, false, 'meeting'), ('h:x:a', false, false, 'meeting')
    ) t(stage_key, is_won, is_lost, inferred_category);
    create table staging.stage_map (source varchar, pipeline_id varchar, stage_id varchar, stage_category varchar,
        valid_from date, valid_to date);
    create table intermediate.int_owners as from (values ('h:7', 'h:1'), ('h:8', null), ('h:9', 'h:1'))
        t(owner_key, team_key);
    create table intermediate.int_teams as from (values ('h:1', 'East'), ('h:2', 'West')) t(team_key, team_name);
    create table meta.configured_teams as select 'h' as source, '9' as source_owner_id, null::date as valid_from,
        'West' as team_name"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("home")
    (root / "published" / "current").mkdir(parents=True)
    for path, sql in (
        (root / "published" / "current" / "funnel.duckdb", PUBLISHED),
        (root / "warehouse.duckdb", WAREHOUSE),
    ):
        with duckdb.connect(str(path)) as connection:
            connection.execute(sql)
    return root


def changed(home: Path, **config: object) -> list[tuple[str, str, str, str, int, Decimal]]:
    settings: Settings = dataclasses.replace(settings_of(home, "h"), config=Config.model_validate(config))
    found = preview.changes(settings)
    assert found["note"] is None
    return [(r["kind"], r["key"], r["before"], r["after"], r["deals"], r["amount"]) for r in found["changes"]]


AS_BUILT = {
    "pipelines": {"h": ["p", "r"]},
    "stages": {"h": {"p": {"set": "void"}}},
    "teams": {"h": {"9": "West"}},
}


def test_what_it_was_built_with_changes_nothing(home: Path) -> None:
    assert changed(home, **AS_BUILT) == []


def test_pipelines_that_leave_and_come(home: Path) -> None:
    """Stages and deals of one that leaves are not told of once more."""
    assert changed(home, **AS_BUILT | {"pipelines": {"h": ["p", "x"]}}) == [
        ("pipeline", "h:r", "counts", "left out", 1, Decimal(40)),
        ("pipeline", "h:x", "left out", "counts", 0, 0),
    ]


def test_stages_that_are_set_or_no_longer_set(home: Path) -> None:
    """Without its setting a stage is what the CRM's flags or the guess make of it. Deleted deals stand nowhere."""
    stages = {"h": {"p": {"a": "proposal", "gone": "lost"}}}
    assert changed(home, **AS_BUILT | {"stages": stages}) == [
        ("stage", "h:p:a", "meeting", "proposal", 2, Decimal("30.50")),
        ("stage", "h:p:gone", "unknown", "lost", 1, 0),
        ("stage", "h:p:set", "void", "proposal", 0, 0),
    ]


def test_deal_types_by_the_word_in_force(home: Path) -> None:
    """The second deal was new business once; the third's word was cleared, so that the pipeline tells."""
    types = {"h": {"values": {"NEWBUSINESS": "upsell"}, "pipelines": {"p": "renewal"}}}
    assert changed(home, **AS_BUILT, deal_types=types) == [
        ("deal type", "h:p", "new_business", "upsell", 1, Decimal("10.50")),
        ("deal type", "h:p", "other", "renewal", 1, 0),
        ("deal type", "h:p", "upsell", "renewal", 1, Decimal(20)),
    ]


def test_teams_of_now_and_of_other_days(home: Path) -> None:
    """Bo moved before as-of, Ann will only after it; Cy, no longer set, is where the CRM has him."""
    teams = {"h": {"7": {"2026-05-01": "West"}, "8": {"2026-01-01": "East", "2026-04-30": "Own"}}}
    assert changed(home, **AS_BUILT | {"teams": teams}) == [
        ("team", "h:7", "East", "East (from another day on)", 2, Decimal("50.50")),
        ("team", "h:8", "no team", "Own", 1, Decimal(20)),
        ("team", "h:9", "West", "East", 1, 0),
    ]


def test_what_cannot_be_told_is_said(home: Path, tmp_path: Path) -> None:
    assert preview.changes(settings_of(tmp_path, "h")) == {"changes": [], "note": None}
    (tmp_path / "published" / "current").mkdir(parents=True)
    for path in (tmp_path / "published" / "current" / "funnel.duckdb", tmp_path / "warehouse.duckdb"):
        duckdb.connect(str(path)).close()
    assert preview.changes(settings_of(tmp_path, "h"))["note"] == preview.OLDER
    assert preview.text({"changes": [], "note": None}, "EUR")[-1] == "  nothing"
