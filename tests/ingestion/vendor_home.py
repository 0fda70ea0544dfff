"""A home that syncs one account of a CRM's stand-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ingestion.extract import extract
from ingestion.landing import Landing
from ingestion.loading import load_new, open_warehouse, read_state
from ingestion.sandbox.serve import Sandbox
from ingestion.settings import Settings, load_settings
from ingestion.stream import StreamReport


def environment(vendor: str, sandbox: Sandbox, **changed: str) -> dict[str, str]:
    """Variables that connect `vendor` to its stand-in; `changed`: credentials by the ends of their names."""
    other = {f"{vendor.upper()}_{suffix}": value for suffix, value in changed.items()}
    return sandbox.accounts()[vendor] | other | {"FUNNEL_PII_KEY": "test"}


@dataclass
class Home:
    """One connection of `vendor` to `sandbox`, its folder `path`."""

    path: Path
    vendor: str
    sandbox: Sandbox
    changed: dict[str, str] = field(default_factory=dict)
    """Credentials that differ from the good ones."""

    @property
    def settings(self) -> Settings:
        return load_settings(environment(self.vendor, self.sandbox, **self.changed), self.path)

    def sync(self, **options: Any) -> dict[str, StreamReport]:
        """Extract and load; the report of each stream."""
        given = self.settings
        state = read_state(given.warehouse, self.vendor, self.vendor, options.get("as_of"))
        reports = extract(given, {self.vendor: state}, **options)
        load_new(given.warehouse, given.landing)
        return {report.stream: report for report in reports}

    def good(self, **options: Any) -> dict[str, StreamReport]:
        """A sync without errors."""
        reports = self.sync(**options)
        assert [str(report.error) for report in reports.values() if report.error] == []
        return reports

    def query(self, sql: str) -> list[tuple]:
        with open_warehouse(self.path / "warehouse.duckdb", read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def newest(self, stream: str) -> dict[str, Any]:
        """{id: newest version} of a stream."""
        sql = f"""select record_id, arg_max(record::varchar, (window_seq, part, line))
                  from raw.{self.vendor}__{stream} group by record_id"""
        return {id: orjson.loads(text) for id, text in self.query(sql)}

    def absent(self, name: str) -> set[str]:
        sql = f"select record ->> 'object_id' from raw.{self.vendor}__absences where record ->> 'object' = '{name}'"
        return {id for (id,) in self.query(sql)}

    def landed(self) -> set[str]:
        """Streams of which a window is complete."""
        return {window.stream for window in Landing(self.settings.landing).windows()}
