"""Warehouses for tests: raw rows written straight into a DuckDB file, in the shape that loading gives them.

`Windows` counts landing windows as loading does: each `add` is one window with the next window_seq. Instants are
ISO text with a zone or aware datetimes; records are dicts as the API answers them. Nothing here imports ingestion.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import duckdb

from orchestration.warehouse import FROZEN, TABLES

STREAMS = (
    "deals",
    "contacts",
    "companies",
    "leads",
    "owners",
    "goal_targets",
    "deal_pipelines",
    "lead_pipelines",
    "properties",
    "deal_properties",
    "deal_contacts",
    "deal_companies",
    "absences",
    "source_counts",
)
BANKS = ("ecb", "cbr")
RAW_SHAPE = (
    "source varchar, record_id varchar, record json, extracted_at timestamptz, "
    "window_id varchar, window_seq bigint, part integer, line bigint"
)
META = {
    **FROZEN,
    "forecast_waivers": TABLES["forecast_waivers"],
    "forecast_adjustments": TABLES["forecast_adjustments"],
    "run_clock": "as_of timestamptz, run_id varchar, started_at timestamptz",
    "configured_rates": "currency varchar, kind varchar, date date, rate decimal(18, 8)",
    "configured_targets": "line integer, level varchar, key varchar, first_month date, last_month date, version date, "
    "quota decimal(18, 2), budget decimal(18, 2)",
    "configured_ledger": TABLES["configured_ledger"],
    "configured_stages": "source varchar, pipeline_id varchar, stage_id varchar, stage_category varchar",
    "configured_thresholds": "name varchar, source varchar, pipeline_id varchar, stage_id varchar, value double",
    "configured_teams": "source varchar, source_owner_id varchar, valid_from date, team_name varchar",
    "configured_sources": "source varchar, vendor varchar, home_currency varchar, account_id varchar",
    "source_reach": "source varchar, is_whole boolean, reached_at timestamptz",
    "load_rejects": (
        "source varchar, stream varchar, record_id varchar, reason varchar, record varchar, "
        "window_id varchar, part integer, line bigint, extracted_at timestamptz"
    ),
}
AS_OF = "2026-12-01T00:00:00Z"


def make_warehouse(path: Path, as_of: str = AS_OF) -> duckdb.DuckDBPyConnection:
    """An empty warehouse at `path`: every raw table, meta tables, the clock. The caller closes the connection."""
    con = duckdb.connect(str(path))
    con.execute("set TimeZone = 'UTC'")
    make_tables(con, as_of)
    return con


def make_tables(con: duckdb.DuckDBPyConnection, as_of: str = AS_OF) -> None:
    """Empty raw and meta tables, the clock, one connection `hubspot` with the home currency EUR."""
    con.execute("create schema if not exists raw; create schema if not exists meta")
    for stream in STREAMS:
        con.execute(f"create table raw.hubspot__{stream} ({RAW_SHAPE})")
    for bank in BANKS:
        con.execute(f"create table raw.{bank}__daily_rates ({RAW_SHAPE})")
    con.execute(
        "create table raw._windows (window_id varchar, window_seq bigint, source varchar, vendor varchar, "
        "stream varchar, kind varchar, from_at timestamptz, to_at timestamptz, extracted_at timestamptz, "
        "loaded_at timestamptz, row_count bigint, requests bigint, retries bigint, seconds double, details json)"
    )
    for table, columns in META.items():
        con.execute(f"create table meta.{table} ({columns})")
    con.execute("insert into meta.configured_sources values ('hubspot', 'hubspot', 'EUR', '1')")
    con.execute(
        "insert into meta.configured_thresholds select name, null, null, null, value from (values "
        "('factor', 1), ('inactive_days', 14), ('pushes', 2)) t(name, value)"
    )
    con.execute("insert into meta.source_reach values ('hubspot', true, null)")
    set_as_of(con, as_of)


def set_as_of(con: duckdb.DuckDBPyConnection, as_of: str) -> None:
    """Moves the run clock: "now" for every model, and a run of its own."""
    con.execute("delete from meta.run_clock")
    con.execute("insert into meta.run_clock values (?, ?, ?)", [as_of, f"run as of {as_of}", as_of])


def add(
    con: duckdb.DuckDBPyConnection,
    stream: str,
    records: Iterable[dict],
    source: str = "hubspot",
    extracted_at: str = "2026-11-01T00:00:00Z",
    kind: str | None = None,
) -> int:
    """One landing window of `stream` with these records, loaded; returns its window_seq.

    The first window of a stream is a full sync unless `kind` says otherwise.
    """
    seq = con.execute("select coalesce(max(window_seq), 0) + 1 from raw._windows").fetchone()[0]
    known = con.execute(
        "select count(*) from raw._windows where source = ? and stream = ?", [source, stream]
    ).fetchone()[0]
    window = f"w{seq:06d}"
    rows = [
        (source, str(record["id"]), json.dumps(record), extracted_at, window, seq, 0, line)
        for line, record in enumerate(records)
    ]
    con.execute(
        "insert into raw._windows values (?, ?, ?, 'hubspot', ?, ?, null, ?, ?, ?, ?, 1, 0, 1.0, '{}')",
        [window, seq, source, stream, kind or ("incremental" if known else "full"), *[extracted_at] * 3, len(rows)],
    )
    if rows:
        con.executemany(f"insert into raw.hubspot__{stream} values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return seq


def deal(deal_id, history=None, *, updated="2026-10-01T00:00:00.000Z", created="2026-01-01T00:00:00.000Z", **extra):
    """A deal as the API answers it. `history`: {property: [(timestamp, value), …] OLDEST first}.

    Each property's current value is its newest entry unless `properties` (in `extra`) says otherwise; other keys
    of `extra` (archived, archivedAt, createdAt, …) go to the top of the record.
    """
    history = history or {}
    properties = {name: entries[-1][1] for name, entries in history.items() if entries}
    properties |= {"createdate": created, "hs_lastmodifieddate": updated, "hs_object_id": str(deal_id)}
    properties |= extra.pop("properties", {})
    listed = {
        name: [{"value": value, "timestamp": at, "sourceType": "CRM_UI"} for at, value in reversed(entries)]
        for name, entries in history.items()
    }
    return {
        "id": str(deal_id),
        "properties": properties,
        "propertiesWithHistory": listed,
        "createdAt": created,
        "updatedAt": updated,
        "archived": False,
    } | extra


def pipeline(pipeline_id, stages, *, label=None, order=0, updated="2026-01-01T00:00:00.000Z"):
    """A pipeline record. `stages`: (id, label, isClosed, probability[, updatedAt]) in display order."""
    return {
        "id": pipeline_id,
        "label": label or pipeline_id,
        "displayOrder": order,
        "archived": False,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": updated,
        "stages": [
            {
                "id": stage[0],
                "label": stage[1],
                "displayOrder": position,
                "metadata": {"isClosed": stage[2], "probability": stage[3]},
                "archived": False,
                "createdAt": "2026-01-01T00:00:00.000Z",
                "updatedAt": stage[4] if len(stage) > 4 else updated,
            }
            for position, stage in enumerate(stages)
        ],
    }


SALES = pipeline(
    "default",
    [
        ("appointmentscheduled", "Appointment Scheduled", "false", "0.2"),
        ("qualifiedtobuy", "Qualified To Buy", "false", "0.4"),
        ("presentationscheduled", "Presentation Scheduled", "false", "0.6"),
        ("contractsent", "Contract Sent", "false", "0.9"),
        ("closedwon", "Closed Won", "true", "1.0"),
        ("closedlost", "Closed Lost", "true", "0.0"),
    ],
    label="Sales",
)
