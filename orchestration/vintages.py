"""Frozen vintages: FUNNEL_HOME/vintages/<month>.parquet, each written once, and the chain that lists them.

A vintage holds the forecast of a closed month end and the month's revenue, as known at its cut-off: keys and numbers,
no names. A correction is a further revision (<month>.r2.parquet); what was frozen stays.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from ingestion.landing import sync_folder
from orchestration import chain, waivers, warehouse
from orchestration.errors import FunnelError
from orchestration.home import Home
from orchestration.published import query

PARTS = {
    "frozen_forecasts": """select as_of_month_end, target_month, component, segment_type, segment, horizon_months,
        expected_revenue, p10, p50, p90, currency, quota_amount, crm_weighted_amount, naive_amount, method_version,
        is_within_calibration, note from marts.forecast_monthly where as_of_month_end = last_day($month)""",
    "frozen_periods": """select as_of_date, period_type, period_end, segment_type, segment, won_so_far,
        expected_revenue, p10, p50, p90 from marts.forecast_periods
        where not is_current and as_of_date = last_day($month)""",
    "frozen_deal_months": """select as_of_month_end, deal_key, target_month, p_won, p_lost, p_open, expected_amount,
        amount, currency, amount_reporting, close_month
        from marts.forecast_deal_months where as_of_month_end = last_day($month)""",
    "frozen_revenue": """select month, segment_type, segment, won_amount_now as won_amount
        from marts.actual_revenue_monthly where month = $month""",
    "frozen_wins": """select won.won_month as month, won.deal_key, stays.to_stage_key as stage_key, won.pipeline_key,
        coalesce(won.team_key, '') as team_key, won.amount, won.currency, won.amount_reporting, won.won_at
        from marts.fct_won_revenue as won
        left join (select deal_key, entered_at, max_by(to_stage_key, visit_number) as to_stage_key
            from marts.fct_stage_transitions group by all) as stays
            on won.deal_key = stays.deal_key and won.won_at = stays.entered_at
        where won.won_month = $month and not won.is_reversed""",
    "frozen_won_stages": """select cast($month as date) as month, stage_key from marts.dim_stages
        where stage_category = 'won'""",
}
BRIDGED = 24
"""Closed months, the newest, whose deals are read."""


@dataclass(eq=False)
class VintageDamaged(FunnelError):
    """A frozen vintage is not what was frozen."""

    message: str = ""
    runbook: str = field(default="vintage-damaged")


def listed(home: Home) -> list[dict[str, Any]]:
    """Entries of the chain, oldest first. Errors: VintageDamaged where a line of it was changed."""
    try:
        return chain.read(home.vintages / "manifest.jsonl")
    except chain.ChainBroken as error:
        raise VintageDamaged(f"The list of frozen vintages was changed: {error}.", _STANDS) from None


def latest(home: Home) -> dict[str, dict[str, Any]]:
    """{month: entry of its newest revision}."""
    return _newest(listed(home))


def _newest(entries: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["month"]: entry for entry in entries}


_STANDS = "The last publication stands; nothing is published until the file is restored from a backup."


def check(home: Home) -> list[dict[str, Any]]:
    """The chain, held against the files and against what is published. Finishes a freeze that was killed.

    Errors: VintageDamaged: a file or line is missing, was changed, or is there without having been frozen here.
    """
    entries = listed(home)
    for entry in entries:
        path, waiting = home.vintages / entry["file"], home.vintages / f".{entry['file']}"
        if not path.exists() and waiting.exists() and sha256(waiting) == entry["sha256"]:
            _put(waiting, path)
        if not path.exists():
            raise VintageDamaged(f"vintages/{entry['file']} is gone.", _STANDS)
        if sha256(path) != entry["sha256"]:
            raise VintageDamaged(f"vintages/{entry['file']} is not what was frozen on {entry['frozen_at']}.", _STANDS)
    known = {(entry["file"], entry["sha256"]) for entry in entries}
    strange = {path.name for path in home.vintages.glob("[!.]*.parquet")} - {file for file, _ in known}
    if strange:
        raise VintageDamaged(f"vintages/{min(strange)} is in no line of vintages/manifest.jsonl.", _STANDS)
    told = query(home.published / "current", "select file, sha256 from meta.frozen_vintages order by file")
    if lost := [row["file"] for row in told if (row["file"], row["sha256"]) not in known]:
        raise VintageDamaged(
            f"vintages/{lost[0]} is published and no longer listed in vintages/manifest.jsonl.", _STANDS
        )
    return entries


def refuse_damaged(home: Home) -> None:
    """Before anything is built or published. Errors: VintageDamaged, FunnelError (waivers)."""
    check(home)
    waivers.listed(home)


def freeze(home: Home, built: Path, month: date, entry: dict[str, Any]) -> dict[str, Any]:
    """Write the vintage of a month out of a warehouse built at its cut-off; returns its line of the chain.

    The file is whole on disk under a hidden name before its line is written, and gets its name after it: killed in
    between, either nothing was frozen, or `check` finishes it.
    """
    home.vintages.mkdir(parents=True, exist_ok=True)
    name = month.strftime("%Y-%m")
    revision = latest(home).get(name, {}).get("revision", 0) + 1
    file = f"{name}.parquet" if revision == 1 else f"{name}.r{revision}.parquet"
    path, waiting = home.vintages / file, home.vintages / f".{file}"
    if path.exists():
        raise VintageDamaged(f"vintages/{file} is in no line of vintages/manifest.jsonl.", _STANDS)
    waiting.unlink(missing_ok=True)
    method = _write(built, month, waiting)
    line = {"month": name, "revision": revision, "file": file, "sha256": sha256(waiting), **entry,
            "method_version": method}  # fmt: skip
    sync_folder(home.vintages)
    chain.append(home.vintages / "manifest.jsonl", line)
    _put(waiting, path)
    return line


def load(path: Path, home: Home) -> None:
    """Fill the tables of meta from the files; damaged ones leave them empty, and `check` refuses to publish that."""
    try:
        entries = check(home)
    except VintageDamaged:
        entries = []
    newest = _newest(entries)
    with warehouse.connect(path) as connection:
        connection.execute("begin")
        for table in warehouse.FROZEN:
            connection.execute(f"delete from meta.{table}")
        for e in entries:
            connection.execute(
                f"insert into meta.frozen_vintages values (last_day(cast(? || '-01' as date)){', ?' * 10})",
                [e["month"], e["revision"], e["file"], e["sha256"], e["known_at"], e["frozen_at"], e["frozen_by"],
                 e["is_late"], e["method_version"], e["code_version"], e is newest[e["month"]]],
            )  # fmt: skip
        for month, entry in newest.items():
            for table in PARTS:
                if table == "frozen_deal_months" and month not in sorted(newest)[-BRIDGED:]:
                    continue  # of deals only what forecast_bridge compares is needed
                _read(connection, home.vintages / entry["file"], table)
        connection.execute("commit")


def summary(home: Home) -> dict[str, Any]:
    """What `funnel status` shows: closed months, waivers ever given, and what is wrong with either (else None)."""
    try:
        entries, given = check(home), waivers.listed(home)
    except FunnelError as error:
        return {"closed": [], "waivers": [], "damaged": str(error)}
    closed = [{name: entry[name] for name in ("month", "revision", "known_at", "frozen_by", "is_late")}
              for entry in _newest(entries).values()]  # fmt: skip
    return {"closed": closed, "waivers": given, "damaged": None}


def told(found: dict[str, Any] | None) -> list[str]:
    """The same as lines for people."""
    if not found:
        return []
    lines = [f"DAMAGED      {found['damaged']}"] if found["damaged"] else []
    if closed := found["closed"]:
        last = max(closed, key=lambda entry: str(entry["month"]))
        late = ", late" if last["is_late"] else ""
        lines.append(f"closed       {len(closed)} month(s), the last {last['month']} by {last['frozen_by']}{late}")
    lines += [f"waiver       {w['month']} {w['check']} until {w['expires']}, {w['by']}: {w['reason']}"
              for w in found["waivers"]]  # fmt: skip
    return lines


def sha256(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(built: Path, month: date, path: Path) -> str:
    """The rows of a month as one Parquet file, on disk; returns the method's version (empty: no forecast)."""
    with warehouse.connect(built, read_only=True) as connection:
        parts = " union all by name ".join(
            f"(select '{table}' as part, * from ({sql}))" for table, sql in PARTS.items()
        )
        quoted = str(path).replace("'", "''")
        text = parts.replace("$month", f"date '{month}'")
        connection.execute(f"copy (from ({text}) order by all) to '{quoted}' (format parquet, compression zstd)")
        row = connection.execute(
            "select max(method_version) from marts.forecast_monthly where as_of_month_end = last_day(?)", [month]
        ).fetchone()
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return str(row[0] or "") if row else ""


def _read(connection: duckdb.DuckDBPyConnection, file: Path, table: str) -> None:
    """A file's rows of one table; a column younger than the file is null."""
    frozen = {row[0] for row in connection.execute("describe from read_parquet(?)", [str(file)]).fetchall()}
    names = ", ".join(name for (name, *_) in connection.execute(f"describe meta.{table}").fetchall() if name in frozen)
    connection.execute(
        f"insert into meta.{table} ({names}) select {names} from read_parquet(?) where part = ?", [str(file), table]
    )


def _put(waiting: Path, path: Path) -> None:
    waiting.rename(path)
    sync_folder(path.parent)
