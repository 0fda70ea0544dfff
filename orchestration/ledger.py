"""What the audit found and what was accepted or published before, kept in schema meta of the warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from orchestration import warehouse

RUNS_KEPT = 50
Status = Literal["pass", "warn", "fail", "error"]
REFUSING = ("fail", "error")


@dataclass(frozen=True)
class Check:
    """One line of meta.check_results. `kind`: dbt, gate, reconciliation or rejects; `sample`: keys of failing rows."""

    check: str
    table: str
    status: Status
    kind: str
    failing_rows: int = 0
    sample: str = ""
    message: str = ""

    @property
    def refuses(self) -> bool:
        return self.status in REFUSING

    def __str__(self) -> str:
        rows = f" {self.failing_rows} failing rows" if self.failing_rows else ""
        sample = f" ({self.sample})" if self.sample else ""
        return f"{self.check} on {self.table}: {self.message}{rows}{sample}"


def record_checks(path: Path, run_id: str, kind: str, checks: Iterable[Check], scope: str | None = None) -> None:
    """Put the run's checks of one kind (of one table, where `scope` is given) in place of earlier ones of that run."""
    rows = [
        (c.check, c.table, c.status, c.failing_rows, c.sample, c.message, c.kind, run_id, datetime.now(UTC))
        for c in checks
    ]
    with warehouse.connect(path) as connection:
        connection.execute("begin")
        connection.execute(
            'delete from meta.check_results where run_id = ? and kind = ? and ("table" = ? or ? is null)',
            [run_id, kind, scope, scope],
        )
        if rows:
            connection.executemany("insert into meta.check_results values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute(
            f"""delete from meta.check_results where run_id not in (select run_id from meta.check_results
                group by run_id order by max(checked_at) desc limit {RUNS_KEPT})"""
        )
        connection.execute("commit")


def checks_of(path: Path, run_id: str) -> list[Check]:
    """Every check recorded for a run."""
    with warehouse.connect(path, read_only=True) as connection:
        rows = warehouse.rows_of(
            connection,
            """select "check", "table", status, kind, failing_rows, sample, message from meta.check_results
               where run_id = ? order by kind, "table", "check" """,
            [run_id],
        )
    return [Check(**row) for row in rows]


def last_audit(path: Path, table: str) -> tuple[str | None, Mapping[str, Mapping[str, float]]]:
    """Content hash and profile of a guarded table when the gate last accepted it."""
    with warehouse.connect(path, read_only=True) as connection:
        row = connection.execute(
            'select content_hash, profile from meta.audits where "table" = ? order by checked_at desc limit 1', [table]
        ).fetchone()
    return (row[0], json.loads(row[1])) if row else (None, {})


def record_audit(path: Path, run_id: str, table: str, content_hash: str, profile: Mapping[str, Any]) -> None:
    """The gate accepted this content; only the newest acceptance of a table is kept."""
    with warehouse.connect(path) as connection:
        connection.execute("begin")
        connection.execute('delete from meta.audits where "table" = ?', [table])
        connection.execute(
            "insert into meta.audits values (?, ?, ?, ?, ?)",
            [table, content_hash, json.dumps(profile), run_id, datetime.now(UTC)],
        )
        connection.execute("commit")


def record_publications(path: Path, manifests: Iterable[Mapping[str, Any]]) -> None:
    """Append publications that meta.publications lacks; a run killed before this is made good by the next."""
    with warehouse.connect(path) as connection:
        known = {row[0] for row in connection.execute("select id from meta.publications").fetchall()}
        for manifest in manifests:
            if manifest["id"] not in known:
                connection.execute(
                    "insert into meta.publications values (?, ?, ?, ?, ?, ?, ?, ?, ?)", publication_row(manifest)
                )


def publication_row(manifest: Mapping[str, Any]) -> list[Any]:
    """A manifest as a row of meta.publications."""
    return [
        *(manifest[name] for name in ("id", "as_of", "known_at", "started", "finished", "code_version", "run_id")),
        json.dumps(manifest["window_ids"]),
        json.dumps(manifest["files"]),
    ]
