"""funnel.yml → a frozen, checked `Config`. A wrong key or value is a ConfigError with the line and the reason."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from ingestion.close import Close
from ingestion.digest import Digest
from ingestion.errors import ConfigError
from ingestion.meaning import DealTypes, Pipelines, Teams, meanings_for_models
from ingestion.properties import AmountProperties, Misplaced, Properties, asked_of, consistent, for_models
from ingestion.stall import Stall, StallDays

STAGE_CATEGORIES = (
    "prospecting", "qualification", "meeting", "proposal", "negotiation", "closing",
    "won", "fulfilment", "lost", "void",
)  # fmt: skip
STALENESS_HOURS = 26.0
"""A source read once a day, with two hours of grace."""


class Config(BaseModel):
    """funnel.yml; every default works without the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reporting_timezone: str = "UTC"
    reporting_currency: str = "EUR"
    fiscal_year_start_month: int = 1
    revenue_month: Literal["close_date", "closed_at"] = "close_date"
    home_currency: dict[str, str] = {}
    exchange_rates: tuple[Literal["ecb", "cbr"], ...] = ()
    """Banks whose daily rates are read, for what neither rates.csv nor the CRM gives a rate for."""
    stages: dict[str, dict[str, dict[str, str]]] = {}
    stages_confirmed: dict[str, dict[str, date | datetime]] = {}
    """{connection: {pipeline id: day or instant up to which the changes of its stages are understood}}."""
    staleness_hours: dict[str, float] = {}
    """{connection or `default`: hours its data may lie behind as-of before that is an alert}."""
    properties: Properties = {}
    amount_property: AmountProperties = {}
    pipelines: Pipelines = {}
    deal_types: DealTypes = {}
    teams: Teams = {}
    stall: Stall = Stall()
    stall_days: StallDays = {}
    close: Close = Close()
    digest: Digest = Digest()

    def staleness_budget(self, source: str) -> float:
        """Hours a source may lie behind as-of."""
        return self.staleness_hours.get(source, self.staleness_hours.get("default", STALENESS_HOURS))

    def asked_of(self, source: str) -> dict[str, bool]:
        """{property of deals: with its history?} that a connection is asked for beyond the usual ones."""
        return asked_of(source, self.properties, self.amount_property)

    def for_models(self) -> dict[str, Any]:
        """What models are told of properties, pipelines and deal types, as variables of dbt: another value is another
        project, under which everything is built anew.
        """
        meanings = meanings_for_models(self.pipelines, self.deal_types)
        return for_models(self.properties, self.amount_property) | meanings

    @field_validator("properties")
    @classmethod
    def _consistent(cls, value: Properties) -> Properties:
        return consistent(value)

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
        place = tuple(part for part in first["loc"] if part != "[key]")
        if isinstance(cause := first.get("ctx", {}).get("error"), Misplaced):
            place += cause.location
        name = ".".join(str(part) for part in place)
        raise ConfigError(f"{path.name} line {_line(node, place)}: {name}: {reason}") from None


def line_of(path: Path, location: tuple[str | int, ...]) -> int:
    """Line of a setting in a file that was read before, for what only the warehouse can tell to be wrong."""
    return _line(yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader), location)


def _line(node: Any, location: tuple[int | str, ...]) -> int:
    line = 1
    for part in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
            continue
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == str(part):
                line, node = key.start_mark.line + 1, value
                break
    return line
