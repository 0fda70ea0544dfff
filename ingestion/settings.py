"""Environment and funnel.yml → frozen settings. The only place that reads the environment."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from ingestion.errors import ConfigError
from ingestion.registry import vendors
from ingestion.stream import Vendor

PROJECT_ROOT = Path(__file__).resolve().parents[1]
STAGE_CATEGORIES = (
    "prospecting", "qualification", "meeting", "proposal", "negotiation", "closing",
    "won", "fulfilment", "lost", "void",
)  # fmt: skip
STALENESS_HOURS = 26.0
"""A source read once a day, with two hours of grace."""


class Secret:
    """A text that does not print. `reveal()` is called where the secret is used, nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


@dataclass(frozen=True)
class Connection:
    """One account at one vendor. `name` is the `source` of every table and the prefix of every key."""

    name: str
    vendor: str
    base_url: str
    credentials: Mapping[str, Secret] = field(repr=False)


class Config(BaseModel):
    """funnel.yml; every default works without the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reporting_timezone: str = "UTC"
    reporting_currency: str = "EUR"
    fiscal_year_start_month: int = 1
    revenue_month: Literal["close_date", "closed_at"] = "close_date"
    home_currency: dict[str, str] = {}
    stages: dict[str, dict[str, dict[str, str]]] = {}
    staleness_hours: dict[str, float] = {}
    """{connection or `default`: hours its data may lie behind as-of before that is an alert}."""

    def staleness_budget(self, source: str) -> float:
        """Hours a source may lie behind as-of."""
        return self.staleness_hours.get(source, self.staleness_hours.get("default", STALENESS_HOURS))

    @field_validator("staleness_hours")
    @classmethod
    def _hours(cls, value: dict[str, float]) -> dict[str, float]:
        for name, hours in value.items():
            if not 0 < hours < float("inf"):
                raise ValueError(f"{name}: {hours:g} is not a positive number of hours")
        return value

    @field_validator("reporting_timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"'{value}' is not an IANA time zone (such as Europe/Berlin)") from None
        return value

    @field_validator("reporting_currency")
    @classmethod
    def _currency(cls, value: str) -> str:
        if not re.fullmatch("[A-Z]{3}", value):
            raise ValueError(f"'{value}' is not a three-letter ISO currency code")
        return value

    @field_validator("fiscal_year_start_month")
    @classmethod
    def _month(cls, value: int) -> int:
        if not 1 <= value <= 12:
            raise ValueError("is a month number from 1 to 12")
        return value

    @field_validator("stages")
    @classmethod
    def _categories(cls, value: dict[str, dict[str, dict[str, str]]]) -> dict[str, dict[str, dict[str, str]]]:
        for category in (c for pipelines in value.values() for stages in pipelines.values() for c in stages.values()):
            if category not in STAGE_CATEGORIES:
                raise ValueError(f"'{category}' is not a stage category; known: {', '.join(STAGE_CATEGORIES)}")
        return value


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know that is not data."""

    home: Path
    connections: tuple[Connection, ...]
    config: Config
    pii_key: Secret
    keep: int = 10
    alert_webhook: Secret | None = None
    heartbeat_url: Secret | None = None

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def published(self) -> Path:
        return self.home / "published"


def load_settings(env: Mapping[str, str] | None = None, home: Path | None = None) -> Settings:
    """Settings from the environment, `.env` (working directory, then FUNNEL_HOME) and FUNNEL_HOME/funnel.yml.

    Errors: ConfigError with the variable, or the file's line, and the reason.
    """
    given, home = _given(env, home)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"FUNNEL_HOME {home} cannot be created: {error.strerror}. Name a writable folder.") from None
    try:
        keep = int(given.get("FUNNEL_KEEP") or 10)
    except ValueError:
        raise ConfigError(
            f"FUNNEL_KEEP is '{given['FUNNEL_KEEP']}', but takes a whole number of publications"
        ) from None
    return Settings(
        home=home,
        connections=tuple(_connections(given)),
        config=read_config(home / "funnel.yml"),
        pii_key=_pii_key(given, home),
        keep=max(keep, 1),
        alert_webhook=_url(given, "FUNNEL_ALERT_WEBHOOK"),
        heartbeat_url=_url(given, "FUNNEL_HEARTBEAT_URL"),
    )


