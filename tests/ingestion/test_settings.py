"""Environment and funnel.yml: connections by variable, secrets that do not print, errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.errors import ConfigError
from ingestion.redaction import person_hash, redact
from ingestion.settings import Secret, load_alert_settings, load_settings


def test_one_variable_is_a_connection(tmp_path: Path) -> None:
    settings = load_settings({"HUBSPOT_ACCESS_TOKEN": "pat-x", "HUBSPOT_API_BASE": "http://127.0.0.1:1/"}, tmp_path)
    [connection] = settings.connections
    assert (connection.name, connection.vendor, connection.base_url) == ("hubspot", "hubspot", "http://127.0.0.1:1")
    assert connection.credentials["ACCESS_TOKEN"].reveal() == "pat-x"
    assert "pat-x" not in repr(settings)


def test_further_connections_and_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("pat-file\n")
    env = {
        "HUBSPOT_ACCESS_TOKEN": "pat-1",
        "HUBSPOT__EMEA_ACCESS_TOKEN_FILE": str(tmp_path / "token"),
        "HUBSPOT__EMEA_API_BASE": "http://127.0.0.1:2",
    }
    first, second = load_settings(env, tmp_path).connections
    assert (first.name, first.base_url) == ("hubspot", "https://api.hubapi.com")
    assert (second.name, second.base_url) == ("emea", "http://127.0.0.1:2")
    assert second.credentials["ACCESS_TOKEN"].reveal() == "pat-file"


def test_nothing_set_is_no_connection(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert settings.connections == ()
    assert settings.config.reporting_currency == "EUR"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reporting_timezone: UTC\nreporting_curency: EUR\n", "line 2: reporting_curency: unknown setting"),
        ("# comment\n\nreporting_timezone: Mars/Base\n", "line 3: reporting_timezone: 'Mars/Base' is not an IANA"),
        ("fiscal_year_start_month: 13\n", "line 1: fiscal_year_start_month: is a month number"),
        ("stages:\n  hubspot:\n    default:\n      s1: bogus\n", "line 1: stages: 'bogus' is not a stage category"),
        ("reporting_timezone: [\n", "not valid YAML"),
        ("- a\n", "a mapping of settings is expected"),
        ("fiscal_year_start_month: soon\n", "line 1: fiscal_year_start_month: Input should be a valid integer"),
        ("stages_confirmed:\n  hubspot:\n    default: soon\n", "line 3: stages_confirmed.hubspot.default"),
        ("\nstaleness_hours:\n  hubspot: 0\n", "line 2: staleness_hours: hubspot: 0 is not a positive number of hours"),
        (
            "properties:\n  hubspot:\n    deals:\n      segment: {type: text}\n      margin: {type: mony}\n",
            "line 5: properties.hubspot.deals.margin.type: Input should be 'text', 'number', 'money'",
        ),
        (
            "properties:\n  hubspot:\n    contacts:\n      segment: {}\n",
            "line 3: properties.hubspot.contacts: only deals can have properties of their own",
        ),
        (
            "properties:\n  hubspot:\n    deals:\n      the segment: {}\n",
            "line 4: properties.hubspot.deals.the segment: 'the segment' is not the internal name of a property",
        ),
        (
            "properties:\n  hubspot:\n    deals:\n      margin:\n        lable: Margin\n",
            "line 5: properties.hubspot.deals.margin.lable: unknown setting",
        ),
        (
            "properties:\n  hubspot: {deals: {margin: {type: money}}}\n  emea:\n    deals:\n      margin: {}\n",
            "line 5: properties.emea.deals.margin: is text here and money in hubspot; a column has one type",
        ),
        (
            "properties: {hubspot: {deals: {margin: {}}},\n  emea: {deals: {Margin: {}}}}\n",
            "line 2: properties.emea.deals.Margin: would be the same column as margin",
        ),
        (
            "properties:\n  hubspot:\n    deals: {owner: {history: true}}\n",
            "line 3: properties.hubspot.deals.owner: its changes are",
        ),
        (
            "properties:\n  hubspot:\n    deals:\n      ends: {renewal: due_date}\n",
            "line 4: properties.hubspot.deals.ends: `renewal: due_date` needs type date or timestamp",
        ),
        (
            "properties:\n  hubspot:\n    deals:\n      a: {renewal: of_deal}\n      b: {renewal: of_deal}\n",
            "line 5: properties.hubspot.deals.b: another property of hubspot tells the renewal's of_deal already",
        ),
        (
            "amount_property:\n  hubspot:\n    default: 7\n",
            "line 3: amount_property.hubspot.default: Input should be a valid string",
        ),
        ("staleness_hours:\n  default: 26\n  hubspot: a while\n", "line 3: staleness_hours.hubspot: Input should be"),
    ],
)
def test_a_wrong_funnel_yml_names_line_and_reason(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "funnel.yml").write_text(text)
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        load_settings({}, tmp_path)


def test_what_a_connection_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "funnel.yml").write_text(
        "properties:\n"
        "  hubspot: {deals: {Segment: {label: Branch}, margin: {type: money, history: true}, hs_arr: {type: money,"
        " renewal: available_amount}}}\n"
        "  emea: {deals: {margin: {type: money}}}\n"
        "amount_property: {hubspot: {default: hs_arr, '77': amount}, emea: {'8': amount}}\n"
    )
    config = load_settings({}, tmp_path).config
    assert config.asked_of("hubspot") == {"Segment": False, "margin": True, "hs_arr": True}
    assert config.asked_of("emea") == {"margin": False}
    assert config.asked_of("other") == {}
    told = config.for_models()
    assert [(p["name"], p["column"], p["type"], p["sources"], p["tracked"]) for p in told["deal_properties"]] == [
        ("Segment", "x_segment", "text", ["hubspot"], []),
        ("margin", "x_margin", "money", ["hubspot", "emea"], ["hubspot"]),
        ("hs_arr", "x_hs_arr", "money", ["hubspot"], []),
    ]
    assert told["deal_properties"][0]["about"] == "Branch (hubspot:Segment)"
    assert [p["renewal"] for p in told["deal_properties"]] == [{}, {}, {"hubspot": "available_amount"}]
    assert told["amount_properties"] == {"hubspot": {"default": "hs_arr", "77": "amount"}}


def test_staleness_budget_is_the_connections_own_or_the_default(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path).config.staleness_budget("hubspot") == 26
    (tmp_path / "funnel.yml").write_text("staleness_hours: {default: 12, hubspot: 4.5}\n")
    config = load_settings({}, tmp_path).config
    assert (config.staleness_budget("hubspot"), config.staleness_budget("emea")) == (4.5, 12)


def test_webhook_and_heartbeat_are_secrets_also_from_files_and_must_be_addresses(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("https://hooks.example/T0/secret\n")
    env = {"FUNNEL_ALERT_WEBHOOK_FILE": str(tmp_path / "hook"), "FUNNEL_HEARTBEAT_URL": "https://beat.example/abc"}
    settings = load_settings(env, tmp_path)
    assert settings.alert_webhook is not None
    assert settings.heartbeat_url is not None
    assert settings.alert_webhook.reveal() == "https://hooks.example/T0/secret"
    assert settings.heartbeat_url.reveal() == "https://beat.example/abc"
    assert "secret" not in repr(settings)
    with pytest.raises(ConfigError, match="FUNNEL_ALERT_WEBHOOK is not an http") as refused:
        load_settings({"FUNNEL_ALERT_WEBHOOK": "hooks.example/secret"}, tmp_path)
    assert "secret" not in str(refused.value)
    assert load_settings({}, tmp_path).alert_webhook is None


def test_a_wrong_configuration_can_still_be_told_of(tmp_path: Path) -> None:
    (tmp_path / "funnel.yml").write_text("nonsense: 1\n")
    found = load_alert_settings({"FUNNEL_HOME": str(tmp_path), "FUNNEL_ALERT_WEBHOOK": "http://hook"})
    assert found is not None
    assert found.alert_webhook is not None
    assert (found.home, found.alert_webhook.reveal()) == (tmp_path, "http://hook")
    assert load_alert_settings({"FUNNEL_HOME": str(tmp_path), "FUNNEL_ALERT_WEBHOOK": "nonsense"}) is None
    assert load_alert_settings({"FUNNEL_HOME": str(tmp_path / "none")}) is None


def test_the_hash_key_is_made_once_and_private(tmp_path: Path) -> None:
    first, again = (load_settings({}, tmp_path).pii_key.reveal() for _ in range(2))
    assert first == again
    assert len(first) == 64
    assert (tmp_path / "pii.key").stat().st_mode & 0o777 == 0o600
    assert load_settings({"FUNNEL_PII_KEY": "mine"}, tmp_path).pii_key.reveal() == "mine"


def test_dotenv_in_the_home_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# mine\nexport HUBSPOT_ACCESS_TOKEN='pat-dotenv'\nFUNNEL_KEEP=3\n")
    settings = load_settings({"FUNNEL_KEEP": "4"}, tmp_path)
    assert settings.connections[0].credentials["ACCESS_TOKEN"].reveal() == "pat-dotenv"
    assert settings.keep == 4


def test_redaction_replaces_personal_data() -> None:
    key = Secret("k")
    record = {"id": "1", "properties": {"email": " Anna@Example.com ", "country": "DE"}}
    redact(record, {"properties.email": "email_hash", "properties.phone": "phone_hash", "email": "email_hash"}, key)
    assert record == {"id": "1", "properties": {"country": "DE", "email_hash": person_hash("anna@example.com", key)}}
    assert person_hash("anna@example.com", Secret("other")) != person_hash("anna@example.com", key)
    assert redact({"email": None}, {"email": "email_hash"}, key) == {"email_hash": None}
