"""The audit: Great Expectations gate, reconciliation and rejected share as blocking checks, all kept in meta."""
# No `from __future__ import annotations` here: Dagster reads the annotations of steps.

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from expectations.gate import Answer, Facts, Finding, Guard, ask, guards, read, validate
from orchestration import frozen_check, reconcile, runbooks, warehouse
from orchestration.ledger import Check, last_audit, record_audit, record_checks
from orchestration.resources import WRITER, RunRequest
from orchestration.session import Session

REJECTED_SHARE = 0.01
REJECTS = "meta.rejected_records"
TARGETS, GOALS = "targets.csv", "goal_targets"
OPTIONAL = {"deal_properties": "deals"}
"""{stream: whose records it is about} where a reject costs a column's value and no record: a warning, never more."""


def gate(session: Session, guard: Guard) -> list[Check]:
    """Checks of one guarded table. Great Expectations starts only where content, rules or month changed."""
    zone = session.settings.config.reporting_timezone
    month = last_complete_month(session.as_of, zone)
    accepted, history = last_audit(session.path, guard.table)
    with warehouse.connect(session.path, read_only=True) as connection:
        answers = ask(connection, guard, end_of(month, zone))
        content = warehouse.content_hash(connection, guard.table) + told(answers)
        seen = f"{content}-{guard.fingerprint()}-{month:%Y%m}"
        frame = None if seen == accepted else read(connection, guard)
    if frame is None:
        return [Check(f"{guard.name}.unchanged", guard.table, "pass", "gate", message="as last accepted")]
    # A replay of the past holds a part of a month that was audited whole: later months are kept, not compared.
    later = {key: value for key, value in history.items() if key.split("|")[1] > f"{month:%Y-%m}"}
    then = {key: value for key, value in history.items() if key not in later}
    facts = Facts(month, then, {name: answer.frame() for name, answer in answers.items()})
    checks = [
        _check(finding, session.request.accept) for finding in validate(guard, frame, facts, session.home.data_docs)
    ]
    if not any(check.refuses for check in checks):
        record_audit(session.path, session.run_id, guard.table, seen, {**later, **guard.profile(frame)})
    return checks


def told(answers: Mapping[str, Answer]) -> str:
    """A hash of answers, '' where nothing was asked: what a table is judged by is of its content."""
    return f"-{hashlib.sha256(repr(answers).encode()).hexdigest()[:12]}" if answers else ""


def _check(finding: Finding, accept: Sequence[str]) -> Check:
    lets_pass = finding.severity != "refuse" or (finding.is_history and finding.check in accept)
    status = "pass" if finding.passed else "warn" if lets_pass else "fail"
    sample = "; ".join(", ".join(f"{k} {v}" for k, v in row.items()) for row in finding.sample)
    advice = f" If the source really changed so: `--accept {finding.check}`." if finding.is_history else ""
    observed = f" ({finding.observed})" if not finding.passed and not finding.failing_rows else ""
    freezing = " (refuses `funnel close`)" if finding.severity == "freeze" else ""
    page = runbooks.page_of_refusal({"gate"}, {finding.table})
    message = finding.meaning + ("" if finding.passed else f"{observed}{freezing}{advice} See {runbooks.path(page)};")
    return Check(finding.check, finding.table, status, "gate", finding.failing_rows, sample, message)  # type: ignore[arg-type]


