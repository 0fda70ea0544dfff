"""The HTTP edge, on the wire: what is retried, how long it waits, what stops at once, what no error shows."""

from __future__ import annotations

import gzip
import json

import pytest
import requests

from ingestion.client import TRIES, TRIES_UNTIL_FIRST_ANSWER, Client, Pacer, redacted
from ingestion.errors import AuthError, CorruptResponse, MissingScope, RateLimited, SourceError, Unreachable
from ingestion.exchange import BankDialect
from ingestion.settings import Connection, Secret
from ingestion.sources.hubspot.api import Api
from tests.ingestion.server import Answer, Scripted

TOKEN = "pat-eu1-very-secret-0000"
GOOD = Answer(body=json.dumps({"results": [{"id": "1"}]}).encode())


class Sleeps(list[float]):
    """Stands in for time.sleep and remembers what was asked for."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def pipelines(script: list[Answer], sleeps: Sleeps | None = None) -> tuple[object, Scripted, Api]:
    with Scripted(script) as server:
        connection = Connection("hubspot", "hubspot", server.url, {"ACCESS_TOKEN": Secret(TOKEN)})
        api = Api(connection, sleep=sleeps if sleeps is not None else Sleeps())
        with api.client:
            try:
                return api.pipelines("deal_pipelines", "deals"), server, api
            except Exception as error:  # noqa: BLE001 - the test looks at what came
                return error, server, api


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(500),
        Answer(502, b"<html>bad gateway</html>"),
        Answer(drop=True),
        Answer(200, b'{"results": [{"id": "1"', length=4096),
        Answer(200, b'{"results": [{"id": '),
        Answer(200, b"<html>maintenance</html>"),
        Answer(200, gzip.compress(GOOD.body)[:-12], {"Content-Encoding": "gzip"}),
        Answer(200, b'{"status": "fine"}'),
    ],
    ids=["500", "502-html", "reset", "short", "truncated-json", "html-200", "truncated-gzip", "no-results"],
)
def test_what_may_pass_is_tried_again(trouble: Answer) -> None:
    result, server, api = pipelines([trouble, trouble, GOOD])
    assert result == [{"id": "1"}]
    assert len(server.seen) == 3
    assert (api.client.counts("deal_pipelines").requests, api.client.counts("deal_pipelines").retries) == (3, 2)


def test_gives_up_with_the_redacted_url() -> None:
    error, server, _ = pipelines([Answer(503)])
    assert isinstance(error, CorruptResponse)
    assert len(server.seen) == TRIES
    assert "/crm/pipelines/2026-09/deals" in str(error)
    assert TOKEN not in str(error)


def test_a_host_that_never_answered_is_given_up_soon_and_once_for_all() -> None:
    with Scripted([GOOD]) as server:
        url = server.url
    api = Api(Connection("hubspot", "hubspot", url, {"ACCESS_TOKEN": Secret(TOKEN)}), sleep=Sleeps())
    for _ in range(2):
        with pytest.raises(Unreachable, match="nothing answers there"):
            api.pipelines("deal_pipelines", "deals")
    assert api.client.counts("deal_pipelines").requests == TRIES_UNTIL_FIRST_ANSWER


@pytest.mark.parametrize(("status", "kind"), [(401, AuthError), (403, MissingScope)])
def test_refusals_are_never_tried_again(status: int, kind: type) -> None:
    body = {
        "category": "MISSING_SCOPES",
        "errors": [{"message": "…", "context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}],
    }
    error, server, _ = pipelines([Answer(status, json.dumps(body).encode())])
    assert type(error) is kind
    assert len(server.seen) == 1
    assert status == 401 or error.scope == "crm.objects.deals.read"
    assert TOKEN not in str(error)


def test_after_a_401_no_further_request_leaves() -> None:
    with Scripted([Answer(401)]) as server:
        api = Api(Connection("hubspot", "hubspot", server.url, {"ACCESS_TOKEN": Secret(TOKEN)}))
        for _ in range(3):
            with pytest.raises(AuthError):
                api.pipelines("deal_pipelines", "deals")
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("headers", "policy", "wait"),
    [
        ({"Retry-After": "3"}, "TEN_SECONDLY_ROLLING", 3),
        ({}, "TEN_SECONDLY_ROLLING", 10),
        ({}, "SECONDLY", 1),
    ],
)
def test_429_waits_as_asked(headers: dict[str, str], policy: str, wait: int) -> None:
    sleeps = Sleeps()

    class Clock:
        """Goes on only by what was slept."""

        def __call__(self) -> float:
            return sum(sleeps)

    body = json.dumps({"status": "error", "policyName": policy}).encode()
    with Scripted([Answer(429, body, headers), GOOD]) as server:
        api = Api(Connection("hubspot", "hubspot", server.url, {"ACCESS_TOKEN": Secret(TOKEN)}), sleep=sleeps)
        api.client.pacer._clock = Clock()
        assert api.pipelines("deal_pipelines", "deals") == [{"id": "1"}]
    assert sum(sleeps) == wait


def test_the_daily_limit_stops_at_once() -> None:
    error, server, _ = pipelines(
        [Answer(429, b'{"policyName": "DAILY", "message": "You have reached your daily limit."}')]
    )
    assert isinstance(error, RateLimited)
    assert "midnight" in str(error)
    assert len(server.seen) == 1


def test_the_legacy_paths_are_spoken_where_the_dated_ones_are_unknown() -> None:
    def answer(path: str) -> Answer:
        return Answer(404) if "2026-09" in path else GOOD

    with Scripted(answer) as server:
        api = Api(Connection("hubspot", "hubspot", server.url, {"ACCESS_TOKEN": Secret(TOKEN)}))
        assert api.pipelines("deal_pipelines", "deals") == [{"id": "1"}]
        assert [path for _, path, _ in server.seen] == ["/crm/pipelines/2026-09/deals", "/crm/v3/pipelines/deals"]
        assert api.path("associations", "deals/contacts/batch/read") == "/crm/v4/associations/deals/contacts/batch/read"


def test_pacing_follows_what_the_server_announces() -> None:
    headers = {"X-HubSpot-RateLimit-Max": "100", "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}
    _, _, api = pipelines([Answer(200, GOOD.body, headers)])
    assert api.client.pacer._rates["burst"] == (100, 10.0)
    assert api.client.pacer._rates["search"] == (5, 1.0)


def test_a_pacer_lets_no_more_through_than_allowed() -> None:
    pacer = Pacer({"burst": (20, 0.2)})
    import time

    started = time.monotonic()
    for _ in range(50):
        pacer.take("burst")
    # Two full windows must have passed before the 41st may leave.
    assert time.monotonic() - started >= 0.4


class Keyed(BankDialect):
    """A dialect with a session of its own: number 1 until it is renewed."""

    session = 1

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session}"}

    def renew(self, response: requests.Response) -> bool:
        if response.status_code != 401:
            return False
        self.session += 1
        return True


def test_an_ended_session_is_renewed_and_the_request_sent_once_more() -> None:
    with Scripted([Answer(401), GOOD]) as server:
        client = Client("acme", server.url, Keyed())
        assert client.get("deals", "/deals") == {"results": [{"id": "1"}]}
        assert [headers["Authorization"] for _, _, headers in server.seen] == ["Bearer 1", "Bearer 2"]
        assert (client.counts("deals").requests, client.counts("deals").retries) == (2, 0)
    with Scripted([Answer(401)]) as server:
        with pytest.raises(SourceError, match="HTTP 401"):
            Client("acme", server.url, Keyed()).get("deals", "/deals")
        assert len(server.seen) == 2


def test_a_form_is_sent_and_headers_come_back() -> None:
    def read(response: requests.Response) -> tuple[bytes, str]:
        if response.headers["Rows"] != "2":
            raise ValueError("of another length")
        return response.content, response.headers["Next"]

    script = [Answer(200, b"a", {"Rows": "1", "Next": "x"}), Answer(200, b"a,b", {"Rows": "2", "Next": "y"})]
    with Scripted(script) as server:
        client = Client("acme", server.url, BankDialect(), sleep=Sleeps())
        form = {"grant_type": "client_credentials", "client_secret": "a&b"}
        assert client.call("deals", "POST", "/token", form=form, read_answer=read) == (b"a,b", "y")
        assert server.bodies[1] == b"grant_type=client_credentials&client_secret=a%26b"
        assert server.seen[1][2]["Content-Type"] == "application/x-www-form-urlencoded"
        assert client.counts("deals").retries == 1


def test_urls_are_redacted() -> None:
    assert redacted("https://user:pw@api.example.com:8443/a/b?token=1#x") == "https://api.example.com:8443/a/b"
