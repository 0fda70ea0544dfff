"""Models of one's own: what is refused before anything is run, and the copy that dbt reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.errors import ConfigError
from ingestion.settings import Settings
from orchestration import dbt_build, own_models, own_package, warehouse
from orchestration.home import Home

GOOD = "select deal_key from {{ ref('dim_deals') }} where created_at < {{ as_of() }} -- from raw.hubspot__deals\n"


def write(settings: Settings, name: str, text: str) -> Path:
    path = settings.home / "models" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refusal(settings: Settings, name: str, text: str) -> str:
    write(settings, name, text)
    with pytest.raises(ConfigError) as refused:
        own_models.check(settings)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("dim_deals.sql", GOOD, "models/dim_deals.sql: there is a table dim_deals of funnel's own already"),
        ("stage_map.sql", GOOD, "there is a table stage_map of funnel's own already"),
        ("sub/check_results.sql", GOOD, "models/sub/check_results.sql: there is a table check_results"),
        ("Wins.sql", GOOD, "models/Wins.sql: the file's name becomes the table's"),
        ("wins.sql", "select * from raw.hubspot__deals", "models/wins.sql: reads raw.hubspot__deals by its name"),
        (
            "wins.sql",
            "with raw as (select 1 as id) select raw.id from raw, \"Marts\".dim_deals",
            "reads Marts.dim_deals by its name",
        ),
        (
            "wins.sql",
            "{% if true %} select * from {{ ref('dim_deals') }} join staging.stg_x using (y) {% endif %} {{ more() }}",
            "reads staging.stg_x by its name",
        ),
        ("wins.sql", "selec 1 from {{ ref('x') }}", "models/wins.sql: is no SQL that DuckDB reads: Parser Error"),
    ],
)  # fmt: skip
def test_a_file_that_breaks_a_rule_is_named_with_the_reason(
    settings: Settings, name: str, text: str, reason: str
) -> None:
    assert reason in refusal(settings, name, text)
    assert not (settings.home / "target" / "manifest.json").exists()


def test_text_that_jinja_makes_is_left_to_the_run_and_words_in_it_are_no_tables() -> None:
    assert own_models.tables_named("x", GOOD) == {"funnel_jinja"}
    told = "{{ config(meta={'table_guide': {'grain': 'deal'}}) }} select 1 as a from {{- ref('x') -}} as x"
    assert own_models.tables_named("x", told) == {"funnel_jinja"}
    assert own_models.tables_named("x", "select 1 {% if %}") == set()
    made = "{{ config(materialized='view') }} {% set a = 1 %} with x as ({{ body(a) }}) select x.a from x"
    assert own_models.tables_named("x", made) <= {"funnel_jinja"}
    assert own_models.tables_named("x", "select '{{ var(\"a\") }}' as a, {{ as_of() }} as b from {{ this }}") == {
        "funnel_jinja"
    }


def test_the_package_is_what_lies_in_models_and_another_one_is_another_project(settings: Settings) -> None:
    home = Home(settings.home)
    told = [dbt_build.fingerprint(settings)]
    assert own_package.sync(home) is False
    write(settings, "a/wins.sql", GOOD)
    write(settings, "wins.yml", "version: 2\n")
    write(settings, "notes.txt", "not for dbt")
    assert own_package.sync(home) is True
    package = home.packages / "own"
    copied = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    assert copied == {"dbt_project.yml", "models/a/wins.sql", "models/wins.yml"}
    told.append(dbt_build.fingerprint(settings))
    written = (package / "models/wins.yml").stat().st_mtime_ns
    write(settings, "a/wins.sql", GOOD.replace("deal_key", "deal_key, 1 as n"))
    own_package.sync(home)
    told.append(dbt_build.fingerprint(settings))
    assert (package / "models/wins.yml").stat().st_mtime_ns == written
    (settings.home / "models/wins.yml").unlink()
    own_package.sync(home)
    told.append(dbt_build.fingerprint(settings))
    assert len(set(told)) == 4
    (settings.home / "models/a/wins.sql").unlink()
    assert own_package.sync(home) is False
    assert not package.exists()
    assert dbt_build.fingerprint(settings) == told[0]


def test_what_is_no_model_any_more_is_dropped(settings: Settings) -> None:
    home = Home(settings.home)
    assert own_package.drop_removed(home) == []
    with warehouse.connect(home.warehouse) as connection:
        connection.execute("create schema own; create table own.old as select 1; create view own.seen as select 1")
        connection.execute("create schema marts; create table marts.dim_deals as select 1")
    assert sorted(own_package.drop_removed(home)) == ["old", "seen"]
    with warehouse.connect(home.warehouse, read_only=True) as connection:
        left = connection.execute("select table_schema, table_name from information_schema.tables").fetchall()
    assert left == [("marts", "dim_deals")]
