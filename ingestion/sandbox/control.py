"""The stand-in's own endpoints under /_sandbox: status, clock, faults, edits, truth. Not part of any vendor's API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from ingestion.sandbox import faults, truth
from ingestion.sandbox.model import SILENT, iso

if TYPE_CHECKING:
    from ingestion.sandbox.serve import Sandbox

Query = dict[str, list[str]]


def answer(sandbox: Sandbox, method: str, path: str, query: Query, body: Any) -> tuple[int, Any]:
    """(status, JSON object or NDJSON bytes). A wrong request is 400 with the reason."""
    name = path.removeprefix("/_sandbox").strip("/")
    try:
        with sandbox.world.lock:
            if name.startswith("truth/"):
                return 200, _truth(sandbox, name.removeprefix("truth/"), query)
            if method == "GET" and name in _GETS:
                return 200, _GETS[name](sandbox)
            endpoint = _POSTS.get(name) if method == "POST" else None
            if endpoint is None:
                return 404, {
                    "message": f"no such control endpoint: {method} {path}",
                    "known": ["truth/…", *_GETS, *_POSTS],
                }
            return 200, endpoint(sandbox, body)
    except (KeyError, ValueError, TypeError, AttributeError) as problem:
        return 400, {"message": f"{type(problem).__name__}: {problem}"}


def status(sandbox: Sandbox) -> dict[str, Any]:
    world = sandbox.world
    views = {kind: world.view(kind) for kind in world.objects}
    return {
        "now": iso(world.now),
        "seed": world.seed,
        "live": {kind: len(view.live) for kind, view in views.items()},
        "archived": {kind: len(view.archived) for kind, view in views.items()},
        "requests": sum(sandbox.requests.values()),
        "requests_by_path": dict(sandbox.requests),
        "statuses": {str(code): count for code, count in sandbox.statuses.items()},
        "refused_by_limits": sandbox.limits.refused,
        "observed_at": [iso(moment) for moment in sorted(world.observed)],
        "faults": _rules(sandbox),
    }


def _rules(sandbox: Sandbox) -> dict[str, Any]:
    return {"rules": sandbox.faults.rules, "struck": sandbox.faults.struck}


def _truth(sandbox: Sandbox, table: str, query: Query) -> bytes:
    rows: Iterable[dict[str, Any]]
    one = {name: values[0] for name, values in query.items()}
    vendor, _, of_vendor = table.rpartition("_")
    crms = {"salesforce": sandbox.salesforce, **sandbox.stand_ins}
    if told := getattr(crms.get(vendor), "truth", None):
        rows = told(of_vendor, one.get("as_of"))
    elif table == "spend":
        rows = _spend(sandbox)
    else:
        rows = truth.rows(sandbox.part("hubspot"), table, **one)
    text = bytearray()  # not a list of lines: a large world has a million
    for row in rows:
        text += orjson.dumps(row) + b"\n"
    return bytes(text)


def _spend(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """What each advertising vendor says was spent a month."""
    for vendor, stand_in in sandbox.stand_ins.items():
        if hasattr(stand_in, "spend"):
            for (month, currency), micros in stand_in.spend().items():
                yield {"source": vendor, "month": month, "currency": currency, "micros": micros}


def _clock(sandbox: Sandbox, body: dict[str, Any]) -> dict[str, Any]:
    if "now" in body:
        sandbox.world.set_now(body["now"])
    else:
        sandbox.world.advance(float(body["advance_days"]))
    return {"now": iso(sandbox.world.now)}


def _faults(sandbox: Sandbox, body: Any) -> dict[str, Any]:
    """A rule, a list of rules, {"rules": […]}, or {"clear": true}."""
    if isinstance(body, dict) and body.get("clear"):
        sandbox.faults.clear()
    rules = body if isinstance(body, list) else body.get("rules", [body] if "kind" in body else [])
    for rule in rules:
        sandbox.faults.add(**rule)
    return _rules(sandbox)


def _quirks(sandbox: Sandbox, body: dict[str, Any]) -> dict[str, Any]:
    """{"garble": [spec], "removed": {object: [name]}, "renamed": {object: {old: new}},
    "added": {object: {name: value}}}, or {"clear": true}"""
    quirks = sandbox.shapes.quirks
    if body.get("clear"):
        quirks.garble.clear()
        for table in (quirks.removed, quirks.renamed, quirks.added):
            table.clear()
    made = [entry for spec in body.get("garble", []) for entry in faults.garble(sandbox.world, quirks, spec)]
    for kind, gone in body.get("removed", {}).items():
        quirks.removed[kind] |= set(gone)
    for kind, names in body.get("renamed", {}).items():
        quirks.renamed[kind].update(names)
    for kind, values in body.get("added", {}).items():
        quirks.added[kind].update(values)
    return {"garbled": made}


def _mutate(sandbox: Sandbox, body: dict[str, Any]) -> dict[str, Any]:
    """{"object": "deals", "id": "…", "set": {…}, "since": ISO} or {…, "action": "archive" | "restore" | "purge"} or
    {"object", "action": "merge", "survivor", "loser", "mint": false} or, moving no modification date,
    {…, "set": {…}, "silent": true} or {"object", "id", "action": "link" | "unlink", "to": "contacts", "to_id"} or
    {"action": "import", "count": 60, "made_by": {"hs_object_source": "IMPORT", "hs_object_source_id": "77"}}"""
    world, kind = sandbox.world, body.get("object", "deals")
    goes_on = None
    if body.get("action") == "merge":
        goes_on = world.merge(kind, int(body["survivor"]), int(body["loser"]), bool(body.get("mint")))
    elif body.get("action") in ("link", "unlink"):
        world.link(kind, int(body["id"]), body["to"], int(body["to_id"]), body["action"] == "link")
    elif body.get("action") == "import":
        return {"ids": [str(id) for id in world.bulk_import(int(body["count"]), body["made_by"])]}
    elif "action" in body:
        {"archive": world.archive, "restore": world.restore, "purge": world.purge}[body["action"]](
            kind, int(body["id"])
        )
    else:
        by = {"by": SILENT} if body.get("silent") else {}
        world.write(kind, int(body["id"]), body["set"], body.get("since"), **by)
    return {"now": iso(world.now), "id": None if goes_on is None else str(goes_on)}


def _scopes(sandbox: Sandbox, body: dict[str, Any]) -> dict[str, Any]:
    sandbox.api.without_scopes = set(body["without"])
    return {"without": sorted(sandbox.api.without_scopes)}


def _reset(sandbox: Sandbox, body: Any) -> dict[str, Any]:
    with sandbox.counting:
        sandbox.requests.clear()
        sandbox.statuses.clear()
    sandbox.limits.refused = sandbox.limits.used = 0  # a new day
    return {}


_GETS = {"": status, "faults": _rules, "accounts": lambda sandbox: sandbox.accounts()}
_POSTS = {
    "clock": _clock,
    "faults": _faults,
    "quirks": _quirks,
    "mutate": _mutate,
    "scopes": _scopes,
    "reset_counters": _reset,
}
