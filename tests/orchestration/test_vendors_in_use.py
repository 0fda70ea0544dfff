"""Which vendors a run has steps of."""

from __future__ import annotations

from ingestion.registry import vendors
from ingestion.settings import Connection
from orchestration.ingest import in_use, ingest_assets


def connection(vendor: str) -> Connection:
    return Connection(f"my {vendor}", vendor, "https://example.com", {})


def test_a_vendor_that_nobody_connected_has_no_step_and_no_asset() -> None:
    assert [vendor.name for vendor in in_use([connection("hubspot")])] == ["cbr", "ecb", "hubspot"]
    both = {vendor.name for vendor in in_use([connection("hubspot"), connection("salesforce")])}
    assert both == {"cbr", "ecb", "hubspot", "salesforce"}
    keys = {key.path[-1] for asset in ingest_assets([connection("salesforce")]) for key in asset.keys}
    assert {"salesforce__opportunities", "ecb__daily_rates"} <= keys
    assert not any(key.startswith("hubspot__") for key in keys)


def test_before_anything_is_connected_all_are_there() -> None:
    assert {vendor.name for vendor in in_use([])} == set(vendors()) == {v.name for v in in_use([connection("ecb")])}
