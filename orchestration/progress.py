"""Progress for people: bars on a terminal, plain lines elsewhere. Everything goes to stderr; results go to stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Protocol


class Reporter(Protocol):
    """What a run tells while it goes."""

    def say(self, text: str) -> None: ...

    def progress(self, source: str, stream: str, rows: int, expected: int | None) -> None: ...


class Quiet:
    """Says nothing (`--json`)."""

    def say(self, text: str) -> None:
        pass

    def progress(self, source: str, stream: str, rows: int, expected: int | None) -> None:
        pass


class Lines:
    """A line a stream every few seconds, and one a step: fit for logs."""

    EVERY = 5.0

    def __init__(self) -> None:
        self._lock, self._last, self._built = Lock(), {}, 0  # type: tuple[Lock, dict[str, float], int]

    def say(self, text: str) -> None:
        if node := _node(text):
            self._built += 1
            if self._built % 50 or node[0] == "error":
                return
            text = f"dbt: {self._built} models and tests"
        self._line(text)

    def progress(self, source: str, stream: str, rows: int, expected: int | None) -> None:
        with self._lock:
            name, now = f"{source}/{stream}", time.monotonic()
            if now - self._last.get(name, -self.EVERY) < self.EVERY and rows != expected:
                return
            self._last[name] = now
        of = f" of {expected:,}" if expected else ""
        self._line(f"{name}: {rows:,}{of} records")

    def _line(self, text: str) -> None:
        """One write a line: streams tell side by side."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class Bars:
    """A bar a stream, then a spinner with the name of what dbt is building."""

    def __init__(self, display: Any) -> None:
        self._display, self._lock, self._built = display, Lock(), 0
        self._tasks: dict[str, Any] = {}

    def say(self, text: str) -> None:
        if node := _node(text):
            self._built += 1
            self._show("build", f"dbt {self._built}: {node[1]}", self._built, None)
        else:
            self._display.console.print(text)

    def progress(self, source: str, stream: str, rows: int, expected: int | None) -> None:
        self._show(f"{source}/{stream}", f"{source}/{stream}", rows, expected)

    def _show(self, key: str, text: str, done: int, total: int | None) -> None:
        with self._lock:
            if key not in self._tasks:
                self._tasks[key] = self._display.add_task(text, total=total)
            self._display.update(self._tasks[key], description=text, completed=done, total=total)


@contextmanager
def reporter(quiet: bool) -> Iterator[Reporter]:
    """The reporter that fits where stderr goes."""
    if quiet:
        yield Quiet()
    elif not sys.stderr.isatty():
        yield Lines()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as display:
            yield Bars(display)


def _node(text: str) -> list[str] | None:
    """Words of a dbt line `model dim_deals success`, or None."""
    words = text.split()
    return words if len(words) == 3 and words[0] in ("model", "test", "seed") else None
