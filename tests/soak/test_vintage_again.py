"""A closed month over the real thing: `funnel run --known-at` makes its vintage again from landing, row for row."""

# ruff: noqa: F811 (pytest finds fixtures by the names of arguments)

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from ingestion.landing import Landing
from tests.e2e.conftest import Story, beginning  # noqa: F401 a fixture
from tests.e2e.product import ended

CUT_OFF = "2026-06-10T00:00"
FIGURES = "target_month, component, segment_type, segment, horizon_months, expected_revenue, p10, p50, p90, currency, "
FIGURES += "quota_amount, crm_weighted_amount, naive_amount, method_version, is_within_calibration, note"


def test_the_frozen_vintage_equals_a_run_as_known_then(beginning: Story, tmp_path: Path) -> None:
    product = beginning.chapters[0].left.copy(tmp_path / "home")
    for window in Landing(
        product.home / "landing"
    ).windows():  # as if the first run had been on the last evening of May
        file = window.folder / "window.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"extracted_at": "2026-05-31T20:00:00+00:00"}))
    waived = ("--waive", "extracted", "--reason", "one run only", "--by", "Ada", "--expires", "2999-01-01")
    closed = ended(product.start("close", "2026-05", *waived))
    assert closed.code == 0, closed.text
    current = product.current.readlink()
    out = tmp_path / "again"
    again = ended(product.start("run", "--known-at", CUT_OFF, "--out", str(out)))
    assert again.code == 0, again.text
    assert product.current.readlink() == current
    with duckdb.connect() as connection:
        connection.execute(f"attach '{out / 'funnel.duckdb'}' as again (read_only)")
        made = connection.execute(
            f"select {FIGURES} from again.marts.forecast_monthly where as_of_month_end = '2026-05-31' order by all"
        ).fetchall()
        frozen = connection.execute(
            f"""select {FIGURES} from '{product.home}/vintages/2026-05.parquet'
                where part = 'frozen_forecasts' order by all"""
        ).fetchall()
    assert len(frozen) > 100
    assert made == frozen
