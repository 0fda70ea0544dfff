"""What Meta's headers say is used of its allowances, and when access comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def _usages(headers: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    for name in ("X-Business-Use-Case-Usage", "X-Ad-Account-Usage", "x-fb-ads-insights-throttle"):
        try:
            told = json.loads(headers.get(name) or "{}")
        except ValueError:
            continue
        yield from [told, *(v[0] for v in told.values() if isinstance(v, list) and v)]


def used_percent(headers: Mapping[str, str]) -> float | None:
    """The most that is used of any allowance, in per cent; None where nothing is said."""
    names = ("call_count", "total_cputime", "total_time", "acc_id_util_pct", "app_id_util_pct")
    told = [usage[name] for usage in _usages(headers) for name in names if isinstance(usage.get(name), int | float)]
    return float(max(told)) if told else None


def regained_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until access is regained, as far as the headers say."""
    minutes = [
        u["estimated_time_to_regain_access"] for u in _usages(headers) if u.get("estimated_time_to_regain_access")
    ]
    return 60.0 * max(minutes) if minutes else None
