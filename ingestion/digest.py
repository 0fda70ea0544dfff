"""`digest` in funnel.yml: how often the digest goes to FUNNEL_DIGEST_WEBHOOK, and how much of it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Digest(BaseModel):
    """Once a day, or once a week from Monday on, with the first publication that is due.

    `deals`: follow-ups to list; the rest is counted. `deal_names`: whether their names are told, which people type and
    may put persons' names into.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Literal["day", "week"] = "week"
    deals: int = Field(default=15, ge=0, le=100)
    deal_names: bool = False

    def period(self, day: date) -> str:
        """The period a day lies in, of which there is one digest: `2026-06-30` or `2026-W27`."""
        year, week, _ = day.isocalendar()
        return day.isoformat() if self.every == "day" else f"{year}-W{week:02}"
