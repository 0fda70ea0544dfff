"""What shares dear fixtures shares a worker: tests go to workers by file, files that live one story go together."""

from __future__ import annotations

import pytest

STORY = ("test_truth.py", "test_kill.py", "test_semantic_layer.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = "story" if item.path.name in STORY else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
