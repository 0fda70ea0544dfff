"""How good a forecast was: error measures of one figure and of many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.histories import Floats


@dataclass(frozen=True)
class Summary:
    """Over many figures: wape = Σ|f - a| / Σa, bias = Σ(f - a) / Σa, shares of actuals inside, below and above
    [p10, p90] (NaN where the method has no interval), mean pinball loss of p50 (0.5 |f - a| for a point), n."""

    wape: float
    bias: float
    coverage: float
    below: float
    above: float
    pinball: float
    n: int


def pinball(actual: Floats, quantile: Floats, level: float) -> Floats:
    """Pinball (quantile) loss."""
    gap = actual - quantile
    return np.asarray(np.where(gap >= 0, level * gap, (level - 1) * gap))


def summary(forecast: Floats, actual: Floats, low: Floats, middle: Floats, high: Floats) -> Summary:
    """Measures of matched arrays; low, middle and high are p10, p50 and p90, NaN where there are none.

    Months may be zero, so no mean of percentage errors is formed.
    """
    base = np.abs(actual).sum()
    known = ~np.isnan(low)
    share = (lambda mask: float(mask[known].mean())) if known.any() else (lambda mask: float("nan"))
    losses = pinball(actual, np.where(np.isnan(middle), forecast, middle), 0.5)
    return Summary(
        float(np.abs(forecast - actual).sum() / base) if base else float("nan"),
        float((forecast - actual).sum() / base) if base else float("nan"),
        share((actual >= low) & (actual <= high)),
        share(actual < low),
        share(actual > high),
        float(losses.mean()) if len(losses) else float("nan"),
        len(actual),
    )
