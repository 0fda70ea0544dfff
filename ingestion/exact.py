"""JSON of which no number becomes a double: cents would be lost."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def exact_json(body: bytes) -> Any:
    """Parsed JSON; numbers with a fraction or an exponent are texts. Errors: json.JSONDecodeError, a ValueError."""
    return json.loads(body, parse_float=lambda text: f"{Decimal(text):f}")
