"""`make bench`: every measurement, or those named: `make bench ARGS=extraction`. `big` and `guard` run only when they
are named (`warehouse` measures the guard over its own build).

Numbers after `forecast` are seeds of its worlds: `make bench ARGS="forecast 31 32"`.
"""

from __future__ import annotations

import importlib
import sys

ALL = ("warehouse", "refresh", "extraction", "lead_priority", "forecast")


def main() -> None:
    numbers = [argument for argument in sys.argv[1:] if argument.isdigit()]
    for name in [argument for argument in sys.argv[1:] if argument not in numbers] or ALL:
        print(f"# {name}", flush=True)
        module = importlib.import_module(f"benchmarks.{name}")
        module.main(numbers) if name == "forecast" else module.main()


if __name__ == "__main__":
    main()
