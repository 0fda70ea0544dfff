"""Publishing on hold: FUNNEL_HOME/hold.json says why, since when and by whom; `funnel release` ends it.

Whoever moves `published/current` does it within `switching`, so that a rollback need not wait for a run that is going.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from ingestion.forgotten import FILE
from orchestration.errors import ForgettingUnfinished
from orchestration.home import Home, read_json, write_atomically


@dataclass(frozen=True)
class Hold:
    """Publishing stands at `publication`; `instead_of` was current before. `since` is an ISO instant in UTC."""

    since: str
    by: str
    why: str
    publication: str
    instead_of: str | None = None

    def __str__(self) -> str:
        return f"held at {self.publication} since {self.since[:16].replace('T', ' ')} UTC by {self.by}: {self.why}"


def read_hold(home: Home) -> Hold | None:
    """The hold in force. A hold.json that cannot be read holds as well: doubt does not publish."""
    path = home.root / "hold.json"
    if not path.exists():
        return None
    data = read_json(path) or {}
    return Hold(**{name: data.get(name) or "unknown" for name in ("since", "by", "why", "publication", "instead_of")})


def write_hold(home: Home, publication: str, instead_of: str | None, why: str) -> Hold:
    """Hold publishing from now on."""
    hold = Hold(datetime.now(UTC).isoformat(timespec="seconds"), _who(), why, publication, instead_of)
    write_atomically(home.root / "hold.json", json.dumps(asdict(hold), indent=1, ensure_ascii=False))
    return hold


def end_hold(home: Home) -> Hold | None:
    """Lift the hold; returns the one that was in force."""
    hold = read_hold(home)
    (home.root / "hold.json").unlink(missing_ok=True)
    return hold


def is_forgetting_unfinished(home: Home) -> bool:
    """Whether a `funnel forget` was begun and not finished."""
    return bool((read_json(home.root / FILE) or {}).get("unfinished"))


def refuse_unfinished(home: Home) -> None:
    """Before publishing. Errors: ForgettingUnfinished: the warehouse may still tell of a person."""
    if is_forgetting_unfinished(home):
        raise ForgettingUnfinished(
            "A `funnel forget` was interrupted.", "Run `funnel forget` (without a name) to finish it."
        )


@contextmanager
def switching(home: Home) -> Iterator[None]:
    """Alone in deciding where `current` points. Held for an instant, freed by the kernel if the holder dies."""
    home.published.mkdir(parents=True, exist_ok=True)
    with (home.published / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # a user id without a name, as in containers
        return socket.gethostname()
