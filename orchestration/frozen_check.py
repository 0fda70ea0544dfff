"""At every audit: rows of forecast_monthly that claim to be frozen are those of the vintage files, to the cent."""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration import vintages, warehouse
from orchestration.ledger import Check
from orchestration.session import Session
from orchestration.vintages import VintageDamaged

TABLE, CHECK = "marts.forecast_monthly", "forecast_monthly.frozen_is_the_file"
KEY = ("as_of_month_end", "target_month", "component", "segment_type", "segment")
FIGURES = ("horizon_months", "expected_revenue", "p10", "p50", "p90", "currency", "quota_amount",
           "crm_weighted_amount", "naive_amount", "method_version", "is_within_calibration", "note")  # fmt: skip
ADVICE = "restore vintages/ or run `funnel rebuild`; never accept it. See docs/runbooks/vintage-damaged.md;"


def check(session: Session) -> Check:
    """The verdict. Compared are the newest revisions that the warehouse was built with; a month that was closed since
    is published by the next run."""
    try:
        listed = {(entry["file"], entry["sha256"]) for entry in vintages.check(session.home)}
    except VintageDamaged as error:
        return _refusal(str(error), [])
    with warehouse.connect(session.path, read_only=True) as connection:
        if not _is_built(connection):
            return Check(CHECK, TABLE, "pass", "gate")
        built = connection.execute(
            "select month_end, file, sha256, known_at, frozen_at, revision from meta.frozen_vintages where is_latest"
        ).fetchall()
        unlisted = [file for _, file, digest, *_ in built if (file, digest) not in listed]
        if unlisted:
            return _refusal(f"{unlisted[0]} is not what the chain lists", [])
        wrong = []
        for month_end, file, _, *stamps in built:
            wrong += _differing(connection, session.home.vintages / file, month_end, stamps)
        wrong += connection.execute(
            f"""select distinct as_of_month_end, 'no vintage' from {TABLE} where frozen_at is not null
                and as_of_month_end not in (select month_end from meta.frozen_vintages)"""
        ).fetchall()
    if wrong:
        return _refusal("rows that claim to be frozen differ from the vintage files", wrong)
    return Check(CHECK, TABLE, "pass", "gate")


def _differing(
    connection: duckdb.DuckDBPyConnection, file: Path, month_end: object, stamps: list[object]
) -> list[tuple[object, ...]]:
    """Keys of rows of one vintage that only the file or only the table has, or that carry other stamps."""
    frozen = {row[0] for row in connection.execute("describe from read_parquet(?)", [str(file)]).fetchall()}
    names = ", ".join(name for name in (*KEY, *FIGURES) if name in frozen)
    quoted = str(file).replace("'", "''")
    theirs = f"select {names} from read_parquet('{quoted}') where part = 'frozen_forecasts'"
    ours = f"select {names} from {TABLE} where as_of_month_end = $1"
    apart = f"(({ours}) except all ({theirs})) union all (({theirs}) except all ({ours}))"
    stamped = f"""select {", ".join(KEY)} from {TABLE} where as_of_month_end = $1 and
                  (known_at, frozen_at, revision) is distinct from ($2, $3, $4)"""
    rows = connection.execute(
        f"select {', '.join(KEY)} from ({apart}) union {stamped} order by all", [month_end, *stamps]
    )
    return list(rows.fetchall())


def _is_built(connection: duckdb.DuckDBPyConnection) -> bool:
    return warehouse.exists(connection, TABLE) and warehouse.exists(connection, "meta.frozen_vintages")


def _refusal(message: str, rows: list[tuple[object, ...]]) -> Check:
    sample = "; ".join(" ".join(str(value) for value in row) for row in rows[:3])
    return Check(CHECK, TABLE, "fail", "gate", len(rows), sample, f"{message}: {ADVICE}")
