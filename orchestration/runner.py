"""One run from the command line: lock, reap what a dead run left, the Dagster job in this process, an exit code."""

from __future__ import annotations

import json
import logging
import logging.handlers
import uuid
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingestion.settings import Settings
from orchestration import freshness, own_models, page, shape, signals, warehouse
from orchestration.clock import check_range, parse_as_of
from orchestration.config_check import check_config
from orchestration.errors import FAILED, PARTIAL, PUBLISHED, REFUSED, FunnelError, WrongUse, exit_code, explain
from orchestration.home import Home, write_atomically
from orchestration.lock import RunLock
from orchestration.runbooks import told
from orchestration.session import Progress, Request, Say, Session, check_sources, register

RUNS_KEPT = 200
HERE = {"funnel/launched_from": "command line"}
"""Tag of runs in the process that holds the lock."""


@dataclass
class Outcome:
    """How a run ended, for people (`message`), for machines (all of it) and for `funnel status`."""

    code: int
    message: str
    run_id: str
    as_of: str
    started: str
    finished: str = ""
    publication: str | None = None
    outcome: str = "failed"
    refused: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed_sources: dict[str, list[str]] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    streams: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def run(settings: Settings, request: Request, *, say: Say, progress: Progress | None = None) -> Outcome:
    """Run the job `refresh`. Errors: WrongUse, RunLocked, HomeNotWritable: before anything has been done."""
    now = datetime.now(UTC)
    check_sources(settings, request.sources)
    as_of = parse_as_of(request.as_of, settings.config.reporting_timezone, now)

    def begin() -> Session:
        check_config(settings)
        own_models.check(settings)
        check_range(as_of, warehouse.first_event(settings.warehouse), now)
        return Session(request, settings, str(uuid.uuid4()), as_of, now, say=say, progress=progress)

    return _locked(settings, "refresh", begin)


def publish(settings: Settings, request: Request, *, say: Say) -> Outcome:
    """Audit and publish the warehouse as it stands, at the as-of it was built for. Errors as `run`."""

    def begin() -> Session:
        as_of = built_as_of(settings)
        return Session(request, settings, str(uuid.uuid4()), as_of, datetime.now(UTC), say=say)

    return _locked(settings, "publish", begin)


def built_as_of(settings: Settings) -> datetime:
    """The as-of of the tables in the warehouse."""
    nothing = WrongUse("There is nothing to publish: no run has built the tables yet.", "Run `funnel run` first.")
    if not settings.warehouse.exists():
        raise nothing
    with warehouse.connect(settings.warehouse, read_only=True) as connection:
        row = None
        if warehouse.exists(connection, "meta.run_clock"):
            row = connection.execute("select as_of from meta.run_clock").fetchone()
    if row is None:
        raise nothing
    return row[0].astimezone(UTC)


def reap(instance: Any, but: str = "") -> int:
    """Under the lock no other run is alive: fail what looks unfinished, free its pool slots. Returns how many."""
    import dagster as dg

    status = dg.DagsterRunStatus
    unfinished = dg.RunsFilter(statuses=[status.STARTED, status.STARTING, status.CANCELING])
    # Not yet started: from the UI it may be about to be, from here it was killed before it could.
    unbegun = dg.RunsFilter(statuses=[status.NOT_STARTED], tags=HERE)
    found = [*instance.get_runs(filters=unfinished), *instance.get_runs(filters=unbegun)]
    dead = [run for run in found if run.run_id != but]
    for run in dead:
        instance.report_run_failed(run, message="the process of this run is gone")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    for run in instance.get_runs(limit=20, cursor=_nth_run(instance)):
        instance.delete_run(run.run_id)
    return len(dead)


def _nth_run(instance: Any) -> str | None:
    """Run id of the oldest run to keep; the empty list follows where there are fewer."""
    records = instance.get_run_records(limit=RUNS_KEPT)
    return records[-1].dagster_run.run_id if records else None


def _locked(settings: Settings, job: str, begin: Callable[[], Session]) -> Outcome:
    home, session = Home(settings.home), None
    try:
        with RunLock(home.lock):
            upgraded = shape.check(home)
            home.prepare()
            home.export()
            log_to(home)
            session = register(begin())
            if upgraded:
                session.say(upgraded)
            success = _execute(session, job)
            return remember(session, success)
    except (FunnelError, OSError) as error:
        shown = explain(error)
        if session is None:
            signals.could_not_start(settings, shown)
        raise shown from (None if shown is error else error)


