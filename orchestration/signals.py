"""What a run's end means for people who are not looking: alerts and the heartbeat. Nothing here fails a run.

Every run passes here, from the command line (runner.remember) and from Dagster's UI or schedule (resources).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ingestion.errors import AuthError, MissingScope
from ingestion.settings import Settings, load_alert_settings
from orchestration import digest, freshness, postgres, runbooks
from orchestration.alerts import Alert, Book, Origin, raise_alert, settle
from orchestration.errors import (
    PARTIAL,
    PUBLISHED,
    REFUSED,
    BuildFailed,
    NothingExtracted,
    OtherRelease,
    RunLocked,
    WrongUse,
    explain,
)
from orchestration.home import Home, read_json
from orchestration.schema_signals import raise_stage_changes, schema_alerts, stage_alerts
from orchestration.wave_signals import wave_alerts
from orchestration.webhook import beat

if TYPE_CHECKING:
    from orchestration.runner import Outcome
    from orchestration.session import Session

logger = logging.getLogger("funnel")
GOOD = (PUBLISHED, PARTIAL)
LOCK_HELD_TOO_LONG = 3.0
"""Hours after which a run that still holds the lock is told of; an hourly schedule meets a long run now and then."""


def after(session: Session, outcome: Outcome) -> None:
    """Tell of what the run met and of what is over; note how far the sources came; beat where the run was good."""
    if outcome.code in GOOD:
        _send(session)
    try:
        _tell(session, outcome)
    except Exception:
        logger.exception("alerts of run %s could not be told", session.run_id)
    if outcome.code in GOOD and not is_replay(session):
        digest.send_due(session.settings)
    if outcome.code in GOOD and session.settings.heartbeat_url:
        beat(session.settings.heartbeat_url)


def _send(session: Session) -> None:
    """Bring the publication to where it is wanted as well; that it could not be is an alert, no failure."""
    try:
        sent = postgres.send_current(session.settings)
        if sent != "off":
            logger.info("postgres: %s", sent)
    except Exception as error:
        logger.exception("the publication could not be sent to Postgres")
        said = str(explain(error))
        raise_alert(
            session, "postgres_behind", "Postgres does not have the newest publication", said, runbook="postgres-behind"
        )


def _tell(session: Session, outcome: Outcome) -> None:
    home, through = session.home, freshness.came_through(session.reports)
    if outcome.code in (*GOOD, REFUSED):
        freshness.remember_sources(home, through, session.as_of)
    book, replay = Book(home), is_replay(session)
    is_first = book.stages is None
    alerts = list(source_alerts(session, outcome))
    if not replay and outcome.code in GOOD:
        raise_stage_changes(session)
    if not replay:
        alerts += [*session.alerts, *failure_alerts(session, outcome), *stale_alerts(session, through)]
    if not replay and outcome.code in GOOD:
        alerts += [*stage_alerts(session, book), *schema_alerts(session)]
        alerts += [] if is_first else wave_alerts(session)
    origin = Origin(session.settings, session.run_id, outcome.as_of)
    settle(book, origin, alerts, looked(session, outcome, through, replay))
    book.save()


def is_replay(session: Session) -> bool:
    """Whether the run shows a past that lies before what is published: a person's question, no news of today."""
    current = read_json(session.home.published / "current" / "manifest.json")
    return current is not None and session.as_of < datetime.fromisoformat(current["as_of"])


def looked(session: Session, outcome: Outcome, through: set[str], replay: bool) -> Callable[[str, str], bool]:
    """What this run would have noticed, by kind and subject."""
    configured = {connection.name for connection in session.settings.connections}

    def would_notice(kind: str, subject: str) -> bool:
        if kind == "close_refused":  # told of and settled by orchestration.month_end
            return False
        if kind == "source_failed":
            return subject in through or subject not in configured
        if kind in ("source_stale", "lock_held"):
            return not replay
        return not replay and outcome.code in ((*GOOD, REFUSED) if kind == "run_failed" else GOOD)

    return would_notice


def failure_alerts(session: Session, outcome: Outcome) -> Iterator[Alert]:
    """At most one: the audit refused, or the run failed otherwise. Sources that failed speak for themselves."""
    error = session.failure
    if outcome.code == REFUSED:
        names = {f"{check.check} on {check.table}" for check in session.refused} or {"not audited"}
        rows = {f"{c.check} on {c.table}": c.failing_rows for c in session.refused}
        text = f"Refused by {', '.join(sorted(names)[:5])}{' and more' if len(names) > 5 else ''}. "
        yield Alert(
            "audit_refused", "The audit refused the new tables", text + "The last publication stands.", "critical",
            members=frozenset(names), details={"failing_rows": rows},
            runbook=runbooks.page_of_refusal(
                {check.kind for check in session.refused}, {check.table for check in session.refused}
            ),
        )  # fmt: skip
    elif outcome.code not in GOOD and not isinstance(error, NothingExtracted | WrongUse):
        yield run_failed(error)


