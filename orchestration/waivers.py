"""Waivers: who let a month be closed although a check of its checklist said no, why, and until when that holds."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

from orchestration import chain, warehouse
from orchestration.errors import FunnelError, WrongUse
from orchestration.home import Home


def listed(home: Home) -> list[dict[str, Any]]:
    """All waivers ever given, oldest first. Errors: FunnelError where a line was changed."""
    try:
        return chain.read(home.vintages / "waivers.jsonl")
    except chain.ChainBroken as error:
        raise FunnelError(
            f"The list of waivers was changed: {error}.", "Restore it from a backup.", "vintage-damaged"
        ) from None


def in_force(home: Home, month: str, today: date) -> dict[str, dict[str, Any]]:
    """{check: waiver} of a month that have not expired; the expiry day itself still counts."""
    return {w["check"]: w for w in listed(home) if w["month"] == month and date.fromisoformat(w["expires"]) >= today}


def give(
    home: Home, month: str, check: str, rows: str, reason: str, by: str, expires: date, at: datetime, today: date
) -> dict[str, Any]:
    """Record a waiver. Errors: WrongUse where it says neither why nor who, or has expired already."""
    if not reason.strip() or not by.strip():
        raise WrongUse(f"A waiver of `{check}` needs --reason and --by.", "They are recorded for good.")
    if expires < today:
        raise WrongUse(f"--expires {expires} has passed.", "Name a day to come.")
    home.vintages.mkdir(parents=True, exist_ok=True)
    waiver = {"month": month, "check": check, "rows": rows, "reason": reason.strip(), "by": by.strip(),
              "at": at.isoformat(), "expires": expires.isoformat()}  # fmt: skip
    chain.append(home.vintages / "waivers.jsonl", waiver)
    return waiver


def load(path: Path, home: Home) -> None:
    """All waivers as meta.forecast_waivers, which is published; none where their list was changed (see `listed`)."""
    try:
        waivers = listed(home)
    except FunnelError:
        waivers = []
    with warehouse.connect(path) as connection:
        connection.execute("begin; delete from meta.forecast_waivers")
        for w in waivers:
            connection.execute(
                "insert into meta.forecast_waivers values (last_day(cast(? || '-01' as date)), ?, ?, ?, ?, ?, ?)",
                [w["month"], w["check"], w["rows"], w["reason"], w["by"], w["at"], w["expires"]],
            )
        connection.execute("commit")