def _execute(session: Session, job: str) -> bool:
    """The job in this process, in Dagster's history. False where a step failed; errors around the job are kept."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import dagster as dg

            from orchestration.definitions import defs
            from orchestration.history import quick_commits
            from orchestration.resources import run_config

            with quick_commits(), dg.DagsterInstance.get() as instance:
                if count := reap(instance):
                    session.say(f"{count} run(s) had died without a word; marked as failed")
                    signals.died(settings=session.settings, run_id=session.run_id, count=count)
                result = defs.resolve_job_def(job).execute_in_process(
                    run_config=run_config(session.request),
                    instance=instance,
                    raise_on_error=False,
                    run_id=session.run_id,
                    tags=HERE,
                )
        return bool(result.success)
    except Exception as error:
        logging.getLogger("funnel").exception("run %s failed outside its steps", session.run_id)
        session.failure = session.failure or explain(error)
        return False


def remember(session: Session, success: bool) -> Outcome:
    """The run's outcome, kept for `funnel status` and told to those who are not looking."""
    outcome = conclude(session, success)
    try:
        write_atomically(session.home.last_run, json.dumps(asdict(outcome), indent=1, ensure_ascii=False))
        page.tell(session.home, asdict(outcome))
    finally:
        signals.after(session, outcome)
    return outcome


def conclude(session: Session, success: bool) -> Outcome:
    """A finished session as an outcome with its exit code and one clear paragraph."""
    failed = {name: sorted({told(e) for e in errors}) for name, errors in session.failed_sources().items()}
    done = session.publication or {}
    if session.failure is not None:
        code, message = exit_code(session.failure), told(session.failure)
    elif session.refused:
        code, message = REFUSED, refusal_of(session)
    elif not success or not done:
        code, message = FAILED, f"The run failed; the last publication stands. See {session.home.log}."
    elif failed:
        texts = " ".join(text for texts in failed.values() for text in texts)
        code, message = PARTIAL, f"{_done(done)} Not refreshed: {', '.join(failed)}. {texts}"
    else:
        code, message = PUBLISHED, _done(done)
    return Outcome(
        code=code,
        message=message,
        run_id=session.run_id,
        as_of=session.as_of.isoformat(),
        started=session.started_at.isoformat(),
        finished=datetime.now(UTC).isoformat(),
        publication=done.get("id"),
        outcome=done.get("outcome", "failed") if code in (PUBLISHED, PARTIAL) else "failed",
        refused=[str(check) for check in session.refused],
        warnings=[f"{r.source}/{r.stream}: {w}" for r in session.reports for w in r.warnings]
        + [str(check) for check in session.warned],
        failed_sources=failed,
        sources={name: age.as_json() for name, age in _ages(session).items()},
        streams=[_stream(report) for report in session.reports],
        seconds={name: round(value, 2) for name, value in session.seconds.items()},
    )


def _ages(session: Session) -> dict[str, freshness.Age]:
    return freshness.ages(session.settings, session.as_of, freshness.came_through(session.reports))


def refusal_of(session: Session) -> str:
    """The paragraph of a refusal by the audit's checks."""
    from orchestration.dbt_build import refused_by

    return str(refused_by(session.refused))


def _done(done: dict[str, Any]) -> str:
    from orchestration.release import WORDS

    text = WORDS[done["outcome"]].format(id=done["id"])
    return f"{text[0].upper()}{text[1:]}, as of {done['as_of']}."


def _stream(report: Any) -> dict[str, Any]:
    return {
        "source": report.source,
        "stream": report.stream,
        "kind": report.kind,
        "rows": report.rows,
        "requests": report.requests,
        "retries": report.retries,
        "seconds": round(report.seconds, 2),
        "error": str(report.error) if report.error else None,
    }


def log_to(home: Home) -> None:
    """Our own log file, with tracebacks; nothing of it reaches the terminal."""
    logger = logging.getLogger("funnel")
    if not logger.handlers:
        home.log.parent.mkdir(parents=True, exist_ok=True)  # a home in which nothing was run yet
        handler = logging.handlers.RotatingFileHandler(home.log, maxBytes=5_000_000, backupCount=3, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
