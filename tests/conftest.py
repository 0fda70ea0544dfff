"""What takes longest is started first (`make test`: two workers, a file to each at a time)."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
DEAREST_FIRST = (
    "e2e/test_truth.py", "e2e/test_semantic_layer.py", "e2e/test_kill.py", "e2e/test_bad_input.py",
    "e2e/test_undo_run.py", "e2e/", "dbt_project/", "orchestration/test_run.py", "orchestration/", "",
)  # fmt: skip
"""Beginnings of paths below tests/. The story (conftest.py in e2e/) is built once on each worker that needs it:
`--dist loadgroup`, which should keep its files on one, spread them in practice (not understood)."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(HERE).as_posix() if item.path.is_relative_to(HERE) else ""
        return next(n for n, start in enumerate(DEAREST_FIRST) if path.startswith(start))

    items.sort(key=place)
