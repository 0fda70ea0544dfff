"""A rebuild keeps what runs counted, also where the old warehouse can no longer be read."""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.rebuild import _copy_counts


def made(path: Path, *statements: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema meta")
        for statement in statements:
            connection.execute(statement)
    return path


def counts(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute("select run_id, landed_live from meta.source_reconciliation order by 1").fetchall()


def test_counts_of_earlier_runs_come_out_of_the_publication_unless_they_are_there(tmp_path: Path) -> None:
    rows = "create table meta.source_reconciliation as from (values ('r1', 5), ('r2', 6)) t(run_id, landed_live)"
    published, new = made(tmp_path / "funnel.duckdb", rows), made(tmp_path / "new.duckdb")
    _copy_counts(tmp_path / "nothing.duckdb", new)
    _copy_counts(published, new)
    assert counts(new) == [("r1", 5), ("r2", 6)]
    kept = made(tmp_path / "kept.duckdb", rows.replace("('r1', 5), ", ""))
    _copy_counts(published, kept)
    assert counts(kept) == [("r2", 6)], "the old warehouse's own came first"
    bare = made(tmp_path / "bare.duckdb")
    other = made(tmp_path / "other.duckdb")
    _copy_counts(bare, other)
    with duckdb.connect(str(other), read_only=True) as connection:
        assert connection.execute("select count(*) from duckdb_tables()").fetchone() == (0,)
