"""Stage history as a CSV in the canonical form: deal_id, entered_at, stage, kind, amount, expected_close_date, segment.

More columns are ignored, but for `probability` (the CRM's own, 0 to 1). Times without an offset are taken as they are,
others as UTC.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from forecasting.histories import LOST, OPEN, WON, Histories, histories, month_of
from orchestration.errors import WrongUse

REQUIRED = ("deal_id", "entered_at", "stage", "kind", "amount", "expected_close_date", "segment")
KINDS = {"open": OPEN, "won": WON, "lost": LOST}


class BadTransitions(WrongUse):
    """The file is not in the canonical form; nothing was written."""


def read_transitions(path: Path) -> Histories:
    """The file's rows as histories; codes of deals, stages and segments are in sorted order of their names."""
    with _opened(path) as file:
        reader = csv.DictReader(file)
        missing = [name for name in REQUIRED if name not in (reader.fieldnames or [])]
        if missing:
            raise BadTransitions(
                f"{path.name} line 1: no column {', '.join(missing)}.", f"Needed are {', '.join(REQUIRED)}."
            )
        parsed = list(_parsed(reader, path.name))
    if not parsed:
        raise BadTransitions(f"{path.name}: no transitions under its header.", "Export at least one stage entry.")
    deals, at, stages, kinds, amounts, due, segments, probability = (
        list(column) for column in zip(*parsed, strict=True)
    )
    names = sorted(set(segments))
    return histories(
        np.unique(np.array(deals), return_inverse=True)[1],
        np.array(at, dtype="datetime64[us]"),
        np.unique(np.array(stages), return_inverse=True)[1],
        np.array(kinds),
        np.array(amounts),
        month_of(np.array(due, dtype="datetime64[us]")),
        segment=np.searchsorted(np.array(names), np.array(segments)),
        probability=np.array(probability),
        segments=tuple(names),
        close_date=np.array(due, dtype="datetime64[us]"),
    )


def _opened(path: Path) -> TextIO:
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise BadTransitions(f"{path.name} cannot be opened: {error.strerror or error}.") from None


def _parsed(reader: csv.DictReader[str], name: str) -> Iterator[tuple[Any, ...]]:
    try:
        for row in reader:
            yield _row(row, f"{name} line {reader.line_num}")
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise BadTransitions(f"{name} line {reader.line_num + 1}: cannot be read ({error}).") from None


def _row(row: dict[str, str], where: str) -> tuple[Any, ...]:
    def read(column: str, parse: Callable[[str], Any], wanted: str) -> Any:
        text = (row.get(column) or "").strip()
        try:
            return parse(text)
        except (ValueError, KeyError, OverflowError):
            raise BadTransitions(f"{where}, deal {row.get('deal_id')}: {column} '{text}' is not {wanted}.") from None

    return (
        read("deal_id", _needed, "an id"),
        read("entered_at", _instant, "an ISO date or time"),
        read("stage", _needed, "a stage"),
        read("kind", lambda text: KINDS[text.lower()], "open, won or lost"),
        read("amount", _number, "a number or empty"),
        read("expected_close_date", lambda text: _instant(text) if text else np.datetime64("NaT"), "a date or empty"),
        read("segment", lambda text: text or "all", "a segment"),
        read("probability", _share, "a number from 0 to 1 or empty"),
    )


def _needed(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _instant(text: str) -> np.datetime64:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(moment, "us")


def _number(text: str) -> float:
    value = float(text) if text else math.nan
    if text and not math.isfinite(value):
        raise ValueError(text)
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not (math.isnan(value) or 0 <= value <= 1):
        raise ValueError(text)
    return value
