"""A wrong funnel.yml through the command line: exit 2, line and reason, nothing run, and the webhook hears of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestion.settings import load_settings
from orchestration import cli, warehouse, webhook
from orchestration.config_check import check_config, check_connections
from tests.orchestration.receiver import Receiver

Funnel = Callable[..., tuple[int, str]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def funnel(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Funnel:
    """(exit code, what stderr says) of a command over a home with this funnel.yml."""
    monkeypatch.setattr(webhook, "WAITS", (0.0,))
    monkeypatch.setenv("FUNNEL_HOME", str(tmp_path))
    monkeypatch.setenv("FUNNEL_ALERT_WEBHOOK", receiver.url)
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "pat-x")
    monkeypatch.setenv("HUBSPOT_API_BASE", "http://127.0.0.1:9")

    def call(text: str, *arguments: str) -> tuple[int, str]:
        (tmp_path / "funnel.yml").write_text(text)
        code = cli.main([*arguments])
        return code, capsys.readouterr().err

    return call


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("reporting_timezone: UTC\nreporting_curency: EUR\n", "line 2: reporting_curency: unknown setting"),
        ("\nfiscal_year_start_month: soon\n", "line 2: fiscal_year_start_month: Input should be a valid integer"),
        ("stages: [1]\n", "line 1: stages: Input should be a valid dictionary"),
        ("staleness_hours:\n  default: -1\n", "line 1: staleness_hours: default: -1 is not a positive number of hours"),
        (
            "\nstaleness_hours: {hubpsot: 4}\n",
            "line 2: staleness_hours.hubpsot: there is no such connection. Known: hubspot.",
        ),
        (
            "properties:\n  hubspot: {}\n  emea: {deals: {margin: {}}}\n",
            "line 3: properties.emea: there is no such connection. Known: hubspot.",
        ),
        ("stall: {factor: 0}\n", "line 1: stall.factor: 0 is not a positive number"),
        ("stall:\n  inactive: 3\n", "line 2: stall.inactive: unknown setting"),
        (
            "stall_days:\n  hubspot:\n    default: {'11': -3}\n",
            "line 3: stall_days.hubspot.default.11: -3 is not a positive number of days",
        ),
        ("stall_days: {emea: {}}\n", "line 1: stall_days.emea: there is no such connection. Known: hubspot."),
        ("pipelines:\n  hubspot: []\n", "line 2: pipelines.hubspot: an empty list would leave out every deal"),
        (
            "pipelines:\n  hubspot:\n    - default\n    - 77\n",
            "line 4: pipelines.hubspot.1: Input should be a valid string",
        ),
        ("pipelines: {hubspot: [a, b, a]}\n", "line 1: pipelines.hubspot: a is named twice"),
        ("pipelines: {emea: [a]}\n", "line 1: pipelines.emea: there is no such connection. Known: hubspot."),
        (
            "deal_types:\n  hubspot:\n    values: {new: new_busines}\n",
            "line 3: deal_types.hubspot.values.new: Input should be 'new_business', 'upsell', 'renewal' or 'other'",
        ),
        (
            "deal_types:\n  hubspot:\n    values:\n      New: other\n      new: upsell\n",
            "line 5: deal_types.hubspot.values.new: is the same word as New",
        ),
        ("deal_types: {hubspot: {stages: {}}}\n", "line 1: deal_types.hubspot.stages: unknown setting"),
        ("teams:\n  hubspot:\n    '7': {soon: East}\n", "line 3: teams.hubspot.7.soon: Input should be a valid date"),
        ("teams: {hubspot: {'7': ''}}\n", "line 1: teams.hubspot.7: a team needs a name"),
        ("amount_property:\n  hubspot: {default: 12}\n", "line 2: amount_property.hubspot.default: Input should be"),
    ],
)
def test_wrong_configuration_is_2_and_nothing_is_run(funnel: Funnel, tmp_path: Path, text: str, reason: str) -> None:
    code, said = funnel(text, "run")
    assert code == 2
    assert reason in said
    assert not (tmp_path / "warehouse.duckdb").exists()
    assert not (tmp_path / "landing").exists()


@pytest.fixture
def built(tmp_path: Path) -> None:
    """A warehouse that knows one pipeline with two stages of hubspot, and one connection that is not configured now."""
    with warehouse.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(
            """create schema marts; create schema raw; create table raw._windows as select 'old' as source;
            create table marts.dim_pipelines as
                select 'hubspot' as source, 'hubspot:default' as pipeline_key, 'Sales' as pipeline_name;
            create table marts.dim_owners as
                select 'hubspot' as source, 'hubspot:7' as owner_key, 'Ann' as owner_name;
            create table marts.dim_stages as select 'hubspot' as source, * from (values
                ('hubspot:default:11', 'Talks'), ('hubspot:default:a%3Ab', 'Odd')) stages(stage_key, stage_name)"""
        )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "stages:\n  hubspot:\n    default:\n      '11': meeting\n      '12': void\n",
            "line 5: stages.hubspot.default.12: there is no such stage. Known: 11 (Talks), a:b (Odd).",
        ),
        (
            "stages:\n  hubspot: {defalt: {'11': meeting}}\n",
            "line 2: stages.hubspot.defalt: there is no such pipeline. Known: default (Sales).",
        ),
        (
            "stall_days:\n  hubspot:\n    default:\n      '11': 5\n      '12': 9\n",
            "line 5: stall_days.hubspot.default.12: there is no such stage. Known: 11 (Talks), a:b (Odd).",
        ),
        (
            "amount_property:\n  hubspot:\n    default: hs_arr\n    '77': hs_acv\n",
            "line 4: amount_property.hubspot.77: there is no such pipeline. Known: default (Sales).",
        ),
        (
            "pipelines:\n  hubspot:\n    - default\n    - '77'\n",
            "line 4: pipelines.hubspot.1: there is no such pipeline 77. Known: default (Sales).",
        ),
        (
            "deal_types:\n  hubspot:\n    pipelines:\n      '77': upsell\n",
            "line 4: deal_types.hubspot.pipelines.77: there is no such pipeline. Known: default (Sales).",
        ),
        (
            "teams:\n  hubspot:\n    '7': East\n    '8': {2026-01-01: East}\n",
            "line 4: teams.hubspot.8: there is no such owner. Known: 7 (Ann).",
        ),
    ],
)
def test_a_stage_or_pipeline_that_nobody_ever_saw_is_2_and_nothing_is_run(
    funnel: Funnel, tmp_path: Path, built: None, text: str, reason: str
) -> None:
    code, said = funnel(text, "run")
    assert code == 2
    assert reason in said
    assert not list((tmp_path / "landing").glob("*"))
    with warehouse.connect(tmp_path / "warehouse.duckdb", read_only=True) as connection:
        assert not warehouse.exists(connection, "meta.run_clock")


def test_what_was_seen_once_may_be_named(funnel: Funnel, tmp_path: Path, built: None) -> None:
    (tmp_path / "funnel.yml").write_text(
        "stages: {hubspot: {default: {'11': meeting, 'a:b': void}}, old: {default: {'1': void}}}\n"
        "amount_property: {hubspot: {default: hs_arr}}\nhome_currency: {old: EUR}\npipelines: {hubspot: [default]}\n"
        "deal_types: {hubspot: {pipelines: {default: upsell}}}\nteams: {hubspot: {'7': East}, old: {'1': West}}\n"
    )
    settings = load_settings({"HUBSPOT_ACCESS_TOKEN": "pat-x"}, tmp_path)
    check_connections(settings)
    check_config(settings)


def test_an_unattended_run_with_a_wrong_configuration_is_told_once(funnel: Funnel, receiver: Receiver) -> None:
    for _ in range(2):
        assert funnel("nonsense: 1\n", "run")[0] == 2
    [post] = receiver.posts
    assert (post["kind"], post["severity"]) == ("run_failed", "critical")
    assert "funnel.yml line 1: nonsense: unknown setting" in post["text"]


def test_a_person_who_only_looks_alarms_nobody(funnel: Funnel, receiver: Receiver) -> None:
    assert funnel("nonsense: 1\n", "status")[0] == 2
    assert funnel("", "run", "--as-of", "2199-01-01")[0] == 2
    assert receiver.tries == 0


def test_a_webhook_that_is_no_address_is_2_and_is_not_shown(funnel: Funnel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNNEL_ALERT_WEBHOOK", "hooks.example/T0/secret")
    code, said = funnel("", "run")
    assert code == 2
    assert "FUNNEL_ALERT_WEBHOOK is not an http(s) address" in said
    assert "T0" not in said
