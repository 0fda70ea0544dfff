"""What must hold before a month is closed: one check a rule, each with the rows that break it and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.close import midnight, next_month
from ingestion.landing import Landing, Window
from ingestion.settings import Settings
from orchestration.hold import is_forgetting_unfinished, read_hold
from orchestration.home import Home, read_json

FIRM = ("business_day", "history")
"""Checks that no waiver passes: what is frozen would not be what was known at the cut-off."""
SHOWN = 5


@dataclass(frozen=True)
class Item:
    """One line of the checklist. `status`: pass, warn, fail or waived; `rows`: what breaks it, as text."""

    check: str
    status: str
    message: str
    rows: tuple[str, ...] = ()
    guidance: str = ""

    def __str__(self) -> str:
        more = f" and {len(self.rows) - SHOWN} more" if len(self.rows) > SHOWN else ""
        rows = f" [{'; '.join(self.rows[:SHOWN])}{more}]" if self.rows else ""
        todo = f" {self.guidance}" if self.guidance and self.status != "pass" else ""
        return f"{self.check}: {self.message}{rows}{todo}"


def before(settings: Settings, month: date, cut_off: datetime, now: datetime) -> list[Item]:
    """What can be told without building anything: the day, landing, and the books of the last run.

    `month`: its first day; instants are UTC.
    """
    home = Home(settings.home)
    ends = midnight(next_month(month), settings.config.reporting_timezone)
    return [
        _item("business_day", "fail", "the closing day has come", "the books stay open until then",
              [] if now >= cut_off else [f"cut-off {cut_off.isoformat()}"], "Close it from that instant on."),
        *_landed(settings, ends, cut_off),
        _item("exceptions", "fail", "nothing is held back", "something is left open", _open(home),
              "`funnel status` says how to end it."),
        _item("last_audit", "fail", "the last run's checks passed", "the last run did not come through",
              _last_run(home), "Repair what it names and run `funnel run`."),
    ]  # fmt: skip


def of_tables(path: Path, month: date) -> list[Item]:
    """What the tables of a warehouse or a publication tell of the month."""
    return [
        _item("rates", "fail", "every amount of the month has a rate", "amounts of the month have no rate", _rows(
            path, """select concat_ws(' ', source, outcome, deal_count, 'deal(s)', amount, currency)
                     from meta.unconverted_amounts where month = ? order by all""", month),
              "Add the rates (docs/operations.md, Exchange rates) and run `funnel run`."),
        _item("targets", "warn", "there is a target for the nine months after it", "months have no target", _rows(
            path, """select strftime(unnest(generate_series($1 + interval 1 month, $1 + interval 9 month,
                                                           interval 1 month)), '%Y-%m')
                     except select strftime(month, '%Y-%m') from marts.fct_targets
                     where quota is not null and level = 'company' order by all""", month),
              "Add them to targets.csv if there are any."),
        _item("stages", "warn", "no stage's meaning is a guess", "stages are guessed or not known", _rows(
            path, """select stage_key || ' ' || stage_category from marts.dim_stages
                     where (is_category_inferred or stage_category = 'unknown') and not is_retired order by all""",
            None), "Name them in funnel.yml (`funnel check` prints the lines)."),
    ]  # fmt: skip


def waived(items: Sequence[Item], waivers: dict[str, dict[str, Any]]) -> list[Item]:
    """The same, with failures marked that a waiver in force lets pass."""
    return [
        replace(item, status="waived", message=f"{item.message} (waived by {w['by']}: {w['reason']})")
        if item.status == "fail" and item.check not in FIRM and (w := waivers.get(item.check))
        else item
        for item in items
    ]  # fmt: skip


def audit_of(refused: Sequence[str]) -> Item:
    """The data tests of the tables built as of the cut-off."""
    return _item("checks", "fail", "the tables of the cut-off hold their tests",
                 "tests refuse the tables of the cut-off", refused, "See docs/runbooks/audit-refused.md.")  # fmt: skip


def _item(check: str, kind: str, good: str, bad: str, rows: Sequence[str], guidance: str) -> Item:
    return Item(check, kind, bad, tuple(rows), guidance) if rows else Item(check, "pass", good)


def names_of_sources(settings: Settings) -> list[str]:
    """Connections that a month rests on: all but the banks."""
    return [c.name for c in settings.connections if c.name not in settings.references]


def first_read(windows: Iterable[Window]) -> dict[str, datetime]:
    """{source: when it was first read}; a source that never was is not in it."""
    first: dict[str, datetime] = {}
    for window in windows:
        first[window.source] = min(first.get(window.source, window.extracted_at), window.extracted_at)
    return first


def _landed(settings: Settings, ends: datetime, cut_off: datetime) -> list[Item]:
    """Whether each source was read between the month's end and the cut-off, and was known before the month ended."""
    sources, windows = names_of_sources(settings), list(Landing(settings.landing).windows())
    first = first_read(windows)
    last: dict[tuple[str, str], datetime] = {}
    for window in windows:
        if window.extracted_at <= cut_off and window.to_at is not None:
            place = window.source, window.stream
            last[place] = max(last.get(place, window.extracted_at), window.extracted_at)
    behind = [f"{s}/{stream} read last {at.isoformat(timespec='seconds')}" for (s, stream), at in sorted(last.items())
              if s in sources and at < ends]  # fmt: skip
    young = [f"{s} first read {first[s].isoformat(timespec='seconds')}" if s in first else f"{s} never read"
             for s in sources if s not in first or first[s] >= ends]  # fmt: skip
    behind += [f"{s} not read" for s in sources if s in first and not any(place[0] == s for place in last)]
    return [
        _item("history", "fail", "every source was known before the month's end",
              "a source was not yet read when the month ended: its figures were never known then and are no vintage",
              young, "Close later months; the forecast of this one stays marked is_reconstructed."),
        _item("extracted", "fail", "every source was read after the month's end and by the cut-off",
              "a source was not read between the month's end and the cut-off", behind,
              "What it did not say by then is missing from the month."),
    ]  # fmt: skip


def _open(home: Home) -> list[str]:
    found = [f"publishing is held: {hold}"] if (hold := read_hold(home)) else []
    return [*found, "`funnel forget` was interrupted"] if is_forgetting_unfinished(home) else found


def _last_run(home: Home) -> list[str]:
    run = read_json(home.last_run)
    if run is None:
        return ["no run yet"]
    refused = run.get("refused") or []
    return refused or ([] if run.get("code") in (0, 4) else [f"exit {run.get('code')}: {run.get('message')}"])


def _rows(path: Path, sql: str, month: date | None) -> list[str]:
    """First column of a query. An absent file or table gives a row that says so: what is not known does not pass."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            return [str(row[0]) for row in connection.execute(sql, [month] if month else []).fetchall()]
    except duckdb.Error as error:
        return [f"cannot be told: {str(error).splitlines()[0]}"]
