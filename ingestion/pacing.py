"""Sliding-window allowances of one connection. A wait that the server asks for holds every thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from pyrate_limiter import Duration, InMemoryBucket, Limiter, Rate


class Pacer:
    """Sliding-window allowances that follow what the server announces, and a gate that a server's wait closes."""

    def __init__(
        self,
        rates: Mapping[str, tuple[int, float]],
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep, self._clock = sleep, clock
        self._lock = threading.Lock()
        self._rates = dict(rates)
        self._limiters = {name: self._limiter(*rate) for name, rate in rates.items()}
        self._open_at: dict[str, float] = {}

    @staticmethod
    def _limiter(limit: int, seconds: float) -> Limiter:
        # 2 % longer than announced: the server counts arrivals, we count departures.
        return Limiter(InMemoryBucket([Rate(limit, int(seconds * 1.02 * Duration.SECOND))]))

    def take(self, allowance: str) -> None:
        """Wait until a request against `allowance` may leave."""
        while (wait := self._open_at.get(allowance, 0.0) - self._clock()) > 0:
            self._sleep(wait)
        self._limiters[allowance].try_acquire(allowance)

    def hold(self, allowance: str, seconds: float) -> None:
        """Let no request of `allowance` leave for so many seconds."""
        with self._lock:
            self._open_at[allowance] = max(self._open_at.get(allowance, 0.0), self._clock() + seconds)

    def announce(self, allowance: str, limit: int, seconds: float) -> None:
        """Adopt the server's own figure."""
        if limit > 0 and seconds > 0 and self._rates.get(allowance) != (limit, seconds):
            with self._lock:
                self._rates[allowance] = (limit, seconds)
                self._limiters[allowance] = self._limiter(limit, seconds)
