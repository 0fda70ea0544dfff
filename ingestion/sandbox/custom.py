"""Properties that this portal made for itself, all functions of the deal's id and amount: no draw of the seed moves.

industry_segment   text that never changes, empty for a fifth of the deals
expected_margin    a fifth of the amount, changes with it
hs_arr             what a year brings: four fifths of the amount, changes with it
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from ingestion.sandbox.model import Change

SEGMENTS = ("manufacturing", "retail", "", "software", "energy & water")
SHARES = {"expected_margin": Decimal("0.2"), "hs_arr": Decimal("0.8")}


def segment(id: int) -> str:
    """industry_segment of a deal."""
    return SEGMENTS[id % len(SEGMENTS)]


def part(name: str, amount: str | None) -> str:
    """expected_margin or hs_arr where the amount is this; empty where there is none."""
    try:
        return str(round(Decimal(amount or "") * SHARES[name], 2))
    except InvalidOperation:
        return ""


def histories(amounts: list[Change]) -> dict[str, list[Change]]:
    """{property: its changes} of a deal whose amount changed so."""
    if not amounts:
        return {}
    return {name: [change._replace(name=name, value=part(name, change.value)) for change in amounts] for name in SHARES}
