"""`funnel run --known-at`: the past made again beside, as a release that is never current or in a folder of one's own.

That what it makes equals the frozen vintage is in tests/soak/test_vintage_again.py: it takes two whole builds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.settings import Settings
from orchestration import cli, reproduce, warehouse
from orchestration.errors import AuditRefused, WrongUse
from orchestration.home import Home, read_json
from orchestration.ledger import Check
from orchestration.publish import publish
from orchestration.session import Session
from tests.orchestration.conftest import fill, session_of

KNOWN = datetime(2026, 4, 9, tzinfo=UTC)


@pytest.fixture
def asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[tuple[datetime, datetime]]:
    """A home with a publication, and a build beside whose figures are 7; what was asked of it."""
    now = session_of(settings)
    fill(now, 1)
    publish(now)
    calls = []

    @contextmanager
    def remade(settings: Settings, as_of: datetime, say: Any, *, known_at: datetime) -> Iterator[Session]:
        calls.append((as_of, known_at))
        beside = settings.home / "rebuild"
        beside.mkdir()
        made = session_of(replace(settings, home=beside), "remade", as_of)
        fill(made, 7)
        yield made

    monkeypatch.setattr(reproduce, "remade", remade)
    return calls


def made_again(settings: Settings, as_of: str | None, known_at: str, out: Path | None = None) -> dict[str, Any]:
    return reproduce.reproduce(settings, as_of, known_at, out, say=lambda text: None)


def value(database: Path) -> Any:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute("select distinct value from marts.dim_deals").fetchall()


def test_a_vintage_is_a_release_that_was_never_current(
    settings: Settings, asked: list[tuple[datetime, datetime]]
) -> None:
    home = Home(settings.home)
    current, last_run = (home.published / "current").readlink(), read_json(home.last_run)
    done = made_again(settings, "2026-03-31", "2026-04-09T00:00:00Z")
    assert asked == [(datetime(2026, 4, 1, tzinfo=UTC), KNOWN)]
    release = home.published / "releases" / done["publication"]
    manifest = json.loads((release / "manifest.json").read_text())
    assert (manifest["published"], manifest["as_of"]) == (False, "2026-04-01T00:00:00+00:00")
    assert value(release / "funnel.duckdb") == [(7,)]
    assert value(settings.warehouse) == value(home.published / "current" / "funnel.duckdb") == [(1,)]
    assert ((home.published / "current").readlink(), read_json(home.last_run)) == (current, last_run)
    with warehouse.connect(settings.warehouse, read_only=True) as connection:
        assert connection.execute("select count(*) from meta.publications").fetchone() == (2,)


def test_it_goes_to_an_empty_folder_where_one_is_named(
    settings: Settings, asked: list[tuple[datetime, datetime]], tmp_path: Path
) -> None:
    out = tmp_path / "vintage"
    out.mkdir()
    done = made_again(settings, None, "2026-04-09T00:00:00Z", out)
    assert asked == [(KNOWN, KNOWN)]
    assert (done["publication"], done["path"]) == (None, str(out))
    assert value(out / "funnel.duckdb") == [(7,)]
    assert (out / "parquet" / "dim_deals.parquet").exists()
    assert len(list((Home(settings.home).published / "releases").iterdir())) == 1
    with pytest.raises(WrongUse, match="is not an empty folder"):
        made_again(settings, None, "2026-04-09T00:00:00Z", out)


def test_what_cannot_have_been_known_or_is_refused_leaves_nothing(
    settings: Settings, asked: list[tuple[datetime, datetime]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WrongUse, match="what happened in between was not known"):
        made_again(settings, "2026-04-09", "2026-04-09T12:00")
    with pytest.raises(WrongUse, match="--known-at 2999-01-01 lies after the wall clock"):
        made_again(settings, None, "2999-01-01")
    assert asked == []
    working = reproduce.remade

    @contextmanager
    def refusing(*given: Any, **more: Any) -> Iterator[Session]:
        with working(*given, **more) as made:
            made.refused.append(Check("unique_deal_key", "marts.dim_deals", "fail", "dbt", 1))
            yield made

    monkeypatch.setattr(reproduce, "remade", refusing)
    with pytest.raises(AuditRefused, match="unique_deal_key"):
        made_again(settings, None, "2026-04-09")
    assert len(list((Home(settings.home).published / "releases").iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--out", "x"], "--out goes with --known-at only"),
        (["--known-at", "2026-04-09", "--full"], "--known-at goes with --as-of and --out only"),
        (["--known-at", "2026-04-09", "--publish"], "--known-at goes with --as-of and --out only"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", *arguments]) == 2
    assert told in capsys.readouterr().err
