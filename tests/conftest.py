"""Who runs what on two cores (`make test`): what hangs on one dear thing is one worker's; dearest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestration import collector

HERE = Path(__file__).parent
TOGETHER = ("e2e/test_truth.py", "e2e/test_semantic_layer.py", "e2e/test_kill.py"), ("dbt_project/",)
"""Files of one worker: those of the whole story (e2e/conftest.py), those of one compiled dbt project."""
IN_ORDER = (
    *TOGETHER[0], "orchestration/test_run.py", "dbt_project/", "e2e/test_undo_run.py", "e2e/test_bad_input.py", "e2e/",
    "orchestration/", "",
)  # fmt: skip
"""Beginnings of paths below tests/, dearest first; those that copy the story's first chapter when it will be there."""


collector.gentle()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(HERE).as_posix() if item.path.is_relative_to(HERE) else ""
        return next(n for n, start in enumerate(IN_ORDER) if path.startswith(start))

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`: a file stays whole on a worker, and files of TOGETHER stay together."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByGroup(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = super()._split_scope(nodeid)
            groups = (group[0] for group in TOGETHER if path.removeprefix("tests/").startswith(group))
            return next(groups, path)

    return ByGroup(config, log)
