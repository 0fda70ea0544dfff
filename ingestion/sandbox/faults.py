"""Faults on request: rules that make chosen answers fail, and records or schemas that are wrong.

A rule: {"kind", "match": substring of path?query, "method", "nth": n | "every": n, "times": n, …}; without nth and
every it strikes each matching request, `times` of them (all when absent; nth: once). A rule with an `every` above 1
lets an address through that failed IN_A_ROW times: else threads in step could meet it at every try of one of them.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import Any

from ingestion.sandbox import hubspot_errors
from ingestion.sandbox.hubspot_shapes import Quirks
from ingestion.sandbox.world import World

KINDS = {
    "429": "refused by the rolling limit (or `policy`), no Retry-After",
    "429_retry_after": "the same with Retry-After: `retry_after` (default 1)",
    "500": "JSON error", "503": "JSON error", "502_html": "a gateway's HTML page",
    "reset": "the connection is reset without an answer",
    "timeout": "no answer for `seconds` (default 60), then the connection closes",
    "truncated_json": "half of the JSON, its length declared right",
    "truncated_body": "half of the body, the full length declared, then the connection closes",
    "truncated_gzip": "a gzip stream that breaks off, its length declared right",
    "html_200": "status 200 and an HTML page", "same_cursor": "paging that never ends: the same `after` again",
    "shift_page": "the world changes before this answer: `action` (modify, archive, restore, purge) on record `id` of "
    "`object`, or (no id) modify/archive the live record at `position` (default 0) of the id order",
    "401": "token expired", "403_scope": "missing `scope`",
    "200_error": "an error inside a 200, where the vendor does so", "slow": "answers after `seconds` (default 2)",
}  # fmt: skip
_HTML = "<html><head><title>502 Bad Gateway</title></head><body><center>cloudflare</center></body></html>"
IN_A_ROW = 3
BAD = {"bad_number": ("amount", "12,5 Mio"), "bad_date": ("closedate", "31/31/2026")}


class Faults:
    """Thread-safe list of rules. `strike` says which of them hit a request, in the order they were added."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.rules: list[dict[str, Any]] = []
        self.struck: list[dict[str, Any]] = []
        self._in_a_row: Counter[tuple[str, str]] = Counter()

    def add(self, kind: str, **rule: Any) -> dict[str, Any]:
        """ValueError for an unknown kind."""
        if str(kind) not in KINDS:
            raise ValueError(f"unknown fault kind {kind!r}; known: {', '.join(KINDS)}")
        made = {"match": "", "method": None, **rule, "kind": str(kind), "seen": 0, "hits": 0}
        made.setdefault("times", 1 if "nth" in rule else None)
        with self._lock:
            self.rules.append(made)
        return made

    def clear(self) -> None:
        with self._lock:
            self.rules.clear()
            self.struck.clear()
            self._in_a_row.clear()

    def strike(self, method: str, target: str) -> list[dict[str, Any]]:
        with self._lock:
            hits = [rule for rule in self.rules if self._hits(rule, method, target)]
            self._in_a_row[method, target] = self._in_a_row[method, target] + 1 if hits else 0
            self.struck += [{"kind": rule["kind"], "request": f"{method} {target.partition('?')[0]}"} for rule in hits]
            return hits

    def _hits(self, rule: dict[str, Any], method: str, target: str) -> bool:
        if rule["match"] not in target or (rule["method"] or method) != method:
            return False
        rule["seen"] += 1
        if rule["times"] is not None and rule["hits"] >= rule["times"]:
            return False
        if "nth" in rule and not rule["nth"] <= rule["seen"] < rule["nth"] + rule["times"]:
            return False
        if (every := rule.get("every", 1)) > 1 and (rule["seen"] % every or self._in_a_row[method, target] >= IN_A_ROW):
            return False
        rule["hits"] += 1
        return True


def refusal(rule: dict[str, Any]) -> hubspot_errors.Refusal | None:
    """The refusal a rule stands for; None for the kinds that are no plain refusal."""
    kind = rule["kind"]
    if kind in ("429", "429_retry_after"):
        after = str(rule.get("retry_after", 1)) if kind == "429_retry_after" else None
        return hubspot_errors.limited(rule.get("policy", "TEN_SECONDLY_ROLLING"), after)
    if kind in ("500", "503"):
        return hubspot_errors.Refusal(int(kind), hubspot_errors.error("internal error", None))
    if kind == "401":
        return hubspot_errors.unauthorized(expired=True)
    if kind == "403_scope":
        return hubspot_errors.forbidden([rule.get("scope", "crm.objects.deals.read")])
    return None


def html(rule: dict[str, Any]) -> tuple[int, bytes] | None:
    return {"502_html": (502, _HTML.encode()), "html_200": (200, _HTML.encode())}.get(rule["kind"])


def shift(world: World, rule: dict[str, Any]) -> None:
    """Something happens at the source while somebody pages through it."""
    kind, action = rule.get("object", "deals"), rule.get("action", "modify")
    with world.lock:
        live = world.view(kind).live
        id = int(rule["id"]) if "id" in rule else live[min(rule.get("position", 0), len(live) - 1)]
        if action == "modify":
            world.write(kind, id, rule.get("values", {"hs_priority": "high"}))
        else:
            getattr(world, action)(kind, id)


def repeat_cursor(rule: dict[str, Any], body: dict[str, Any], asked: str | None) -> dict[str, Any]:
    """The answer's paging points at the page just asked for (or, on a first page, at one token for ever)."""
    after = asked or rule.setdefault("token", body.get("paging", {}).get("next", {}).get("after", "1"))
    return body | {"paging": {"next": {"after": after, "link": f"https://api.hubapi.com/?after={after}"}}}


def garble(world: World, quirks: Quirks, spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Make records carry bad values: {"object", "id", "property", "value"} for one, or {"kind": bad_number | bad_date |
    null_id, "object", "count"} for `count` live records. Returns the entries made (with their ids)."""
    kind = spec.get("object", "deals")
    if "id" in spec:
        made = [dict(spec, object=kind)]
    else:
        live = world.view(kind).live
        step = max(1, len(live) // max(1, spec.get("count", 1)))
        ids = live[::step][: spec.get("count", 1)]
        name, value = BAD.get(spec["kind"], ("", ""))
        extra: dict[str, Any] = {"null_id": True} if spec["kind"] == "null_id" else {"property": name, "value": value}
        made = [{"object": kind, "id": id, **extra} for id in ids]
    quirks.garble += made
    return made
