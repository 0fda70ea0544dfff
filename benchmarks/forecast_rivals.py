"""AutoETS and AutoARIMA of statsforecast beside ours, on the same origins: from the months' won revenue alone.

An extra of the benchmarks (`pip install -e '.[rivals]'`); without it the columns are missing, and a line says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module

import numpy as np

from forecasting.backtest import Judged
from forecasting.hazards import HORIZONS
from forecasting.scores import Summary
from forecasting.spells import won_by_month
from forecasting.study import Study
from orchestration.backtest import measures

RIVALS = {"auto_ets": "AutoETS", "auto_arima": "AutoARIMA"}
YEAR, TWO_YEARS = 12, 24
"""A season of twelve months is looked for in series of two years or longer."""
Rival = Callable[[np.ndarray], np.ndarray]


@cache
def rivals() -> dict[str, Rival]:
    """By method: won revenue of past months → the nine after them. Empty where the extra is not installed."""
    try:
        models = import_module("statsforecast.models")
    except ImportError:
        print("statsforecast is not installed: no AutoETS and AutoARIMA beside ours (pip install -e '.[rivals]')")
        return {}

    def of(name: str) -> Rival:
        model = getattr(models, name)
        return lambda past: np.maximum(
            model(season_length=YEAR if len(past) >= TWO_YEARS else 1).forecast(y=past, h=HORIZONS)["mean"], 0.0
        )

    return {method: of(name) for method, name in RIVALS.items()}


def rival_measures(
    s: Study, origins: Iterable[int], last: int, methods: dict[str, Rival]
) -> dict[str, dict[str, Summary]]:
    """Measures by method and band, of origins judged on targets through month `last`."""
    judged = []
    for as_of in origins:
        past = won_by_month(s.wins, s.first_won, as_of, known_through=as_of)
        came = won_by_month(s.wins, as_of + 1, as_of + HORIZONS)
        for method, told in methods.items():
            said = told(past)
            judged += [
                Judged(as_of, h, "total", "all", "all", method, float(said[h - 1]), float(came[h - 1]),
                       *[float("nan")] * 3)
                for h in range(1, min(HORIZONS, last - as_of) + 1)
            ]  # fmt: skip
    return measures(judged)