def run_failed(error: BaseException | None) -> Alert:
    """A run that ended badly, said without what its error may quote from records."""
    page = getattr(error, "runbook", "") or (runbooks.page_of(error) if error else "")
    what = page or type(error).__name__
    text = f"{public(error)} The last publication stands; details are in logs/funnel.log."
    return Alert("run_failed", "The run failed", text, "critical", members=frozenset({what}), runbook=page)


def public(error: BaseException | None) -> str:
    """An error's text for the outside: errors that may quote a record are cut before they do."""
    text = str(error or "It ended without a word.")
    if isinstance(error, BuildFailed) or text.startswith("Unexpected "):
        return text.split(":", 1)[0].rstrip(".") + "."
    return text


def source_alerts(session: Session, outcome: Outcome) -> Iterator[Alert]:
    """One a source that did not come through; critical where nothing could be published for it."""
    for source, errors in session.failed_sources().items():
        texts = list(dict.fromkeys(f"{error.message}. {error.guidance}" for error in errors))
        kinds = {runbooks.page_of(error) or type(error).__name__ for error in errors}
        first = next((e for e in errors if isinstance(e, AuthError | MissingScope)), errors[0])
        good = outcome.code in GOOD
        shown = "The rest is published, this source with its age." if good else "Nothing new is published."
        yield Alert(
            "source_failed", f"Source {source} could not be read", f"{' '.join(texts[:3])} {shown}",
            "warning" if good else "critical", subject=source, members=frozenset(kinds),
            details={"streams": sorted({error.stream for error in errors})},
            runbook=runbooks.page_of(first) or "stale-source",
        )  # fmt: skip


def stale_alerts(session: Session, through: set[str]) -> Iterator[Alert]:
    """One a source beyond its budget."""
    for source, age in freshness.ages(session.settings, session.as_of, through).items():
        if age.stale and age.reached:
            yield Alert(
                "source_stale", f"Source {source} is older than its budget",
                f"Its data reaches {age.reached:%Y-%m-%d %H:%M} UTC, {age.hours:g} h before as-of; "
                f"its budget is {age.budget:g} h (funnel.yml staleness_hours).",
                subject=source, details=age.as_json(), runbook="stale-source",
            )  # fmt: skip


def died(settings: Settings, run_id: str, count: int) -> None:
    """Runs before this one ended without a word (killed, out of memory, power): told at once, for this one may too."""
    text = f"{count} run(s) ended without a word: killed, out of memory, or the machine went down."
    try:
        _at_once(settings, Alert("run_failed", "A run died", text, "critical", members=frozenset({"died"})), run_id)
    except Exception:
        logger.exception("the alert about a run that died could not be told")


def could_not_start(settings: Settings | None, error: BaseException) -> None:
    """A run that could not begin: wrong configuration, a warehouse that is held, a lock held far too long.

    `settings` are None where they are what is wrong. A person's wrong arguments are told to that person only, and in a
    home of another release nothing is touched.
    """
    try:
        settings = settings or load_alert_settings()
        if settings is None or isinstance(error, WrongUse | OtherRelease):
            return
        if not isinstance(error, RunLocked):
            _at_once(settings, run_failed(error))
        elif (hours := _held_for(Home(settings.home))) > LOCK_HELD_TOO_LONG:
            text = f"{error.message} It has held the lock for {hours:.1f} h; runs are refused meanwhile."
            _at_once(settings, Alert("lock_held", "A run does not end", text, "critical", runbook="lock-held"))
    except Exception:
        logger.exception("an alert could not be told")


def _at_once(settings: Settings, alert: Alert, run_id: str = "") -> None:
    book = Book(Home(settings.home))
    settle(book, Origin(settings, run_id, datetime.now(UTC).isoformat()), [alert], lambda kind, subject: False)
    book.save()


def _held_for(home: Home) -> float:
    """Hours since the lock was taken."""
    try:
        since = datetime.fromisoformat(json.loads(home.lock.read_text(encoding="utf-8"))["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
    return (datetime.now(UTC) - since).total_seconds() / 3600
