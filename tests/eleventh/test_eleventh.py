"""The recipe's proof: a vendor that exists in this folder alone, by its three pieces. The marts: tests/soak."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion import registry
from ingestion.errors import ConfigError
from ingestion.extract import extract
from ingestion.loading import load_new, open_warehouse, read_state
from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import Settings, load_settings
from orchestration import dbt_build, vendor_package
from orchestration.home import Home
from orchestration.ingest import ingest_assets

VENDORS = Path(__file__).parent / "vendors"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(VENDORS, tmp_path / "vendors")
    yield tmp_path
    registry.use_own(tmp_path / "none")


@pytest.fixture
def connected(home: Path) -> Iterator[tuple[Sandbox, Settings]]:
    with Sandbox(World(seed=5, deals=5), vendors=home / "vendors") as sandbox:
        yield sandbox, load_settings({"BALLOON_KEY": "balloon-key", "BALLOON_API_BASE": f"{sandbox.url}/balloon"}, home)


def test_its_figures_are_landed_and_loaded_and_it_has_steps_and_checks(connected: tuple[Sandbox, Settings]) -> None:
    _, settings = connected
    [connection] = settings.connections
    assert connection.vendor == "balloon"
    reports = extract(settings, {"balloon": read_state(settings.warehouse, "balloon", "balloon")})
    assert [report.error for report in reports] == [None, None]
    load_new(settings.warehouse, settings.landing)
    with open_warehouse(settings.warehouse, read_only=True) as warehouse:
        counted = warehouse.execute(
            "select count(*), sum(cast(record ->> '$.cost' as decimal(18, 2))) from raw.balloon__campaign_days"
        ).fetchone()
    assert counted is not None
    assert counted[0] >= 10
    assert counted[1] == Decimal("123.45") * counted[0]
    assert registry.vendors()["balloon"].check(connection, {})[0].detail == "1 banners"
    keys = {key.path[-1] for asset in ingest_assets(settings.connections) for key in asset.keys}
    assert {"balloon__campaigns", "balloon__campaign_days"} <= keys


def test_its_models_are_a_package_while_it_is_connected_and_the_marts_are_told_of_it(
    connected: tuple[Sandbox, Settings],
) -> None:
    _, settings = connected
    told = json.loads(dbt_build.variables(settings))
    assert told["ad_vendors"] == ["balloon"]
    assert told["marketing"] == {"campaign_days": ["balloon"], "campaigns": ["balloon"]}
    with_it = dbt_build.fingerprint(settings)
    dbt_build.sync_packages(settings)
    package = Home(settings.home).packages / vendor_package.PACKAGE
    assert (package / "models/staging/balloon/stg_balloon__campaigns.sql").exists()
    assert dbt_build.fingerprint(settings) != with_it  # its models are part of what is built
    dbt_build.sync_packages(load_settings({}, settings.home))
    assert not package.exists()


@pytest.mark.parametrize(
    ("folder", "text", "reason"),
    [
        ("balloon", "import nothing_of_the_kind", r"vendors/balloon/source.py cannot be imported: ModuleNotFoundError"),
        ("balloon", "VENDOR = 7", r"vendors/balloon/source.py declares no VENDOR"),
        ("kite", (VENDORS / "balloon/source.py").read_text(), "the vendor is called 'balloon', its folder 'kite'"),
        (
            "hubspot",
            (VENDORS / "balloon/source.py").read_text().replace('"balloon"', '"hubspot"'),
            "funnel has a vendor hubspot of its own",
        ),
    ],
)
def test_a_vendor_that_is_none_is_wrong_configuration(home: Path, folder: str, text: str, reason: str) -> None:
    path = home / "vendors" / folder / "source.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason):
        load_settings({}, home)
