"""Instants as Salesforce writes them: by REST without a colon in the offset, in CSV with Z, in SOQL unquoted."""

from __future__ import annotations

from typing import Any

from ingestion.instants import moment


def milliseconds(text: Any) -> int | None:
    """Epoch milliseconds of either spelling."""
    found = moment(text)
    return None if found is None else round(found.timestamp() * 1000)


def literal(text: Any) -> str:
    """The same instant as SOQL takes it; empty where it is none."""
    found = moment(text)
    return "" if found is None else f"{found:%Y-%m-%dT%H:%M:%S}.{found.microsecond // 1000:03}Z"


def is_true(value: Any) -> bool:
    """A boolean of JSON or of CSV."""
    return value is True or value == "true"
