"""HubSpot's rate limits: a rolling window, a day's budget, and search's own limit a second. Wall-clock, thread-safe."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock


class Window:
    """At most `most` admissions within any `seconds`. `most` None: no limit."""

    def __init__(self, most: int | None, seconds: float, clock: Callable[[], float]) -> None:
        self.most, self.seconds, self.clock = most, seconds, clock
        self._admitted: deque[float] = deque()

    def admit(self) -> bool:
        if self.most is None:
            return True
        now = self.clock()
        while self._admitted and self._admitted[0] <= now - self.seconds:
            self._admitted.popleft()
        if len(self._admitted) >= self.most:
            return False
        self._admitted.append(now)
        return True

    @property
    def remaining(self) -> int:
        return 0 if self.most is None else max(0, self.most - len(self._admitted))


class Limits:
    """`admit(search)` → None, or the policy that refuses: TEN_SECONDLY_ROLLING, SECONDLY or DAILY."""

    def __init__(
        self,
        rate: int | None = 190,
        search_rate: int | None = 5,
        daily: int = 650_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = Lock()
        self.burst, self.search = Window(rate, 10.0, clock), Window(search_rate, 1.0, clock)
        self.daily, self.used, self.refused = daily, 0, 0

    def admit(self, search: bool = False) -> str | None:
        with self._lock:
            if self.used >= self.daily:
                policy = "DAILY"
            elif search and not self.search.admit():
                policy = "SECONDLY"
            elif not search and not self.burst.admit():
                policy = "TEN_SECONDLY_ROLLING"
            else:
                self.used += 1
                return None
            self.refused += 1
            return policy

    def headers(self) -> dict[str, str]:
        """Those of every answer but search's."""
        if self.burst.most is None:
            return {}
        with self._lock:
            return {
                "X-HubSpot-RateLimit-Max": str(self.burst.most),
                "X-HubSpot-RateLimit-Remaining": str(self.burst.remaining),
                "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
                "X-HubSpot-RateLimit-Daily": str(self.daily),
                "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, self.daily - self.used)),
            }
