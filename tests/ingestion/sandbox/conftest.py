"""A small portal shared by the tests that only read it, and a client that speaks HTTP to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World

HISTORY = "dealstage,pipeline,amount,deal_currency_code,hubspot_owner_id,hs_merged_object_ids"


class Client:
    """GET and POST against one stand-in over one kept connection; `answer.json()` is up to the test."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.session = sandbox, requests.Session()
        self.session.headers["Authorization"] = f"Bearer {sandbox.token}"

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.session.get(self.sandbox.url + path, params=params, timeout=10)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.session.post(self.sandbox.url + path, json=body, timeout=10)

    def walk(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """Every record of a list, following `paging` to its end."""
        found: list[dict[str, Any]] = []
        after = None
        while True:
            answer = self.get(path, **params, **({"after": after} if after else {})).json()
            found += answer["results"]
            if "paging" not in answer:
                return found
            after = answer["paging"]["next"]["after"]

    def truth(self, table: str, **params: Any) -> list[dict[str, Any]]:
        answer = self.get(f"/_sandbox/truth/{table}", **params)
        assert answer.status_code == 200, answer.text
        return [requests.models.complexjson.loads(line) for line in answer.text.splitlines()]


@pytest.fixture(scope="session")
def portal() -> Iterator[Client]:
    """600 deals, never changed by a test, no rate limits."""
    with Sandbox(World(seed=11, deals=600), rate=None, search_rate=None) as sandbox:
        yield Client(sandbox)


@pytest.fixture
def fresh() -> Iterator[Client]:
    """A portal of 60 deals of the test's own."""
    with Sandbox(World(seed=5, deals=60), rate=None, search_rate=None) as sandbox:
        yield Client(sandbox)
