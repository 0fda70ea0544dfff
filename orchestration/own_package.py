"""dbt models of one's own in FUNNEL_HOME/models, copied into a generated dbt package beside the project.

The package (FUNNEL_HOME/target/packages/own) is a copy, so that a run builds what it checked, whatever is edited
meanwhile. Its models stand in schema `own` under the names of their files. See docs/adr/0015-own-models.md.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ingestion.errors import ConfigError
from orchestration import warehouse
from orchestration.home import Home, write_atomically

PACKAGE = SCHEMA = "own"
SUFFIXES = (".sql", ".yml", ".yaml", ".md")


def project_file(package: str, materialized: str, schema: str) -> str:
    """The dbt_project.yml of a generated package."""
    return f"""\
# Written by funnel at every start; edits are lost.
name: {package}
version: "1.0"
config-version: 2
model-paths: [models]
models:
  {package}:
    +materialized: {materialized}
    +schema: {schema}
"""


def files(home: Home) -> dict[str, Path]:
    """{path below FUNNEL_HOME/models: file} of what dbt reads; empty where there is none of it."""
    return read_by_dbt(home.models)


def read_by_dbt(folder: Path) -> dict[str, Path]:
    """{path below the folder: file} of models and their descriptions."""
    found = sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES and p.is_file())
    return {str(path.relative_to(folder)): path for path in found if not path.name.startswith(".")}


def sync(home: Home) -> bool:
    """Make the package the copy of FUNNEL_HOME/models; returns whether there is one. Unchanged files are not touched:
    dbt parses again what is younger. Errors: ConfigError where a file is no text.
    """
    package, ours = home.packages / PACKAGE, files(home)
    if not ours:
        shutil.rmtree(package, ignore_errors=True)
        return False
    copy(
        package,
        project_file(PACKAGE, "table", SCHEMA),
        {Path("models") / name: path for name, path in ours.items()},
        home.root,
    )
    return True


def copy(package: Path, project: str, files: Mapping[Path, Path], root: Path) -> None:
    """Make the package hold its project file and copies of `files` ({path in it: file below `root`}), nothing else."""
    wanted = {Path("dbt_project.yml"): project}
    for relative, path in files.items():
        try:
            wanted[relative] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path.relative_to(root)}: is not UTF-8 text.") from error
    for old in [path for path in package.rglob("*") if path.is_file() and path.relative_to(package) not in wanted]:
        old.unlink()
    for relative, text in wanted.items():
        path = package / relative
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)


def contents(home: Home) -> Iterator[bytes]:
    """Path and text of every file of the user's packages, in order: what a build is made from."""
    for path in sorted(path for path in home.packages.rglob("*") if path.is_file()):
        yield str(path.relative_to(home.packages)).encode() + path.read_bytes()


def models(home: Home) -> list[Mapping[str, Any]]:
    """One's own models as dbt understood them when it last parsed; none where there is no package."""
    if not (home.packages / PACKAGE).exists():
        return []
    nodes = json.loads((home.target / "manifest.json").read_text(encoding="utf-8"))["nodes"].values()
    return [node for node in nodes if node["resource_type"] == "model" and node["package_name"] == PACKAGE]


def drop_removed(home: Home) -> list[str]:
    """Drop what stands in schema own and is no model any more; returns the names. dbt never drops a table."""
    kinds = {"table": "BASE TABLE", "incremental": "BASE TABLE", "view": "VIEW"}
    wanted = {(node["alias"], kinds.get(node["config"]["materialized"])) for node in models(home)}
    with warehouse.connect(home.warehouse) as connection:
        found = connection.execute(
            "select table_name, table_type from information_schema.tables where table_schema = ?", [SCHEMA]
        ).fetchall()
        gone = [(name, kind) for name, kind in found if (name, kind) not in wanted]
        for name, kind in gone:
            connection.execute(f'drop {"view" if kind == "VIEW" else "table"} {SCHEMA}."{name}"')
    return [name for name, _ in gone]
