"""HubSpot's search over the world: filters, one sort, the 10,000-result window, an index that may lag behind.

With a lag the whole index is as of (now − lag): records changed since are stale in it, new ones invisible.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime
from typing import Any

from ingestion.sandbox.hubspot_errors import invalid
from ingestion.sandbox.hubspot_schema import MODIFIED
from ingestion.sandbox.hubspot_shapes import Shapes
from ingestion.sandbox.model import instant, status
from ingestion.sandbox.world import View

PAGE, WINDOW, GROUPS, FILTERS, ALL_FILTERS = 200, 10_000, 5, 6, 18
Condition = dict[str, Any]
OPERATORS = {
    "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY",
    "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN",
}  # fmt: skip


def number(text: Any) -> float | None:
    """Numbers and instants (ISO or ms) as one number; None for any other text."""
    try:
        return float(text)
    except (TypeError, ValueError):
        pass
    try:
        return float(instant(datetime.fromisoformat(str(text).replace("Z", "+00:00"))))
    except ValueError:
        return None


class Search:
    def __init__(self, shapes: Shapes, lag_ms: int = 0) -> None:
        self.shapes, self.lag = shapes, lag_ms
        self._last: tuple[Any, list[int]] = (None, [])

    def answer(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """CollectionResponseWithTotalSimplePublicObject. Refuses (400) what HubSpot refuses."""
        limit, offset = _window(body)
        at = self.shapes.world.now - self.lag
        key = (kind, at, self.shapes.world.version, repr((body.get("filterGroups"), body.get("sorts"))))
        if self._last[0] != key:
            self._last = (key, self._find(kind, body, at))
        ids = self._last[1]
        records = self.shapes.world.objects[kind]
        page = ids[offset : offset + limit]
        wanted = body.get("properties") or None
        answer: dict[str, Any] = {
            "total": len(ids),
            "results": [self.shapes.object(kind, records[id], wanted, at=at) for id in page],
        }
        if offset + limit < len(ids):
            answer["paging"] = {"next": {"after": str(offset + limit)}}
        return answer

    def _find(self, kind: str, body: dict[str, Any], at: int) -> list[int]:
        groups = [group.get("filters", []) for group in body.get("filterGroups") or []]
        _check(groups)
        world = self.shapes.world
        view = world.view(kind, at)
        found: set[int] = set()
        for filters in groups or [[]]:
            candidates, rest = self._candidates(kind, view, filters)
            found.update(id for id in candidates if id not in found and self._passes(kind, id, rest, at))
        if self.lag:  # the index may be stale, but never shows what is archived, merged or gone by now
            found = {id for id in found if status(world.objects[kind][id], world.now).kind == "live"}
        return self._sorted(kind, view, found, body.get("sorts") or [], at)

    def _candidates(self, kind: str, view: View, filters: list[Condition]) -> tuple[list[int], list[Condition]]:
        """Ids by the modification date's or the id's own order where a filter allows it; the filters still to check."""
        modified = MODIFIED.get(kind, "hs_lastmodifieddate")
        for name in (modified, "hs_object_id"):
            ranged = [f for f in filters if f["propertyName"] == name and f["operator"] in _BOUNDS]
            if not ranged:
                continue
            low = max(_BOUNDS[f["operator"]](f)[0] for f in ranged)
            high = min(_BOUNDS[f["operator"]](f)[1] for f in ranged)
            rest = [f for f in filters if f not in ranged]
            if name == "hs_object_id":
                return view.live[bisect_left(view.live, low) : bisect_right(view.live, high)], rest
            pairs = view.by_modified
            start, end = bisect_left(pairs, (low, 0)), bisect_right(pairs, (high, 1 << 62))
            return [id for _, id in pairs[start:end]], rest
        return view.live, filters

    def _passes(self, kind: str, id: int, filters: list[Condition], at: int) -> bool:
        if not filters:
            return True
        record = self.shapes.world.objects[kind][id]
        names = [f["propertyName"] for f in filters]
        values = self.shapes.object(kind, record, names, at=at)["properties"]
        return all(_holds(values.get(f["propertyName"]), f) for f in filters)

    def _sorted(self, kind: str, view: View, found: set[int], sorts: list[Any], at: int) -> list[int]:
        if len(sorts) > 1:
            raise invalid("Only one sort is supported.")
        name, down = "hs_object_id", False
        if sorts:
            first = (
                {"propertyName": sorts[0].lstrip("-"), "direction": "DESCENDING"}
                if isinstance(sorts[0], str)
                else sorts[0]
            )
            name = first["propertyName"]
            down = first.get("direction") == "DESCENDING" or (isinstance(sorts[0], str) and sorts[0].startswith("-"))
        if name == "hs_object_id":
            return sorted(found, reverse=down)
        if name in ("hs_lastmodifieddate", "lastmodifieddate"):
            return sorted(found, key=lambda id: (view.modified[id], id), reverse=down)
        records = self.shapes.world.objects[kind]

        def key(id: int) -> tuple:
            value = self.shapes.object(kind, records[id], [name], at=at)["properties"].get(name)
            as_number = number(value)
            return (value is None, as_number is None, as_number or 0.0, value or "", id)

        return sorted(found, key=key, reverse=down)


def _window(body: dict[str, Any]) -> tuple[int, int]:
    limit = body.get("limit", 10)
    if not isinstance(limit, int) or not 0 < limit <= PAGE:
        raise invalid(f"limit must be between 1 and {PAGE}")
    after = body.get("after") or "0"
    if not str(after).isdigit():
        raise invalid(f"Cannot parse the paging offset '{after}'")
    if int(after) + limit > WINDOW:
        raise invalid(f"The total number of results of a search is limited to {WINDOW}: after + limit is beyond it")
    return limit, int(after)


def _check(groups: list[list[Condition]]) -> None:
    if len(groups) > GROUPS or any(len(group) > FILTERS for group in groups) or sum(map(len, groups)) > ALL_FILTERS:
        raise invalid("Too many filters or filterGroups")
    for condition in (condition for group in groups for condition in group):
        if condition.get("operator") not in OPERATORS or "propertyName" not in condition:
            raise invalid(f"Invalid filter: operator {condition.get('operator')!r}")
        if condition["operator"] == "BETWEEN" and not ("value" in condition and "highValue" in condition):
            raise invalid("BETWEEN needs value and highValue")


def _whole(condition: dict[str, Any], name: str = "value") -> int:
    found = number(condition.get(name))
    if found is None:
        raise invalid(f"{condition['propertyName']}: '{condition.get(name)}' is neither a number nor a date")
    return int(found)


_BOUNDS: dict[str, Any] = {
    "EQ": lambda f: (_whole(f), _whole(f)),
    "GT": lambda f: (_whole(f) + 1, 1 << 61),
    "GTE": lambda f: (_whole(f), 1 << 61),
    "LT": lambda f: (0, _whole(f) - 1),
    "LTE": lambda f: (0, _whole(f)),
    "BETWEEN": lambda f: (_whole(f), _whole(f, "highValue")),
}


def _holds(value: str | None, condition: dict[str, Any]) -> bool:
    operator = condition["operator"]
    if operator == "HAS_PROPERTY":
        return value is not None
    if operator == "NOT_HAS_PROPERTY":
        return value is None
    if operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN") and value is None:
        return True
    if value is None:
        return False
    if operator in ("IN", "NOT_IN"):
        return any(_same(value, other) for other in condition.get("values", [])) == (operator == "IN")
    wanted = condition.get("value", "")
    if operator in ("EQ", "NEQ"):
        return _same(value, wanted) == (operator == "EQ")
    if operator.endswith("CONTAINS_TOKEN"):
        found = str(wanted).strip("*").lower() in value.lower()
        return found == (operator == "CONTAINS_TOKEN")
    return _ordered(value, wanted, condition)


def _same(value: str, wanted: Any) -> bool:
    left, right = number(value), number(wanted)
    return left == right if left is not None and right is not None else value.lower() == str(wanted).lower()


def _ordered(value: str, wanted: Any, condition: dict[str, Any]) -> bool:
    left, right = number(value), number(wanted)
    if left is None or right is None:
        return False
    operator = condition["operator"]
    if operator == "BETWEEN":
        high = number(condition.get("highValue"))
        return high is not None and right <= left <= high
    return {"LT": left < right, "LTE": left <= right, "GT": left > right, "GTE": left >= right}[operator]
