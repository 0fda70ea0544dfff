"""Personal data out of records before they are landed: a keyed hash takes its place, so that people still join."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from ingestion.settings import Secret


def person_hash(value: str, key: Secret) -> str:
    """HMAC-SHA256 of the trimmed lower-case text, 32 hex digits: equal across systems that share FUNNEL_PII_KEY."""
    return hmac.new(key.reveal().encode(), value.strip().lower().encode(), hashlib.sha256).hexdigest()[:32]


def redact(record: dict[str, Any], personal: Mapping[str, str], key: Secret) -> dict[str, Any]:
    """Replace, in place, each text at a dotted path of `personal` by its hash under the name given there."""
    for path, replacement in personal.items():
        *folders, name = path.split(".")
        holder: Any = record
        for folder in folders:
            holder = holder.get(folder) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and name in holder:
            value = holder.pop(name)
            holder[replacement] = person_hash(str(value), key) if value else None
    return record
