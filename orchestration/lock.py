"""One run at a time: a kernel lock on FUNNEL_HOME/run.lock, freed by the kernel however the holder ends."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

from orchestration.errors import RunLocked

_held: dict[Path, RunLock] = {}


class RunLock:
    """Context manager; taking it again in the process that holds it is allowed and does nothing."""

    def __init__(self, path: Path, command: str | None = None) -> None:
        self.path = path.absolute()
        self.command = command or " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        self._file: IO[str] | None = None

    def __enter__(self) -> RunLock:
        """Errors: RunLocked with who holds it; OSError where the file cannot be written."""
        if self.path in _held:
            return self
        file = self.path.open("a+", encoding="utf-8")
        if not _take(file):
            file.seek(0)
            text = file.read()
            file.close()
            raise RunLocked(
                f"Another run is going: {describe(text)}.",
                "Wait for it, or end that process; the lock is freed with it.",
            )
        file.seek(0)
        file.truncate()
        json.dump(
            {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
                "command": self.command,
            },
            file,
        )
        file.flush()
        self._file, _held[self.path] = file, self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            _held.pop(self.path, None)
            self._file.close()
            self._file = None


def _take(file: IO[str], tries: int = 4) -> bool:
    """A few tries within half a second, because `holder` below takes the lock for an instant to look at it."""
    for attempt in range(tries):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.15 if attempt < tries - 1 else 0)
    return False


def describe(text: str) -> str:
    """The lock file's content as a clause: pid, host, since when, which command."""
    try:
        data = json.loads(text)
        return f"pid {data['pid']} on {data['host']} since {data['since']}, `{data['command']}`"
    except (ValueError, KeyError, TypeError):
        return "its holder has not written who it is yet"


def holder(path: Path) -> str | None:
    """Who holds the lock now, or None. Never waits and leaves the lock as it is."""
    try:
        with path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return describe(file.read())
    except OSError:
        pass
    return None
