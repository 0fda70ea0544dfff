"""A staging model's SQL without dbt: its text and our macros by jinja alone, for tests of one source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2

PROJECT = Path(__file__).parents[2] / "dbt_project"
MACROS = ("parse", "marketing", "json", "time", "channels", "stage_category")


def sql(model: str) -> str:
    """The query of a staging model that refers to raw tables only."""
    [path] = (PROJECT / "models" / "staging").rglob(f"{model}.sql")
    known: dict[str, Any] = {}

    def dispatch(name: str, package: str | None = None) -> Callable[..., str]:
        return known.get(f"duckdb__{name}") or known[f"default__{name}"]

    known |= {
        "source": lambda schema, table: f'raw."{table}"', "config": lambda **_: "", "return": lambda value: value,
        "adapter": SimpleNamespace(dispatch=dispatch), "var": lambda name, otherwise=None: otherwise,
    }  # fmt: skip
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    text = "\n".join((PROJECT / "macros" / f"{name}.sql").read_text() for name in MACROS)
    known |= vars(environment.from_string(text, globals=known).module)
    return environment.from_string(path.read_text(), globals=known).render()
