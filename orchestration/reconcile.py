"""Our counts against the source's own: a difference is read once more before it may refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestration import warehouse
from orchestration.ledger import Check, Status
from orchestration.session import Session

TABLE = warehouse.RECONCILIATION
CHECK = "reconciliation"


def differences(path: Path) -> list[dict[str, Any]]:
    """Rows of the run that built the tables with something unexplained, as dicts."""
    with warehouse.connect(path, read_only=True) as connection:
        if not warehouse.exists(connection, TABLE):
            return []
        return warehouse.rows_of(
            connection,
            f"""select * exclude (run_id, as_of, run_started_at) from {TABLE}
                where coalesce(unexplained, 0) <> 0 and run_id = (select run_id from meta.run_clock)
                order by source, stream""",
        )


def read_again(session: Session) -> bool:
    """Re-read, incrementally and once, the sources whose counts differ; True where something was read.

    A source changes while it is read; what the bracket of its counts does not explain is read once more. A source that
    failed in this run is left alone: it is known to be behind.
    """
    read = {report.source for report in session.reports}
    sources = {row["source"] for row in differences(session.path)} & (read - set(session.failed_sources()))
    if not sources:
        return False
    session.say(f"counts of {', '.join(sorted(sources))} differ from the source's own: reading once more")
    session.reread(sources)
    return True


def check(session: Session) -> Check:
    """The verdict on the table as it stands: unexplained differences refuse, those of a failed source warn."""
    rows, failed = differences(session.path), session.failed_sources()
    if not rows:
        return Check(CHECK, TABLE, "pass", "reconciliation")
    status: Status = "warn" if all(row["source"] in failed for row in rows) else "fail"
    sample = "; ".join(
        ", ".join(f"{name} {value}" for name, value in row.items() if value is not None) for row in rows[:5]
    )
    return Check(
        CHECK, TABLE, status, "reconciliation", len(rows), sample,
        "records here and at the source differ, also after reading once more:",
    )  # fmt: skip
