"""What changed at the source that a run's tables show: guesses about stages, properties that came or went."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orchestration import status, warehouse
from orchestration.alerts import Alert, Book

if TYPE_CHECKING:
    from orchestration.session import Session

NAMES_SHOWN = 10


def stage_alerts(session: Session, book: Book) -> Iterator[Alert]:
    """Stages whose category is guessed, or not known at all, and was not so at the first publication seen.

    They stay open until `funnel.yml` names them. What another alert of the run already says of a stage is not repeated.
    """
    rows = status.stages(session.home.published / "current")
    found = {
        "guessed": {row["stage_key"] for row in rows if row["is_category_inferred"] and not row["is_unknown"]},
        "unknown": {row["stage_key"] for row in rows if row["is_unknown"]},
    }
    if book.stages is None and rows:
        book.stages = {name: sorted(keys) for name, keys in found.items()}
    told = {key for alert in session.alerts if alert.kind.startswith("stage_") for key in alert.members}
    for name, title in (("guessed", "A new stage's meaning is a guess"), ("unknown", "Deals lie in an unknown stage")):
        new = found[name] - set((book.stages or {}).get(name, ())) - told
        if new:
            shown = "; ".join(_stage(row) for row in rows if row["stage_key"] in new)
            yield Alert(
                f"stage_{name}", title, f"{shown}. Say in funnel.yml, under `stages`, what it is.",
                members=frozenset(new), runbook="unknown-stage",
            )  # fmt: skip


def schema_alerts(session: Session) -> Iterator[Alert]:
    """Properties that appeared or went since the last sync, one alert a source; names of properties only."""
    told = {alert.subject for alert in session.alerts if alert.kind == "schema_changed"}
    windows = [report.window_id for report in session.reports if report.window_id and report.source not in told]
    if not windows or not session.path.exists():
        return
    with warehouse.connect(session.path, read_only=True) as connection:
        rows = warehouse.rows_of(
            connection,
            """select source, details->>'schema_changes' as changes from raw._windows
               where list_contains(?, window_id) and details->>'schema_changes' is not null""",
            [windows],
        )
    for row in rows:
        changes: dict[str, dict[str, list[str]]] = json.loads(row["changes"])
        names = {f"{verb} {obj}.{name}" for obj, found in changes.items() for verb in found for name in found[verb]}
        gone = sorted(name for name in names if name.startswith("removed"))
        shown = [*gone, *sorted(names - set(gone))]
        more = f" and {len(shown) - NAMES_SHOWN} more" if len(shown) > NAMES_SHOWN else ""
        yield Alert(
            "schema_changed", f"Properties changed at {row['source']}",
            f"{', '.join(shown[:NAMES_SHOWN])}{more}. A removed property's column is null from now on.",
            "warning" if gone else "info", subject=row["source"], members=frozenset(names), once=True,
        )  # fmt: skip


def _stage(row: dict[str, Any]) -> str:
    taken = "in no pipeline" if row["is_unknown"] else f"taken as {row['stage_category']}"
    return f"'{row['stage_name']}' ({row['stage_key']}) {taken}"
