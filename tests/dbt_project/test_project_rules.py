"""Rules of the project's shape, read from dbt's manifest and from the files."""

import json
import re

import pytest
from conftest import PROJECT


@pytest.fixture(scope="module")
def models(compiled, dbt):
    manifest = json.loads((dbt.target / "manifest.json").read_text())
    return {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}


def test_nothing_reads_to_its_left(models):
    """Staging reads raw and its own vendor's staging; what comes after staging reads no vendor's tables."""
    wrong = []
    for name, node in models.items():
        here = node["fqn"][1]
        for parent in node["depends_on"]["nodes"]:
            if here == "staging" and parent.startswith("model.") and "stg_hubspot__" not in parent:
                wrong.append((name, parent))
            if here == "marts" and "model.funnel.stg_" in parent:
                wrong.append((name, parent))
            if here != "staging" and parent.startswith("source.funnel.raw_"):
                wrong.append((name, parent))
    assert wrong == []


def test_marts_have_enforced_contracts_and_every_column_says_what_it_is(models):
    marts = {name: node for name, node in models.items() if node["fqn"][1] == "marts"}
    assert len(marts) >= 5
    for name, node in marts.items():
        assert node["config"]["contract"]["enforced"], name
        assert node["access"] == "public", name
        assert node["description"], name
        assert not [c["name"] for c in node["columns"].values() if not c["description"]], name
    others = [name for name, node in models.items() if node["fqn"][1] in ("staging", "intermediate")]
    assert [name for name in others if models[name]["access"] == "public"] == []


def test_the_clock_is_never_read():
    reads = re.compile(r"\b(now\s*\(|current_date|current_timestamp|today\s*\(|getdate\s*\()", re.IGNORECASE)
    sources = [*PROJECT.glob("models/**/*.sql"), *PROJECT.glob("macros/*.sql"), *PROJECT.glob("tests/*.sql")]
    assert len(sources) > 20
    code = {path.name: re.sub(r"--.*|{#.*?#}", "", path.read_text()) for path in sources}
    assert [name for name, text in code.items() if reads.search(text)] == []


def test_every_raw_table_is_declared_with_its_asset():
    text = (PROJECT / "models/staging/hubspot/_hubspot__sources.yml").read_text()
    from raw import STREAMS

    declared = re.findall(r"- name: hubspot__(\w+)", text)
    assert sorted(declared) == sorted(STREAMS)
    assert all(f"asset_key: [raw, hubspot__{stream}]" in text for stream in STREAMS)