def load_alert_settings(env: Mapping[str, str] | None = None) -> Settings | None:
    """Home and webhook alone, so that a wrong configuration can be told of; None where they are what is wrong."""
    given, home = _given(env, None)
    try:
        webhook = _url(given, "FUNNEL_ALERT_WEBHOOK")
    except ConfigError:
        return None
    return Settings(home, (), Config(), Secret(""), alert_webhook=webhook) if home.is_dir() else None


def read_config(path: Path) -> Config:
    """funnel.yml validated; a wrong key or value is a ConfigError that names the line."""
    if not path.exists():
        return Config()
    text = path.read_text(encoding="utf-8")
    try:
        data = yaml.safe_load(text) or {}
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path.name}{line}: not valid YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path.name} line 1: a mapping of settings is expected")
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        reason = "unknown setting" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path.name} line {_line(node, first['loc'])}: {name}: {reason}") from None


def _line(node: Any, location: tuple[int | str, ...]) -> int:
    line = 1
    for part in location:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == str(part):
                line, node = key.start_mark.line + 1, value
                break
    return line


def _connections(env: Mapping[str, str]) -> Iterator[Connection]:
    """A connection is on when all its credentials are set; the first is named after its vendor."""
    for vendor in vendors().values():
        prefix = vendor.name.upper()
        names = {
            match.group(1)
            for key in env
            for credential in vendor.credentials
            if (match := re.fullmatch(rf"{prefix}__([A-Z0-9_]+?)_{credential.suffix}(?:_FILE)?", key))
        }
        for name in ["", *sorted(names)]:
            yield from _connection(env, vendor, name)


def _connection(env: Mapping[str, str], vendor: Vendor, name: str) -> Iterator[Connection]:
    prefix = vendor.name.upper() + (f"__{name}" if name else "")
    found = {c.suffix: value for c in vendor.credentials if (value := _secret(env, f"{prefix}_{c.suffix}"))}
    missing = [f"{prefix}_{c.suffix}" for c in vendor.credentials if c.suffix not in found]
    if not found:
        return
    if missing:
        raise ConfigError(f"{prefix}: {', '.join(missing)} not set, though another of its variables is")
    base = env.get(f"{prefix}_API_BASE") or env.get(f"{vendor.name.upper()}_API_BASE") or vendor.base_url
    yield Connection(
        name=name.lower() or vendor.name,
        vendor=vendor.name,
        base_url=base.rstrip("/"),
        credentials={key: Secret(value) for key, value in found.items()},
    )


def _given(env: Mapping[str, str] | None, home: Path | None) -> tuple[dict[str, str], Path]:
    """The environment over `.env` of the working directory and of FUNNEL_HOME, and FUNNEL_HOME itself, absolute."""
    given = dict(os.environ if env is None else env)
    if env is None:
        given = _dotenv(Path.cwd() / ".env") | given
    home = home or Path(given.get("FUNNEL_HOME") or PROJECT_ROOT / "data").expanduser().absolute()
    return _dotenv(home / ".env") | given, home


def _url(env: Mapping[str, str], name: str) -> Secret | None:
    """An address to call, kept like a secret: whoever knows a webhook can post to it."""
    value = _secret(env, name)
    if value and not re.match(r"https?://[^/\s]+", value):
        raise ConfigError(f"{name} is not an http(s) address")
    return Secret(value) if value else None


def _secret(env: Mapping[str, str], name: str) -> str | None:
    if value := env.get(name, "").strip():
        return value
    if path := env.get(f"{name}_FILE"):
        try:
            return Path(path).expanduser().read_text(encoding="utf-8").strip() or None
        except OSError as error:
            raise ConfigError(f"{name}_FILE: {path} cannot be read: {error.strerror}") from None
    return None


def _pii_key(env: Mapping[str, str], home: Path) -> Secret:
    """FUNNEL_PII_KEY, else a random key kept in FUNNEL_HOME so that hashes stay joinable between runs."""
    if value := _secret(env, "FUNNEL_PII_KEY"):
        return Secret(value)
    path = home / "pii.key"
    try:
        if not path.exists():
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
        return Secret(path.read_text().strip())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}. FUNNEL_HOME must be writable.") from None


def _dotenv(path: Path) -> dict[str, str]:
    """KEY=VALUE lines; quotes and `export` are taken off, the environment itself wins."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (
        line.removeprefix("export ").split("=", 1)
        for line in map(str.strip, lines)
        if re.match(r"(export )?\w+=", line)
    )
    return {key: value.strip().strip("'\"") for key, value in pairs}
