"""Definitions of the dbt project outside of dbt: a macro rendered with the present funnel.yml, so that what is told
before a build is by the definition that the build will use. Only macros that expand to plain SQL, without `ref`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from ingestion.config import Config
from ingestion.settings import PROJECT_ROOT

FILES = ("keys", "meaning", "money", "stage_category")


class Macros:
    """`Macros(config).is_included("pipeline_key")` → SQL text, as dbt would compile it for DuckDB."""

    def __init__(self, config: Config, folder: Path = PROJECT_ROOT / "dbt_project" / "macros") -> None:
        text = "\n".join((folder / f"{name}.sql").read_text(encoding="utf-8") for name in FILES)
        environment = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined)
        environment.globals |= {"var": config.for_models().__getitem__, "return": lambda value: value, "adapter": self}
        self._module: Any = environment.from_string(text).module

    def __getattr__(self, name: str) -> Callable[..., str]:
        macro = getattr(self._module, name)
        return lambda *arguments: str(macro(*arguments)).strip()

    def dispatch(self, name: str) -> Callable[..., str]:
        """What dbt's adapter would choose here."""
        return self.__getattr__(f"default__{name}")
