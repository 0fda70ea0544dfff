"""The stand-in's answers against the interface facts of the vendor's specification: it must not drift into fiction."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

CONTRACT = Path(__file__).parents[4] / "shared" / "contracts" / "hubspot" / "contract.json"
pytestmark = pytest.mark.skipif(not CONTRACT.exists(), reason="../shared/contracts/hubspot/contract.json is not here")


@pytest.fixture(scope="module")
def specs() -> dict[str, Any]:
    return json.loads(CONTRACT.read_text(encoding="utf-8"))["specs"]


def operation(spec: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """The operation whose path template matches; AssertionError when the vendor has no such path."""
    for name, found in spec["operations"].items():
        wanted, template = name.split(" ", 1)
        if wanted == method and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
            return found
    raise AssertionError(f"the specification has no {method} {path}")


def check(spec: dict[str, Any], value: Any, shape: str, where: str) -> None:
    """Known fields only, required ones present, every value of its type. A null value of a property map is allowed."""
    if shape.startswith("array<"):
        assert isinstance(value, list), where
        for number, entry in enumerate(value):
            check(spec, entry, shape[6:-1], f"{where}[{number}]")
    elif shape.startswith("map<string,"):
        assert isinstance(value, dict), where
        for key, entry in value.items():
            if entry is not None:
                check(spec, entry, shape[11:-1], f"{where}.{key}")
    elif shape in spec["schemas"]:
        schema = spec["schemas"][shape]
        assert isinstance(value, dict), where
        unknown = set(value) - set(schema["properties"])
        assert not unknown, f"{where} ({shape}): not in the specification: {unknown}"
        missing = set(schema["required"]) - set(value)
        assert not missing, f"{where} ({shape}): required and absent: {missing}"
        for key, entry in value.items():
            if entry is not None:
                check(spec, entry, schema["properties"][key], f"{where}.{key}")
    else:
        scalar(value, shape, where)


def scalar(value: Any, shape: str, where: str) -> None:
    base, _, enum = shape.partition("|enum:")
    kind, _, form = base.partition(":")
    expected = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "object": dict}[kind]
    # Live v4 answers carry toObjectId as a number where the specification says string (API-FACTS §1.8).
    if where.endswith(".toObjectId"):
        expected = int
    assert isinstance(value, expected), f"{where}: {value!r} is not {kind}"
    if enum:
        assert value in enum.split(","), f"{where}: {value!r}"
    if form == "date-time":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value), f"{where}: {value!r}"
        datetime.fromisoformat(value.replace("Z", "+00:00"))


OBJECTS = ("deals", "contacts", "companies", "leads")
STYLES = ("v3", "2026-09")


def base(style: str, kind: str, area: str = "objects") -> str:
    # The specification spells the v3 deals path with the type id.
    name = "0-3" if (style, kind, area) == ("v3", "deals", "objects") else kind
    return f"/crm/v3/{area}/{name}" if style == "v3" else f"/crm/{area}/2026-09/{name}"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", OBJECTS)
def test_objects(portal, specs, style, kind):
    spec, path = specs[f"{kind}.{style}"], base(style, kind)
    stage = {"deals": "dealstage,amount", "leads": "hs_pipeline_stage"}.get(kind, "lifecyclestage")
    params = {"limit": "50", "archived": "false", "properties": "hubspot_owner_id", "propertiesWithHistory": stage}
    params |= {"associations": "companies"} if kind in ("deals", "contacts") else {}
    for asked in (params, {**params, "after": "1"}, {**params, "archived": "true"}):
        answer = portal.get(path, **asked)
        assert answer.status_code == 200
        listed = operation(spec, "GET", path)
        assert set(asked) <= {param["name"] for param in listed["params"]}
        check(spec, answer.json(), listed["responses"]["200"], path)
    results = portal.get(path, limit=3).json()["results"]
    one = f"{path}/{results[0]['id']}"
    check(spec, portal.get(one).json(), operation(spec, "GET", one)["responses"]["200"], one)

    batch = operation(spec, "POST", f"{path}/batch/read")
    body = {"inputs": [{"id": r["id"]} for r in results], "properties": [], "propertiesWithHistory": stage.split(",")}
    answer = portal.post(f"{path}/batch/read", body)
    check(spec, answer.json(), batch["responses"]["200"], "batch")
    check(spec, body, batch["body"], "batch request")
    body["inputs"].append({"id": "1"})
    answer = portal.post(f"{path}/batch/read", body)
    assert answer.status_code == (207 if style == "v3" else 200)
    check(spec, answer.json(), batch["responses"][str(answer.status_code)], "batch with a missing id")

    found = operation(spec, "POST", f"{path}/search")
    answer = portal.post(
        f"{path}/search", {"limit": 5, "after": "0", "filterGroups": [], "sorts": [], "properties": []}
    )
    check(spec, answer.json(), found["responses"]["200"], "search")


@pytest.mark.parametrize("style", STYLES)
def test_configuration(portal, specs, style):
    for kind in ("deals", "leads"):
        path = base(style, kind, "pipelines")
        spec = specs[f"pipelines.{style}"]
        for one in (path, f"{path}/default" if kind == "deals" else path):
            check(spec, portal.get(one).json(), operation(spec, "GET", one)["responses"]["200"], one)
    audit = base(style, "deals", "pipelines") + "/default/audit"
    spec = specs[f"pipelines.{style}"]
    check(spec, portal.get(audit).json(), operation(spec, "GET", audit)["responses"]["200"], audit)

    owners = "/crm/v3/owners" if style == "v3" else "/crm/owners/2026-09"
    spec = specs[f"owners.{style}"]
    for archived in ("false", "true"):
        answer = portal.get(owners, limit="2", archived=archived).json()
        check(spec, answer, operation(spec, "GET", owners)["responses"]["200"], owners)

    spec = specs[f"properties.{style}"]
    for kind in OBJECTS:
        path = base(style, kind, "properties")
        answer = portal.get(path, archived="false", dataSensitivity="non_sensitive").json()
        check(spec, answer, operation(spec, "GET", path)["responses"]["200"], path)
        assert len(answer["results"]) > 20


@pytest.mark.parametrize(("style", "start"), [("v4", "/crm/v4/associations"), ("2026-09", "/crm/associations/2026-09")])
def test_associations(portal, specs, style, start):
    spec = specs[f"associations.{style}"]
    ids = [deal["id"] for deal in portal.get("/crm/v3/objects/deals", limit=60).json()["results"]]
    for other in ("contacts", "companies"):
        path = f"{start}/deals/{other}/batch/read"
        body = {"inputs": [{"id": id} for id in ids]}
        answer = portal.post(path, body)
        found = operation(spec, "POST", path)
        check(spec, body, found["body"], "request")
        check(spec, answer.json(), found["responses"][str(answer.status_code)], path)
        assert len(answer.json()["results"]) > 30


def test_errors(portal, specs):
    spec = specs["deals.v3"]
    for answer in (
        portal.get("/crm/v3/objects/deals", limit=101),
        portal.get("/crm/v3/objects/deals/1"),
        portal.post("/crm/v3/objects/deals/search", {"limit": 201}),
    ):
        body = answer.json()
        assert answer.status_code in (400, 404)
        # Live answers carry `status`, which the specification leaves out.
        assert body.pop("status") == "error"
        check(spec, body, "Error", answer.url)


def test_scopes_are_the_vendors(specs):
    from ingestion.sandbox.hubspot import SCOPES

    for kind in OBJECTS:
        path = base("v3", kind)
        assert SCOPES[kind] in operation(specs[f"{kind}.v3"], "GET", path)["scopes"]
    assert SCOPES["owners"] in operation(specs["owners.v3"], "GET", "/crm/v3/owners")["scopes"]
