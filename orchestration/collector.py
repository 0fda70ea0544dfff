"""How often Python looks for garbage cycles."""

from __future__ import annotations

import gc


def gentle() -> None:
    """Rarely, from here on in this process. The modules of Dagster, dbt and Great Expectations and dbt's graph are
    millions of objects that live as long as the process: walking them again and again took an eighth of a run's CPU.
    """
    gc.set_threshold(100_000, 50, 100)
