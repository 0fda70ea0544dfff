"""Properties of deals that funnel.yml names beyond those of every portal: what is asked for, and under which names.

`dim_deals` gets a column `x_<name>` for each; no column of the contract begins so. What a connection does not configure
is null in its rows. The amount property of a pipeline is asked for with its history, whether or not it is a column too.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

PREFIX = "x_"
AMOUNT = "amount"
FIELDS = (
    "stage", "pipeline", "amount", "currency", "close_date", "owner", "deal_type", "forecast_category", "deleted",
    "merged_into",
)  # fmt: skip
"""Fields of fct_deal_events: a property of the same name could not be told apart from them there."""

RENEWAL_TYPES = {"of_deal": ("text",), "due_date": ("date", "timestamp"), "available_amount": ("money",)}


class Misplaced(ValueError):
    """A wrong value below the setting that was being checked; `location` leads from there to it."""

    def __init__(self, location: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.location = location


class Property(BaseModel):
    """One configured property. Types: number is a double, money decimal(18,2), date a day, timestamp an instant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str | None = None
    type: Literal["text", "number", "money", "date", "timestamp", "boolean"] = "text"
    history: bool = False
    renewal: Literal["of_deal", "due_date", "available_amount"] | None = None
    """What it tells of a renewal, on the renewal's own deal: the id of the deal it renews, when, for how much."""


def _known_object(name: str) -> str:
    if name != "deals":
        raise ValueError("only deals can have properties of their own")
    return name


def _property_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"'{name}' is not the internal name of a property (letters, digits and _)")
    return name


PropertyName = Annotated[str, AfterValidator(_property_name)]
Properties = dict[str, dict[Annotated[str, AfterValidator(_known_object)], dict[PropertyName, Property]]]
"""{connection: {"deals": {property: how it is understood}}}"""
AmountProperties = dict[str, dict[str, PropertyName]]
"""{connection: {pipeline id or "default": property that holds the amount of its deals}}"""


def consistent(value: Properties) -> Properties:
    """One column, one property and one type, over all connections. Errors: Misplaced."""
    seen: dict[str, tuple[str, Property, str]] = {}
    for source, objects in value.items():
        told: set[str] = set()
        for name, given in objects.get("deals", {}).items():
            here = (source, "deals", name)
            if given.renewal and given.type not in RENEWAL_TYPES[given.renewal]:
                wanted = " or ".join(RENEWAL_TYPES[given.renewal])
                raise Misplaced(here, f"`renewal: {given.renewal}` needs type {wanted}")
            if given.renewal in told:
                raise Misplaced(here, f"another property of {source} tells the renewal's {given.renewal} already")
            told |= {given.renewal} if given.renewal else set()
            if given.history and name in FIELDS:
                raise Misplaced(here, "its changes are (or would be mixed up with) a field of fct_deal_events already; "
                                      "leave `history` out")  # fmt: skip
            other, first, where = seen.setdefault(column_of(name), (name, given, source))
            if other != name:
                raise Misplaced(here, f"would be the same column as {other}")
            if first.type != given.type:
                raise Misplaced(here, f"is {given.type} here and {first.type} in {where}; a column has one type")
    return value


def column_of(name: str) -> str:
    """Column of `dim_deals`: the property's name in lower case behind the prefix."""
    return PREFIX + name.lower()


def asked_of(source: str, properties: Properties, amounts: AmountProperties) -> dict[str, bool]:
    """{property of deals: with its history?} that a connection is asked for beyond the usual ones."""
    asked = {name: given.history for name, given in properties.get(source, {}).get("deals", {}).items()}
    return asked | dict.fromkeys(sorted({name for name in amounts.get(source, {}).values() if name != AMOUNT}), True)


def for_models(properties: Properties, amounts: AmountProperties) -> dict[str, Any]:
    """The same as variables of dbt: `deal_properties` (one entry a column) and `amount_properties`."""
    columns: dict[str, dict[str, Any]] = {}
    for source, objects in properties.items():
        for name, given in objects.get("deals", {}).items():
            column: dict[str, Any] = {"name": name, "column": column_of(name), "type": given.type, "about": ""}
            entry = columns.setdefault(name, column | {"sources": [], "tracked": [], "renewal": {}})
            entry["renewal"] |= {source: given.renewal} if given.renewal else {}
            entry["sources"].append(source)
            entry["tracked"] += [source] if given.history else []
            entry["about"] += f"{'; ' if entry['about'] else ''}{given.label or name} ({source}:{name})"
    told = {source: given for source, given in amounts.items() if set(given.values()) - {AMOUNT}}
    return {"deal_properties": list(columns.values()), "amount_properties": told}
