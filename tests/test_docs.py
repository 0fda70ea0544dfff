"""README and docs/operations.md name what exists, and all of it; links and examples in the docs hold."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from ingestion.registry import vendors
from orchestration import cli

ROOT = Path(__file__).resolve().parents[1]
README, OPERATIONS = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/operations.md"))
DOCS = README + OPERATIONS
CODE = "\n".join(
    path.read_text(encoding="utf-8")
    for room in ("ingestion", "orchestration", "expectations")
    for path in (ROOT / room).rglob("*.py")
)
OWN_PARSER = {"sandbox"}
NOT_TYPED = {"--help", "--json"}


def commands() -> dict[str, set[str]]:
    """{command: its options}."""
    [action] = [a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return {
        name: {option for a in parser._actions for option in a.option_strings if option.startswith("--")}
        for name, parser in action.choices.items()
    }


def test_every_command_and_option_is_in_the_docs() -> None:
    for command, options in commands().items():
        assert f"`funnel {command}" in OPERATIONS, command
        rows = [line for line in OPERATIONS.splitlines() if line.startswith(f"| `funnel {command}`")]
        for option in options - NOT_TYPED if command not in OWN_PARSER else ():
            assert any(f"`{option}`" in row for row in rows), f"{command} {option}"


def test_every_command_and_option_in_the_docs_exists() -> None:
    known = commands()
    for command, rest in re.findall(r"funnel ([a-z]+)((?: [^`\n|(]+)?)", "\n".join(_code(DOCS))):
        assert command in known, f"funnel {command}"
        if command not in OWN_PARSER:
            assert set(re.findall(r"--[a-z-]+", rest)) <= known[command], f"funnel {command}{rest}"
    for row in re.findall(r"^\| `funnel ([a-z]+)` \| (.*) \|$", OPERATIONS, re.M):
        assert set(re.findall(r"`(--[a-z-]+)`", row[1])) <= known[row[0]], row


def test_every_variable_is_in_the_docs_and_exists() -> None:
    profiles = (ROOT / "dbt_project" / "profiles.yml").read_text(encoding="utf-8")
    read = set(re.findall(r'"(FUNNEL_[A-Z_]+)"', CODE)) | set(re.findall(r"env_var\('(FUNNEL_[A-Z_]+)'", profiles))
    for vendor in vendors().values():
        names = [credential.suffix for credential in vendor.credentials] + ["API_BASE"]
        read |= {f"{vendor.name.upper()}_{name}" for name in names}
    pattern = "|".join(["FUNNEL", *(name.upper() for name in vendors())])
    told = set(re.findall(rf"\b((?:{pattern})_[A-Z_]+[A-Z])\b", DOCS))
    told = {name.removesuffix("_FILE") for name in told}
    told = {re.sub(r"__[A-Z]+_", "_", name) for name in told}
    assert told == read


def test_every_mart_is_in_the_docs_and_exists() -> None:
    models = {path.stem for path in (ROOT / "dbt_project" / "models" / "marts").rglob("*.sql")}
    assert models, "no marts"
    assert set(re.findall(r"`((?:dim|fct|bridge|mart|forecast|actual|ledger)_[a-z_]+)`", OPERATIONS)) == models
    assert set(re.findall(r"\b((?:dim|fct|mart)_[a-z_]+[a-z])\b", README)) <= models


@pytest.mark.parametrize("page", [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_container_file_is_well_formed_and_copies_what_exists() -> None:
    [text] = re.findall(r"```dockerfile\n(.*?)```", OPERATIONS, re.S)
    steps = [line.split(" ", 1) for line in text.strip().splitlines() if line]
    assert steps[0][0] == "FROM"
    for word, rest in steps:
        assert word in {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "VOLUME", "ENTRYPOINT", "CMD"}
        assert shlex.split(rest)
        for source in shlex.split(rest)[:-1] if word == "COPY" else ():
            assert (ROOT / source).exists(), source
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks", "dashboards"}
    assert packages | {"dbt_project"} <= {rest.split()[0] for word, rest in steps if word == "COPY"}


def _code(text: str) -> list[str]:
    """What stands in backticks or fences."""
    return re.findall(r"```[a-z]*\n(.*?)```", text, re.S) + re.findall(r"`([^`\n]+)`", text)
