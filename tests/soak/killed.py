"""`python -m tests.soak.killed POINT SIDE ARGUMENTS…`: funnel, killed with SIGKILL at one commit point.

POINT is `module:function`, SIDE `before` or `after` its first call. Nothing of this is in the product: the function is
wrapped in this process only.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any


def arm(point: str, side: str) -> None:
    """Wrap the function so that its first call kills this process, before it does anything or when it is done."""
    module_name, _, path = point.partition(":")
    holder: Any = importlib.import_module(module_name)
    *owners, name = path.split(".")
    for owner in owners:
        holder = getattr(holder, owner)
    original = getattr(holder, name)

    def armed(*arguments: Any, **named: Any) -> Any:
        if side == "after":
            original(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(holder, name, armed)


if __name__ == "__main__":
    arm(sys.argv[1], sys.argv[2])
    from orchestration.cli import main

    raise SystemExit(main(sys.argv[3:]))
