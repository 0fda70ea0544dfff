"""One Salesforce org of a stand-in and a home that syncs it: helpers of the tests of its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from ingestion.extract import extract
from ingestion.loading import load_new, open_warehouse, read_state
from ingestion.sandbox.salesforce import CLIENT_ID, CLIENT_SECRET
from ingestion.sandbox.serve import SALESFORCE, Sandbox
from ingestion.settings import Settings, load_settings
from ingestion.sources.salesforce.objects import CREATED, FOLLOWED, ObjectSpec
from ingestion.sources.salesforce.times import milliseconds
from ingestion.stream import StreamReport

REQUIRED = ("opportunities", "opportunity_history", "leads", "accounts", "contacts", "opportunity_stages", "users")


def settings(home: Path, sandbox: Sandbox, secret: str = CLIENT_SECRET) -> Settings:
    """Those of one connection to the org, whose base address is the stand-in's."""
    env = {
        "SALESFORCE_INSTANCE_URL": "acme.my.salesforce.com", "SALESFORCE_CLIENT_ID": CLIENT_ID,
        "SALESFORCE_CLIENT_SECRET": secret, "SALESFORCE_API_BASE": sandbox.url + SALESFORCE, "FUNNEL_PII_KEY": "test",
    }  # fmt: skip
    return load_settings(env, home)


def sync(home: Path, sandbox: Sandbox, secret: str = CLIENT_SECRET, **options: Any) -> dict[str, StreamReport]:
    """Extract and load; the report of each stream."""
    given = settings(home, sandbox, secret)
    state = read_state(given.warehouse, "salesforce", "salesforce", options.get("as_of"))
    reports = extract(given, {"salesforce": state}, **options)
    load_new(given.warehouse, given.landing)
    return {report.stream: report for report in reports}


def good(reports: dict[str, StreamReport]) -> dict[str, StreamReport]:
    assert [str(report.error) for report in reports.values() if report.error] == []
    return reports


def query(home: Path, sql: str) -> list[tuple]:
    with open_warehouse(home / "warehouse.duckdb", read_only=True) as connection:
        return connection.execute(sql).fetchall()


def newest(home: Path, stream: str) -> dict[str, dict[str, Any]]:
    """{id: newest version} of a stream, values as one spelling."""
    sql = f"""select record_id, arg_max(record::varchar, (window_seq, part, line)) from raw.salesforce__{stream}
              group by record_id"""
    return {id: {name: plain(value) for name, value in orjson.loads(text).items()} for id, text in query(home, sql)}


def plain(value: Any) -> Any:
    """A value in one spelling, whether JSON or CSV told it: instants in ms, numbers and booleans as short texts."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) or value is None:
        return value
    text = str(value)
    if len(text) > 18 and text[10:11] == "T" and (at := milliseconds(text)) is not None:
        return at
    try:
        return f"{float(text):.2f}" if text.replace(".", "").lstrip("-").isdigit() else text
    except ValueError:
        return text


def absent(home: Path, name: str) -> set[str]:
    return {id for (id,) in query(home, f"""select record ->> 'object_id' from raw.salesforce__absences
                                            where record ->> 'object' = '{name}'""")}  # fmt: skip


def org_rows(sandbox: Sandbox, spec: ObjectSpec) -> dict[str, dict[str, Any]]:
    """{id: row} that the org holds of an object, by the stand-in's own table."""
    return {row["Id"]: row for row in sandbox.salesforce.table(spec.sobject)}


def assert_complete(home: Path, sandbox: Sandbox, fresh: Path) -> None:
    """Newest versions here = a fresh full sync; what the org has no more is known to be deleted or absent."""
    good(sync(fresh, sandbox))
    for spec in FOLLOWED:
        ours, theirs = newest(home, spec.stream), newest(fresh, spec.stream)
        if spec.cursor == CREATED:  # deleting the record moves no date of its history
            ours, theirs = ({id: row | {"IsDeleted": None} for id, row in rows.items()} for rows in (ours, theirs))
        assert set(theirs) == set(org_rows(sandbox, spec)), spec.stream
        assert [(ours.get(id), row) for id, row in theirs.items() if ours.get(id) != row] == [], spec.stream
        if spec.counted_as:
            gone = {id for id in ours.keys() - theirs.keys() if ours[id]["IsDeleted"] != "true"}
            assert gone == absent(home, spec.counted_as) - theirs.keys(), spec.stream
