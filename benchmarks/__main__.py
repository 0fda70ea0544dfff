"""`make bench`: every measurement, or those named: `make bench ARGS=extraction`. `big` runs only when it is named."""

from __future__ import annotations

import importlib
import sys

ALL = ("warehouse", "refresh", "extraction", "lead_priority")


def main() -> None:
    for name in sys.argv[1:] or ALL:
        print(f"# {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
