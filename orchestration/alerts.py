"""One alert a surprise: what is wrong now against what was told before (FUNNEL_HOME/alerts.json).

An alert that stands open is not told again until it grows; one that no longer holds is told as resolved. What could not
be delivered counts as untold and is tried at the next run. Payloads hold names, counts and instants, no records.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from ingestion.settings import Secret, Settings
from orchestration.home import Home, read_json, write_atomically
from orchestration.runbooks import path as page
from orchestration.webhook import post

ONCE_KEPT, OUTBOX_KEPT, MEMBERS_SHOWN = 500, 50, 50
SHORTEST_SECRET = 6
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True)
class Alert:
    """Something a person should know.

    `kind` and `subject` say what it is about and are its identity; `members` are the single things that are wrong:
    a new one among them is a new surprise. `once`: an event that is over, told once for the same members, never
    resolved. `runbook`: a name of runbooks.PAGES.
    """

    kind: str
    title: str
    text: str
    severity: Severity = "warning"
    subject: str = ""
    members: frozenset[str] = frozenset()
    details: Mapping[str, Any] = field(default_factory=dict)
    runbook: str = ""
    once: bool = False

    @property
    def key(self) -> str:
        return f"{self.kind}|{self.subject}"


def raise_alert(
    session: Any,
    kind: str,
    title: str,
    text: str,
    *,
    severity: Severity = "warning",
    subject: str = "",
    members: Iterable[str] = (),
    details: Mapping[str, Any] | None = None,
    runbook: str = "",
    once: bool = False,
) -> Alert:
    """Note an alert on the run's session; it is told, or found told already, when the run ends.

    Raise it in every run in which it still holds: one that a good run does not raise again is told as resolved
    (`once` is for events that are over, such as a property that was added). A stage's key among `members` of a kind
    `stage_…` says that nothing else need be told of that stage.
    """
    made = Alert(kind, title, text, severity, subject, frozenset(members), dict(details or {}), runbook, once)
    session.alerts.append(made)
    return made


class Book:
    """alerts.json: what is open, what was told once, what waits for a webhook that was down, and the known stages."""

    def __init__(self, home: Home) -> None:
        self.path = home.alerts
        data = read_json(self.path) or {}
        self.open: dict[str, dict[str, Any]] = data.get("open") or {}
        self.once: dict[str, str] = data.get("once") or {}
        self.outbox: list[dict[str, Any]] = data.get("outbox") or []
        self.stages: dict[str, list[str]] | None = data.get("stages")

    def save(self) -> None:
        """Errors: OSError (full, read-only)."""
        kept = {
            "open": self.open,
            "once": dict(list(self.once.items())[-ONCE_KEPT:]),
            "outbox": self.outbox[-OUTBOX_KEPT:],
            "stages": self.stages,
        }
        write_atomically(self.path, json.dumps(kept, indent=1, ensure_ascii=False))


@dataclass(frozen=True)
class Origin:
    """The run that tells."""

    settings: Settings
    run_id: str = ""
    as_of: str = ""


def settle(book: Book, origin: Origin, now: Iterable[Alert], looked: Callable[[str, str], bool]) -> None:
    """Tell what is new and what is over, and bring the book up to date (it is not saved here).

    `looked(kind, subject)`: whether this run would have noticed, so that its silence means resolved.
    """
    found, line = merged(now), Line(origin.settings.alert_webhook)
    book.outbox = [waiting for waiting in book.outbox if not line.take(waiting)]
    for key, entry in list(book.open.items()):
        if key not in found and looked(entry["kind"], entry["subject"]):
            del book.open[key]
            over = payload(origin, Alert(**{**entry["alert"], "members": frozenset(entry["members"])}), resolved=True)
            if entry["told"] and not line.take(over):
                book.outbox.append(over)
    for key, alert in found.items():
        message = payload(origin, alert)
        if alert.once:
            mark = "|".join([key, *sorted(alert.members)])
            if mark not in book.once and not line.take(message) and line.address:
                book.outbox.append(message)
            book.once[mark] = message["at"]
            continue
        entry = book.open.get(key) or {"since": message["at"], "told": False, "members": []}
        if not entry["told"] or not alert.members <= set(entry["members"]):
            entry["told"] = line.take(message)
        members = sorted({*entry["members"], *alert.members})
        book.open[key] = entry | scrubbed(_kept(alert), origin.settings) | {"members": members}


class Line:
    """The webhook during one run: after one call that nobody took the others are not tried."""

    def __init__(self, address: Secret | None) -> None:
        self.address, self._up = address, True

    def take(self, message: Mapping[str, Any]) -> bool:
        """Whether the message was delivered; never, where no webhook is set."""
        self._up = self.address is not None and self._up and post(self.address, message)
        return self._up


def merged(alerts: Iterable[Alert]) -> dict[str, Alert]:
    """Alerts by key; of those about the same thing the first speaks, with the members of all."""
    found: dict[str, Alert] = {}
    for alert in alerts:
        key = alert.key + ("|once" if alert.once else "")
        first = found.get(key, alert)
        found[key] = replace(first, members=first.members | alert.members)
    return found


def payload(origin: Origin, alert: Alert, *, resolved: bool = False) -> dict[str, Any]:
    """What is posted: `text` says it all for chat webhooks, the rest is for machines."""
    title = f"Resolved: {alert.title}" if resolved else alert.title
    runbook = page(alert.runbook) if alert.runbook else None
    lines = [f"[funnel] {title}", "" if resolved else alert.text]
    if runbook and not resolved:
        lines.append(f"What to do: {runbook}")
    message = {
        "kind": alert.kind,
        "state": "resolved" if resolved else "raised",
        "severity": "info" if resolved else alert.severity,
        "title": title,
        "text": "\n".join(filter(None, lines)),
        "subject": alert.subject,
        "home": str(origin.settings.home),
        "host": socket.gethostname(),
        "run_id": origin.run_id,
        "as_of": origin.as_of,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "runbook": runbook,
        "details": {**alert.details, **({"members": sorted(alert.members)[:MEMBERS_SHOWN]} if alert.members else {})},
    }
    return scrubbed(message, origin.settings)


def scrubbed(message: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The message without any secret we know of and without anything that looks like an e-mail address."""
    known = [
        settings.pii_key,
        settings.alert_webhook,
        settings.digest_webhook,
        settings.heartbeat_url,
        settings.postgres_url,
    ]
    known += [secret for connection in settings.connections for secret in connection.credentials.values()]

    def clean(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {clean(key): clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [clean(item) for item in value]
        if not isinstance(value, str):
            return value
        for secret in known:
            if secret and len(secret.reveal()) >= SHORTEST_SECRET:
                value = value.replace(secret.reveal(), "***")
        return EMAIL.sub("<e-mail>", value)

    cleaned: dict[str, Any] = clean(message)
    return cleaned


def _kept(alert: Alert) -> dict[str, Any]:
    """What the book keeps of an alert, enough to tell of its end."""
    about = {name: getattr(alert, name) for name in ("kind", "subject", "severity", "title", "text", "runbook")}
    return {"kind": alert.kind, "subject": alert.subject, "alert": about}
