"""The gate: run a guarded table's suites over its frame and say, by name, which rule which rows break.

Frames, not SQL: Great Expectations has no working DuckDB route (docs/adr). Money equality is dbt's, on decimals;
here are shape, ranges, sets, identities within a tolerance, completeness, and comparison with the last accepted audit.
Great Expectations and pandas are imported inside the functions: they cost seconds, and most runs do not need them.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from expectations import checkpoint

if TYPE_CHECKING:
    import great_expectations as gx
    import pandas as pd

Severity = Literal["refuse", "freeze", "warn"]
"""What a broken rule does: refuses the tables; warns and refuses only a month's freezing; warns."""


@dataclass(frozen=True)
class Facts:
    """What a suite may know beside the table: the newest month that is complete (its first day, reporting time zone),
    the profile of the last accepted audit: {"<segment>|<month>": {measure: value}}, and what it asked of other tables
    (frames by name; see Guard.asks)."""

    last_complete_month: date
    history: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """One frame derived from the table (its rows, its months) and the expectations on it."""

    name: str
    key: tuple[str, ...]
    derive: Callable[[pd.DataFrame, Facts], pd.DataFrame]
    expectations: Callable[[pd.DataFrame, Facts], list[gx.expectations.Expectation]]


@dataclass(frozen=True)
class Guard:
    """A guarded table. `profile` is what the next audit compares with. `columns`: those read (all where empty).
    `asks`: small questions to other tables, {name: SQL}, where {cutoff} is the end of the last complete month as a
    literal; an answer that changed is audited like a table that did."""

    table: str
    key: tuple[str, ...]
    views: tuple[View, ...]
    profile: Callable[[pd.DataFrame], dict[str, dict[str, float]]]
    columns: tuple[str, ...] = ()
    asks: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        return self.table.split(".")[1]

    def fingerprint(self) -> str:
        """Changes when the rules do, so that an unchanged table is audited again under new rules."""
        from expectations import figures, jumps, parts, thresholds

        own = inspect.getmodule(self.views[0].derive) or inspect
        source = "".join(inspect.getsource(module) for module in (own, parts, figures, jumps, thresholds))
        return hashlib.sha256(f"{self.table} {source}".encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Finding:
    """What one expectation found. `check` is `<table>.<rule>`; `sample` holds keys of failing rows."""

    check: str
    table: str
    passed: bool
    meaning: str
    failing_rows: int = 0
    sample: tuple[Mapping[str, Any], ...] = ()
    observed: str = ""
    is_history: bool = False
    """A comparison with the last audit: a true upheaval at the source breaks it, and a person may accept it."""
    severity: Severity = "refuse"

    def __str__(self) -> str:
        keys = "; ".join(", ".join(f"{name} {value}" for name, value in row.items()) for row in self.sample)
        rows = f"{self.failing_rows} row{'s' * (self.failing_rows != 1)}" if self.failing_rows else self.observed
        return f"{self.check}: {self.meaning} ({rows}{': ' + keys if keys else ''})"


def rule(name: str, meaning: str, *, history: bool = False, severity: Severity = "refuse") -> dict[str, Any]:
    """The `meta` of an expectation: its name in refusals and what it means for a reader."""
    return {"name": name, "meaning": meaning, "history": history, "severity": severity}


def read(connection: duckdb.DuckDBPyConnection, guard: Guard) -> pd.DataFrame:
    """The guarded table as a frame, decimals as doubles, ordered by key."""
    names = [
        f'"{name}"::double as "{name}"' if "DECIMAL" in str(kind) or str(kind) == "HUGEINT" else f'"{name}"'
        for name, kind, *_ in connection.execute(f"describe {guard.table}").fetchall()
        if not guard.columns or name in guard.columns
    ]
    order = ", ".join(guard.key)
    return connection.sql(f"select {', '.join(names)} from {guard.table} order by {order}").df()


@dataclass(frozen=True)
class Answer:
    """Columns and rows of one of a guard's questions."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def frame(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(self.columns))


def ask(connection: duckdb.DuckDBPyConnection, guard: Guard, cutoff: datetime) -> dict[str, Answer]:
    """Answers to a guard's questions. `cutoff`: the first instant after the last complete month, UTC."""
    answers = {}
    for name, sql in guard.asks.items():
        cursor = connection.execute(sql.format(cutoff=f"timestamptz '{cutoff.isoformat()}'"))
        answers[name] = Answer(tuple(column[0] for column in cursor.description or ()), tuple(cursor.fetchall()))
    return answers


def validate(
    guard: Guard, frame: pd.DataFrame, facts: Facts, docs: Path | None = None, only: Collection[str] = ()
) -> list[Finding]:
    """All findings of a guarded table (or of the rules named), passed ones too; Data Docs are written under `docs`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, shown = [], []
        for view in guard.views:
            derived = view.derive(frame, facts)
            rules = [r for r in view.expectations(derived, facts) if not only or (r.meta or {}).get("name") in only]
            if rules:
                pages, results = checkpoint.run(f"{guard.name}.{view.name}", view.key, derived, rules, docs)
                found += [_finding(guard, result) for result in results]
                shown += pages
        if docs is not None:
            checkpoint.write_docs(docs, shown)
    return found


def _finding(guard: Guard, result: Any) -> Finding:
    meta, details = result.expectation_config.meta, dict(result.result or {})
    names = set(guard.key) | {"source", "month", "pipeline_key", "what"}
    sample = tuple(
        {name: _text(value) for name, value in row.items() if name in names}
        for row in (details.get("partial_unexpected_index_list") or [])[: checkpoint.SAMPLE]
    )
    raised = _exception(result.exception_info)
    return Finding(
        check=f"{guard.name}.{meta['name']}",
        table=guard.table,
        passed=bool(result.success),
        meaning=meta["meaning"],
        failing_rows=int(details.get("unexpected_count") or 0),
        sample=() if result.success else sample,
        observed=raised or f"observed {details.get('observed_value')}",
        is_history=bool(meta.get("history")),
        severity=meta.get("severity", "refuse"),
    )


def _exception(info: Any) -> str:
    """The message of a metric that could not be computed (a column that is not there), else ''."""
    entries = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    messages = [str(entry.get("exception_message")) for entry in entries if entry.get("raised_exception")]
    return messages[0].splitlines()[0] if messages else ""


def _text(value: Any) -> str:
    if value is None or value != value:  # null, NaN, NaT
        return "null"
    return f"{value:%Y-%m-%d}" if hasattr(value, "strftime") else str(value)


def guards() -> tuple[Guard, ...]:
    """Every guarded table: each module of this package that declares GUARD."""
    import expectations

    names = [m.name for m in pkgutil.iter_modules(expectations.__path__) if not m.name.startswith("_")]
    modules = (importlib.import_module(f"expectations.{name}") for name in names)
    return tuple(module.GUARD for module in modules if hasattr(module, "GUARD"))
