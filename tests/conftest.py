"""Who runs what on two cores (`make test`): tests over one dear thing go to one worker, what takes longest goes first.

Elsewhere (`-n 0`, no `--dist loadgroup`) only the order is seen.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
GROUPS = (
    ("e2e/test_truth.py", "the story"),
    ("e2e/test_semantic_layer.py", "the story"),
    ("e2e/test_kill.py", "the story"),
    ("e2e/test_bad_input.py", "the story"),
    ("e2e/test_undo_run.py", "the story"),
    ("dbt_project/", "one dbt"),
    ("e2e/", None),
    ("orchestration/test_run.py", None),
    ("orchestration/", None),
    ("", None),
)
"""(beginning of a path below tests/, its group), dearest first; without a name each file is a group of its own.

The story (conftest.py in e2e/) is a full run and two more; one dbt is a parsed and compiled project.
"""


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places: dict[str, int] = {}
    for item in items:
        path = item.path.relative_to(HERE).as_posix() if item.path.is_relative_to(HERE) else ""
        place, group = next((n, name) for n, (start, name) in enumerate(GROUPS) if path.startswith(start))
        places[item.nodeid] = place
        item.add_marker(pytest.mark.xdist_group(group or path))
    items.sort(key=lambda item: places[item.nodeid])
