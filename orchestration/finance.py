"""finance.xlsx and finance/*.csv of a release: the month's figures for people who never open a database.

Made of the release's own funnel.duckdb and manifest and nothing else, so that they can be made again from them, byte
for byte. No deal, no person but those who sign is in them; `funnel explain` tells of deals.
"""

from __future__ import annotations

import csv
import logging
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb

from orchestration.finance_sheets import SPECS, Spec
from orchestration.ledger import Check
from orchestration.metric_guide import columns, metrics

if TYPE_CHECKING:
    from orchestration.session import Session

logger = logging.getLogger("funnel")
WORKBOOK, FOLDER = "finance.xlsx", "finance"
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the start of a CSV's text."""


@dataclass(frozen=True)
class Sheet:
    """A table to write: `columns` by name, `rows` of str, bool, int, float, Decimal, date or None."""

    name: str
    title: str
    about: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    missing: str = ""
    frozen: int = 0
    shares: frozenset[str] = frozenset()
    strong: str = ""
    native: bool = False


def beside(session: Session, folder: Path, manifest: dict[str, Any]) -> None:
    """Write the files into a release that is being made. What goes wrong is a warning: the tables are published."""
    if check := written(folder, manifest):
        manifest["warnings"].append(str(check))
        session.warned.append(check)


def written(folder: Path, manifest: Mapping[str, Any]) -> Check | None:
    """Write the files; the warning, and none of them, where they cannot be made."""
    try:
        write(folder, manifest)
    except Exception as error:
        logger.exception("%s could not be made", WORKBOOK)
        (folder / WORKBOOK).unlink(missing_ok=True)
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        text = (
            f"it could not be made ({type(error).__name__}); the tables are published without it. See logs/funnel.log."
        )
        return Check("finance_workbook", WORKBOOK, "warn", "publish", message=text)
    return None


def write(folder: Path, manifest: Mapping[str, Any]) -> None:
    """finance.xlsx and finance/<sheet>.csv of a release whose funnel.duckdb is there.

    Errors: duckdb.Error, OSError.
    """
    from orchestration.workbook import save

    sheets = made(folder, manifest)
    (folder / FOLDER).mkdir(exist_ok=True)
    for sheet in sheets:
        _write_csv(folder / FOLDER / f"{sheet.name}.csv", sheet)
    save(folder / WORKBOOK, sheets, manifest["id"], datetime.fromisoformat(manifest["as_of"]))


def made(folder: Path, manifest: Mapping[str, Any]) -> list[Sheet]:
    """All sheets, the cover first, the definitions last."""
    from orchestration.finance_cover import cover

    there = set(manifest["tables"])
    with duckdb.connect(str(folder / "funnel.duckdb"), read_only=True) as connection:
        connection.execute(f"set TimeZone = '{manifest['reporting']['timezone']}'")
        sheets = [_asked(connection, spec, there, manifest) for spec in SPECS]
        first = cover(connection, manifest, sheets, there)
    return [first, *sheets, _definitions(sheets, manifest)]


def _asked(connection: duckdb.DuckDBPyConnection, spec: Spec, there: set[str], manifest: Mapping[str, Any]) -> Sheet:
    wanted = [name if "." in name else f"marts.{name}" for name in (*spec.models, *spec.needs)]
    names: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = []
    missing = spec.missing
    if absent := sorted(set(wanted) - there):
        missing = f"The publication has no {', '.join(absent)}: run `funnel run` with this release."
    else:
        cursor = connection.execute(spec.query(connection))
        names = tuple(column[0] for column in cursor.description or ())
        zone = ZoneInfo(manifest["reporting"]["timezone"])
        rows = [tuple(_plain(value, zone) for value in row) for row in cursor.fetchall()]
    return Sheet(
        spec.name, spec.title, spec.about, names, rows, "" if rows else missing, spec.frozen, spec.shares, spec.strong,
        spec.native,
    )  # fmt: skip


def _plain(value: Any, zone: ZoneInfo) -> Any:
    """An instant as its day in the reporting time zone: spreadsheets know no time zones."""
    return value.astimezone(zone).date() if isinstance(value, datetime) else value


def _definitions(sheets: Iterable[Sheet], manifest: Mapping[str, Any]) -> Sheet:
    """What each column of the sheets and each metric means, the model that makes it, and of when it is."""
    as_of, rows = manifest["as_of"], []
    titles = {sheet.name: sheet for sheet in sheets}
    for spec in SPECS:
        known: dict[str, tuple[str, str]] = {}
        for model in (*spec.models, *(name for name in spec.needs if "." not in name)):
            known |= {name: (told, model) for name, told in columns(model).items() if name not in known}
        for name in spec.explained or titles[spec.name].columns or tuple(columns(spec.models[0])):
            if name in known and known[name][0]:
                rows.append((spec.title, name, known[name][0], "", known[name][1], spec.vintage))
    rows += [("Metric", m.name, m.description, m.formula, m.model, f"as of {as_of}") for m in metrics().values()]
    return Sheet(
        "definitions", "Definitions", "Each figure is computed in one model; these are the words it is defined with.",
        ("sheet", "figure", "definition", "formula", "model", "vintage"), rows, frozen=2,
    )  # fmt: skip


def _write_csv(path: Path, sheet: Sheet) -> None:
    """UTF-8 with the mark that spreadsheets know it by; ISO dates, decimals with a point, empty for null."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(sheet.columns)
        writer.writerows([_text(value) for value in row] for row in sheet.rows)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(RISKY) else text
