"""The gate: run a guarded table's suites over its frame and say, by name, which rule which rows break.

Frames, not SQL: Great Expectations has no working DuckDB route (docs/adr). Money equality is dbt's, on decimals;
here are shape, ranges, sets, identities within a tolerance, completeness, and comparison with the last accepted audit.
Great Expectations and pandas are imported inside the functions: they cost seconds, and most runs do not need them.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import logging
import pkgutil
import shutil
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    import great_expectations as gx
    import pandas as pd

SAMPLE = 5
DOCS_KEPT = 300
"""Files under Data Docs beyond which they are written anew."""


@dataclass(frozen=True)
class Facts:
    """What a suite may know beside the table: the newest month that is complete (its first day, reporting time zone),
    and the profile of the last accepted audit: {"<segment>|<month>": {measure: value}}."""

    last_complete_month: date
    history: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """One frame derived from the table (its rows, its months) and the expectations on it."""

    name: str
    key: tuple[str, ...]
    derive: Callable[[pd.DataFrame, Facts], pd.DataFrame]
    expectations: Callable[[pd.DataFrame, Facts], list[gx.expectations.Expectation]]


@dataclass(frozen=True)
class Guard:
    """A guarded table. `profile` is what the next audit compares with."""

    table: str
    key: tuple[str, ...]
    views: tuple[View, ...]
    profile: Callable[[pd.DataFrame], dict[str, dict[str, float]]]

    @property
    def name(self) -> str:
        return self.table.split(".")[1]

    def fingerprint(self) -> str:
        """Changes when the rules do, so that an unchanged table is audited again under new rules."""
        source = inspect.getsource(inspect.getmodule(self.profile) or inspect)
        return hashlib.sha256(source.encode()).hexdigest()[:12]


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

    def __str__(self) -> str:
        keys = "; ".join(", ".join(f"{name} {value}" for name, value in row.items()) for row in self.sample)
        rows = f"{self.failing_rows} row{'s' * (self.failing_rows != 1)}" if self.failing_rows else self.observed
        return f"{self.check}: {self.meaning} ({rows}{': ' + keys if keys else ''})"


def rule(name: str, meaning: str, *, history: bool = False) -> dict[str, Any]:
    """The `meta` of an expectation: its name in refusals and what it means for a reader."""
    return {"name": name, "meaning": meaning, "history": history}


def read(connection: duckdb.DuckDBPyConnection, guard: Guard) -> pd.DataFrame:
    """The guarded table as a frame, decimals as doubles, ordered by key."""
    names = [
        f'"{name}"::double as "{name}"' if "DECIMAL" in str(kind) or str(kind) == "HUGEINT" else f'"{name}"'
        for name, kind, *_ in connection.execute(f"describe {guard.table}").fetchall()
    ]
    order = ", ".join(guard.key)
    return connection.sql(f"select {', '.join(names)} from {guard.table} order by {order}").df()


def validate(
    guard: Guard, frame: pd.DataFrame, facts: Facts, docs: Path | None = None, only: Collection[str] = ()
) -> list[Finding]:
    """All findings of a guarded table (or of the rules named), passed ones too; Data Docs are written under `docs`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = []
        for view in guard.views:
            derived = view.derive(frame, facts)
            rules = [r for r in view.expectations(derived, facts) if not only or (r.meta or {}).get("name") in only]
            if rules:
                found += [_finding(guard, result) for result in _run(guard, view, derived, rules, docs)]
    return found


def _run(guard: Guard, view: View, frame: pd.DataFrame, rules: list[Any], docs: Path | None) -> list[Any]:
    import great_expectations as gx

    context = _context(docs)
    name = f"{guard.name}.{view.name}"
    batch = (
        context.data_sources.add_or_update_pandas(name)
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("whole")
    )
    suite = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=rules))
    definition = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(name=name, data=batch, suite=suite)
    )
    actions: list[Any] = [gx.checkpoint.UpdateDataDocsAction(name="docs", site_names=["local"])] if docs else []
    checkpoint = gx.Checkpoint(
        name=name,
        validation_definitions=[definition],
        actions=actions,
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": list(view.key),
            "partial_unexpected_count": SAMPLE,
        },
    )
    result = context.checkpoints.add_or_update(checkpoint).run(batch_parameters={"dataframe": frame})
    return [one for validation in result.run_results.values() for one in validation.results]


@cache
def _context(docs: Path | None) -> Any:
    """One ephemeral context a process: nothing of Great Expectations is stored but Data Docs."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    if docs is not None:
        if docs.exists() and sum(1 for _ in docs.rglob("*.html")) > DOCS_KEPT:
            shutil.rmtree(docs)
        store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)}
        index = {"class_name": "DefaultSiteIndexBuilder"}
        context.add_data_docs_site(
            "local", {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
        )
    return context


def _finding(guard: Guard, result: Any) -> Finding:
    meta, details = result.expectation_config.meta, dict(result.result or {})
    names = set(guard.key) | {"source", "month", "pipeline_key"}
    sample = tuple(
        {name: _text(value) for name, value in row.items() if name in names}
        for row in (details.get("partial_unexpected_index_list") or [])[:SAMPLE]
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

    modules = (importlib.import_module(f"expectations.{m.name}") for m in pkgutil.iter_modules(expectations.__path__))
    return tuple(module.GUARD for module in modules if hasattr(module, "GUARD"))
