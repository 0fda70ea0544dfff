"""Dagster's definitions of a home are loaded once a process: tests of several homes in one process let go of them."""

import sys


def let_go() -> None:
    """The next run loads the definitions of the home that the environment then names."""
    sys.modules.pop("orchestration.definitions", None)
