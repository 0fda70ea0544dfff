"""The rules that dbt models in FUNNEL_HOME/models keep, looked at before anything is run.

Whatever would stop the build, write over our tables or read what no other model may is a wrong configuration; it names
the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, TemplateSyntaxError

from ingestion.errors import ConfigError
from ingestion.settings import PROJECT_ROOT, Settings
from orchestration import own_package, warehouse
from orchestration.errors import BuildFailed
from orchestration.home import Home
from orchestration.own_package import SCHEMA

KINDS = ("table", "view", "incremental", "ephemeral")
OURS = ("raw", "staging", "intermediate", "marts", "meta", SCHEMA)
GUIDE = (
    "grain", "key_columns", "rollup_column", "pin_before_summing", "filter_before_summing", "sum_columns",
    "sum_within_columns", "sum_within", "notes", "first_query",
)  # fmt: skip
"""What a model may say of itself in its meta.table_guide: columns of the table of that name."""
CLOCK = "source.funnel.meta.run_clock"
"""The one source that may be read: macro as_of() does."""
PLAIN = ("ref", "source", "config", "var", "as_of", "this")
"""Jinja for which a name can stand, so that DuckDB can tell whether the rest is SQL."""


def check(settings: Settings) -> None:
    """Bring the package up to date and hold it against the rules, before anything is run. Free where there is none.

    Errors: ConfigError that names the file and the reason.
    """
    from orchestration import dbt_build

    home = Home(settings.home)
    if not own_package.sync(home):
        return
    for name, path in own_package.files(home).items():
        if path.suffix == ".sql":
            _check_file(name, path.read_text(encoding="utf-8"))
    try:
        manifest = json.loads(dbt_build.manifest(settings).read_text(encoding="utf-8"))
    except BuildFailed as error:
        reason = " ".join(error.message.removeprefix("dbt parse could not run:").split())
        raise ConfigError(f"models/ does not compile: {reason}") from error
    for node in own_package.models(home):
        if wrong := _broken_rule(node, manifest["sources"]):
            raise ConfigError(f"{node['original_file_path']}: {wrong}")


def _check_file(name: str, sql: str) -> None:
    """What can be told from a file alone. Errors: ConfigError."""
    stem, where = Path(name).stem, f"models/{name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", stem):
        raise ConfigError(f"{where}: the file's name becomes the table's: a-z, 0-9 and _, a letter first.")
    if stem in names_of_ours():
        raise ConfigError(f"{where}: there is a table {stem} of funnel's own already; choose another name.")
    for table in tables_named(where, sql):
        schema = table.lower().replace('"', "").split(".")[-2:-1]
        if schema and schema[0] in OURS:
            raise ConfigError(
                f"{where}: reads {table} by its name. Read public models and your own, with ref(): "
                "select … from {{ ref('dim_deals') }}."
            )


def tables_named(where: str, sql: str) -> set[str]:
    """Tables that a model's SQL names itself, with their schemas. Errors: ConfigError where it is no SQL."""
    try:
        text, is_plain = filled(sql)
    except TemplateSyntaxError:
        return set()  # dbt says what is wrong with it
    try:
        return {name.split(" AS ")[0] for name in duckdb.get_table_names(text, qualified=True)}
    except duckdb.Error as error:
        if is_plain:
            reason = " ".join(str(error).replace("funnel_jinja", "{{…}}").split())
            raise ConfigError(f"{where}: is no SQL that DuckDB reads: {reason}") from error
    # Jinja that writes SQL: only a run compiles it. What stands behind `from` and `join` can be seen all the same.
    return set(re.findall(r"\b(?:from|join)\s+([\w\"]+\.[\w\"]+)", text, re.IGNORECASE))


def filled(sql: str) -> tuple[str, bool]:
    """The text with a name in place of each Jinja expression, and whether each is one that a name can stand for."""
    parts, is_plain, inside = [], True, False
    for _, kind, word in Environment().lex(sql):
        if kind == "variable_begin":
            parts.append(" ")
            inside = True
        elif kind == "name" and inside:
            parts.append("" if word == "config" else "funnel_jinja ")
            is_plain, inside = is_plain and word in PLAIN, False
        elif kind == "block_begin":
            is_plain = False
        elif kind == "data":
            parts.append(word)
    return "".join(parts), is_plain


def names_of_ours() -> set[str]:
    """Names of every model and seed of the project, and of the tables of meta that runs write."""
    project = PROJECT_ROOT / "dbt_project"
    models = {path.stem for path in (project / "models").rglob("*.sql")}
    return models | {path.stem for path in (project / "seeds").rglob("*.csv")} | set(warehouse.TABLES)


def _broken_rule(node: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What a parsed model may not be or read; None where all is well. (That others are public, dbt sees to itself.)"""
    if (node["schema"], node["alias"]) != (SCHEMA, node["name"]):
        table = f"{SCHEMA}.{node['name']}"
        return f"would be {node['schema']}.{node['alias']}, must be {table}: give no schema, alias or version."
    if node["config"]["materialized"] not in KINDS:
        return f"materialized {node['config']['materialized']}: one of {', '.join(KINDS)}."
    guide = node["config"]["meta"].get("table_guide", {"grain": ""})
    if not isinstance(guide, dict) or "grain" not in guide or not set(guide) <= set(GUIDE):
        return f"meta.table_guide must give grain, and may give {', '.join(GUIDE[1:])}."
    for parent in node["depends_on"]["nodes"]:
        if parent.startswith("source.") and parent != CLOCK and sources[parent]["schema"] in OURS:
            return f"reads {sources[parent]['schema']}.{sources[parent]['name']}, which is no public model: use ref()."
    return None