def rejected(session: Session) -> list[Check]:
    """One check a stream that has records set aside: more than 1 % of its records refuses, any warns."""
    found = []
    with warehouse.connect(session.path, read_only=True) as connection:
        vendor_of = dict(connection.execute("select distinct source, vendor from raw._windows").fetchall())
        for row in warehouse.rows_of(
            connection,
            f"""select source, stream, count(distinct coalesce(record_id, md5(record))) as records,
                       count(distinct md5(record)) filter (record_id is null) as without_key,
                       string_agg(distinct coalesce(record_id, '?') || ': ' || reason, '; ') as sample
                from {REJECTS} where not is_superseded group by source, stream order by source, stream""",
        ):
            if row["source"] == TARGETS:
                message = "lines name nobody or overlap another: left out;"
                found.append(Check(TARGETS, REJECTS, "warn", "rejects", row["records"], row["sample"][:400], message))
                continue
            stream = row["stream"]
            if stream == GOALS:
                message = "goals name nobody, overlap another or have no period of months: left out;"
                name = f"{GOALS}.{row['source']}"
                found.append(Check(name, REJECTS, "warn", "rejects", row["records"], row["sample"][:400], message))
                continue
            table = f'raw."{vendor_of.get(row["source"], "")}__{OPTIONAL.get(stream, stream)}"'
            total = connection.execute(
                f"select count(distinct record_id) from {table} where source = ?", [row["source"]]
            ).fetchone()
            limit = float("inf") if stream in OPTIONAL else REJECTED_SHARE
            share = row["records"] / max(1, (total[0] if total else 0) + row["without_key"])
            found.append(
                Check(
                    f"rejected_share.{row['source']}.{stream}", REJECTS,
                    "fail" if share > limit else "warn", "rejects", row["records"], row["sample"][:400],
                    f"{share:.2%} of the stream's records could not be used (more than {REJECTED_SHARE:.0%} refuses);"
                    if stream not in OPTIONAL
                    else f"{share:.2%} of {OPTIONAL[stream]} have a value that is not of the type in funnel.yml: null;",
                )
            )  # fmt: skip
    return found or [Check("rejected_share", REJECTS, "pass", "rejects")]


def last_complete_month(as_of: datetime, timezone: str) -> date:
    """First day of the newest month that had ended at `as_of`, in the reporting time zone."""
    return ((as_of.astimezone(ZoneInfo(timezone)).date().replace(day=1)) - timedelta(days=1)).replace(day=1)


def end_of(month: date, timezone: str) -> datetime:
    """The first instant after a month (its first day given), in UTC."""
    after = (month + timedelta(days=32)).replace(day=1)
    return datetime.combine(after, time(), ZoneInfo(timezone)).astimezone(UTC)


def conclude(session: Session, kind: str, checks: list[Check], scope: str | None = None) -> dg.AssetCheckResult:
    """Record checks and turn them into one Dagster result."""
    record_checks(session.path, session.run_id, kind, checks, scope)
    refused = [check for check in checks if check.refuses]
    session.refused += refused
    session.warned += [check for check in checks if check.status == "warn"]
    return dg.AssetCheckResult(
        passed=not refused,
        metadata={
            "rules": len(checks),
            "refused": dg.MetadataValue.md("\n".join(f"- {check}" for check in refused) or "none"),
            "data_docs": dg.MetadataValue.path(str(session.home.data_docs / "index.html")),
        },
    )


def gate_check(guard: Guard) -> dg.AssetChecksDefinition:
    """A guarded table's suites as one blocking check."""

    about = f"Great Expectations suites of {guard.table}: shape, ranges, identities, history."

    @dg.asset_check(asset=guard.table.split("."), name="gate", description=about, blocking=True, pool=WRITER)
    def check(context: dg.AssetCheckExecutionContext, request: RunRequest) -> dg.AssetCheckResult:
        session = request.session(context)
        with session.step("audit"):
            checks = gate(session, guard)
            if guard.table == frozen_check.TABLE:
                checks.append(frozen_check.check(session))
            return conclude(session, "gate", checks, guard.table)

    return check


@dg.asset_check(asset=["meta", "source_reconciliation"], name=reconcile.CHECK, blocking=True, pool=WRITER)
def reconciliation(context: dg.AssetCheckExecutionContext, request: RunRequest) -> dg.AssetCheckResult:
    """Records here are the source's own count, or the difference is explained."""
    session = request.session(context)
    with session.step("audit"):
        return conclude(session, "reconciliation", [reconcile.check(session)])


@dg.asset_check(asset=["meta", "rejected_records"], name="rejected_share", blocking=True, pool=WRITER)
def rejected_share(context: dg.AssetCheckExecutionContext, request: RunRequest) -> dg.AssetCheckResult:
    """At most 1 % of a stream's records could not be used."""
    session = request.session(context)
    with session.step("audit"):
        return conclude(session, "rejects", rejected(session))


def audit_checks() -> list[dg.AssetChecksDefinition]:
    """Every check of the audit beside dbt's own tests."""
    return [*(gate_check(guard) for guard in guards()), reconciliation, rejected_share]
