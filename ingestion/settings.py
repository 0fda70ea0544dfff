"""Environment and funnel.yml (config.py) → frozen settings. The only place that reads the environment."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.config import Config, read_config
from ingestion.errors import ConfigError
from ingestion.registry import use_own, vendors
from ingestion.stream import Vendor

PROJECT_ROOT = Path(__file__).resolve().parents[1]


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


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know that is not data."""

    home: Path
    connections: tuple[Connection, ...]
    config: Config
    pii_key: Secret
    keep: int = 10
    alert_webhook: Secret | None = None
    digest_webhook: Secret | None = None
    heartbeat_url: Secret | None = None
    postgres_url: Secret | None = None
    """Where publications go as well (orchestration/postgres.py)."""

    @property
    def references(self) -> frozenset[str]:
        """Names of the connections that give exchange rates and no deals."""
        return frozenset(c.name for c in self.connections if vendors()[c.vendor].is_reference)

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

    The user's own vendors in FUNNEL_HOME/vendors are known from then on.

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
    use_own(home / "vendors")
    config = read_config(home / "funnel.yml")
    return Settings(
        home=home,
        connections=_distinct([*_connections(given), *_references(given, config)]),
        config=config,
        pii_key=_pii_key(given, home),
        keep=max(keep, 1),
        alert_webhook=_url(given, "FUNNEL_ALERT_WEBHOOK"),
        digest_webhook=_url(given, "FUNNEL_DIGEST_WEBHOOK"),
        heartbeat_url=_url(given, "FUNNEL_HEARTBEAT_URL"),
        postgres_url=Secret(address) if (address := _secret(given, "FUNNEL_POSTGRES_URL")) else None,
    )


def load_alert_settings(env: Mapping[str, str] | None = None) -> Settings | None:
    """Home and webhook alone, so that a wrong configuration can be told of; None where they are what is wrong."""
    given, home = _given(env, None)
    try:
        webhook = _url(given, "FUNNEL_ALERT_WEBHOOK")
    except ConfigError:
        return None
    return Settings(home, (), Config(), Secret(""), alert_webhook=webhook) if home.is_dir() else None


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
    missing = [f"{prefix}_{c.suffix}" for c in vendor.credentials if c.suffix not in found and not c.optional]
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


def _references(env: Mapping[str, str], config: Config) -> Iterator[Connection]:
    """Banks whose rates funnel.yml asks for, each once; they need no credential."""
    for vendor in vendors().values():
        if vendor.is_reference and vendor.name in config.exchange_rates:
            base = env.get(f"{vendor.name.upper()}_API_BASE") or vendor.base_url
            yield Connection(vendor.name, vendor.name, base.rstrip("/"), {})


def _distinct(connections: Sequence[Connection]) -> tuple[Connection, ...]:
    """Errors: ConfigError where two connections have one name: their records could not be told apart."""
    names = [connection.name for connection in connections]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"two connections are called {', '.join(twice)}: name the account otherwise (VENDOR__NAME_…)")
    return tuple(connections)


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
