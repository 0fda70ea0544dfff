"""What changed at the source, told to people: pipelines and their stages, guesses about stages, properties."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestration import status
from orchestration.alerts import Alert, Book, raise_alert
from orchestration.keys import ids_of
from orchestration.published import query
from orchestration.stage_changes import all_changes, unconfirmed

if TYPE_CHECKING:
    from orchestration.session import Session

NAMES_SHOWN = 10
TOLD_FOR = timedelta(days=7)
"""How long after it was noticed a change of properties is still told, where no run before could publish it."""
VERBS = {"added": "added", "removed": "removed", "type_changed": "changed the type of", "renamed": "relabelled"}


def raise_stage_changes(session: Session) -> None:
    """One alert for all that one list of a pipeline's stages showed anew, until funnel.yml confirms it."""
    config = session.settings.config
    for surprise in unconfirmed(all_changes(session.home.published / "current"), config):
        lines = surprise.told(config.reporting_currency)
        raise_alert(
            session, "stage_changed", f"Stages of {surprise.pipeline_key} changed at the source",
            f"{'; '.join(lines)}. `funnel status` shows what to write into funnel.yml once that is understood.",
            subject=surprise.subject, members=surprise.keys, details={"changes": lines}, runbook="stage-changed",
        )  # fmt: skip


def stage_alerts(session: Session, book: Book) -> Iterator[Alert]:
    """Stages whose category is guessed, or not known at all, and was not so at the first publication seen.

    They stay open until `funnel.yml` names them. What another alert of the run already says of a stage is not repeated,
    nor is a stage that came after the first list: its change was told, and confirming that confirms the guess.
    """
    rows = status.stages(session.home.published / "current")
    found = {
        "guessed": {row["stage_key"] for row in rows if row["is_category_inferred"] and not row["is_unknown"]},
        "unknown": {row["stage_key"] for row in rows if row["is_unknown"]},
    }
    if book.stages is None and rows:
        book.stages = {name: sorted(keys) for name, keys in found.items()}
    told = {key for alert in session.alerts if alert.kind.startswith("stage_") for key in alert.members}
    told |= {row["key"] for row in all_changes(session.home.published / "current") if row["kind"] == "added"}
    for name, title in (("guessed", "A new stage's meaning is a guess"), ("unknown", "Deals lie in an unknown stage")):
        new = found[name] - set((book.stages or {}).get(name, ())) - told
        if new:
            shown = "; ".join(_stage(row) for row in rows if row["stage_key"] in new)
            yield Alert(
                f"stage_{name}", title, f"{shown}. Say in funnel.yml, under `stages`, what it is.",
                members=frozenset(new), runbook="unknown-stage",
            )  # fmt: skip


def schema_alerts(session: Session) -> Iterator[Alert]:
    """Properties that appeared, went or changed, one alert for each source and list; names of properties only."""
    since = session.started_at - TOLD_FOR
    rows = query(
        session.home.published / "current",
        f"""select source, noticed_at, kind, key from meta.schema_changes
            where object = 'property' and noticed_at >= timestamptz '{since.isoformat()}' order by noticed_at, key""",
    )
    found: dict[tuple[str, datetime], set[str]] = {}
    for row in rows:
        name = ".".join(ids_of(row["key"])[1:])
        found.setdefault((row["source"], row["noticed_at"]), set()).add(f"{VERBS[row['kind']]} {name}")
    for (source, at), names in found.items():
        gone = sorted(name for name in names if name.startswith("removed"))
        shown = [*gone, *sorted(names - set(gone))]
        more = f" and {len(shown) - NAMES_SHOWN} more" if len(shown) > NAMES_SHOWN else ""
        yield Alert(
            "schema_changed", f"Properties changed at {source}",
            f"{', '.join(shown[:NAMES_SHOWN])}{more}. Records read from now on have no value of a removed property.",
            "warning" if gone else "info", subject=f"{source} {at:%Y-%m-%dT%H:%M:%SZ}", members=frozenset(names),
            once=True,
        )  # fmt: skip


def _stage(row: dict[str, Any]) -> str:
    taken = "in no pipeline" if row["is_unknown"] else f"taken as {row['stage_category']}"
    return f"'{row['stage_name']}' ({row['stage_key']}) {taken}"
