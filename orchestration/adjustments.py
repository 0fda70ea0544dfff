"""adjustments.csv: what management says instead of the forecast. Only added to: a recorded row that changed is refused.

Never mixed into the forecast; scored beside it as method `management`. Each row is recorded by the first run that sees
it, in a chain (vintages/adjustments.jsonl); it is scored where that was by the end of its vintage's closing day.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from ingestion.close import midnight, next_month
from ingestion.errors import ConfigError
from ingestion.settings import Settings
from orchestration import chain, own_csv, warehouse
from orchestration.errors import FunnelError
from orchestration.home import Home

COLUMNS = ("vintage", "target_month", "segment_type", "segment", "amount", "delta", "reason", "by", "at")
SEGMENT_TYPES = ("all", "pipeline", "team")
HORIZONS = 9
NEVER = "an adjustment is never changed or taken back; put the row back and add another one below it, which counts"


@dataclass(frozen=True)
class Adjustment:
    """One row. `vintage`: the month (YYYY-MM) at whose end the forecast was made; `amount` in place of it or `delta` to
    it, reporting currency, as text to the cent."""

    vintage: str
    target_month: str
    segment_type: str
    segment: str
    amount: str | None
    delta: str | None
    reason: str
    by: str
    at: str


def record(home: Home, now: datetime) -> list[dict[str, Any]]:
    """The rows of the file, each with `recorded_at`; new ones are recorded now.

    Errors: ConfigError with the line; FunnelError where the chain of what was recorded was changed.
    """
    path, book = home.adjustments, home.vintages / "adjustments.jsonl"
    rows = own_csv.read(path, COLUMNS, lambda line, row: (line, _adjustment(row)))
    try:
        known = chain.read(book)
    except chain.ChainBroken as error:
        raise FunnelError(
            f"The list of adjustments was changed: {error}.", "Restore it from a backup.", "vintage-damaged"
        ) from None
    for number, entry in enumerate(known):
        day = entry["recorded_at"][:10]
        if number >= len(rows):
            about = f"{entry['vintage']} for {entry['target_month']}, by {entry['by']}"
            raise ConfigError(f"{path.name} lacks a row recorded on {day} ({about}): {NEVER}")
        line, row = rows[number]
        if changed := ", ".join(name for name, value in asdict(row).items() if entry[name] != value):
            raise ConfigError(f"{path.name} line {line}: {changed} is not what was recorded on {day}: {NEVER}")
    for _, row in rows[len(known) :]:
        home.vintages.mkdir(parents=True, exist_ok=True)
        entry = {**asdict(row), "recorded_at": now.astimezone(UTC).isoformat()}
        chain.append(book, entry)
        known.append(entry)
    return known


def load(settings: Settings, now: datetime) -> None:
    """All rows as meta.forecast_adjustments, which is published. Errors: as `record`."""
    close, zone = settings.config.close, settings.config.reporting_timezone
    with warehouse.connect(settings.warehouse) as connection:
        connection.execute("begin; delete from meta.forecast_adjustments")
        for number, e in enumerate(record(Home(settings.home), now), 1):
            target = f"{e['target_month']}-01"
            made, recorded = own_csv.month("vintage", e["vintage"]), datetime.fromisoformat(e["recorded_at"])
            connection.execute(
                f"insert into meta.forecast_adjustments values (?{', ?' * 11})",
                [number, next_month(made) - timedelta(days=1), target, e["segment_type"], e["segment"], e["amount"],
                 e["delta"], e["reason"], e["by"], e["at"], e["recorded_at"],
                 recorded < midnight(close.day(made) + timedelta(days=1), zone)],
            )  # fmt: skip
        connection.execute("commit")


def _adjustment(row: dict[str, str]) -> Adjustment:
    made, target = (own_csv.month(name, row[name]) for name in ("vintage", "target_month"))
    ahead = (target.year - made.year) * 12 + target.month - made.month
    if not 1 <= ahead <= HORIZONS:
        raise ValueError(f"target_month {row['target_month']} is not one of the nine months after {row['vintage']}")
    kind = row["segment_type"] or "all"
    if kind not in SEGMENT_TYPES:
        raise ValueError(f"segment_type '{kind}' is none of {', '.join(SEGMENT_TYPES)}")
    if kind == "all" and row["segment"] not in ("", "all"):
        raise ValueError("of the company takes no segment")
    if bool(row["amount"]) == bool(row["delta"]):
        raise ValueError("give either amount (instead of the forecast) or delta (added to it)")
    for name in ("reason", "by"):
        if not row[name]:
            raise ValueError(f"{name} is empty")
    amount, delta = (str(_money(name, row[name])) if row[name] else None for name in ("amount", "delta"))
    at = date.fromisoformat(row["at"]).isoformat()
    segment = "all" if kind == "all" else row["segment"]
    return Adjustment(
        f"{made:%Y-%m}", f"{target:%Y-%m}", kind, segment, amount, delta, row["reason"], row["by"], at
    )  # fmt: skip


def _money(name: str, text: str) -> Decimal:
    value = own_csv.money(name, text)
    if name == "amount" and value < 0:
        raise ValueError(f"amount '{text}' is negative")
    return value
