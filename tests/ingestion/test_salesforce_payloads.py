"""Salesforce's answers as its documentation and recorded records have them, through login, describe, pages and jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from ingestion.errors import AuthError, CorruptResponse, SourceError
from ingestion.settings import Connection, Secret
from ingestion.sources.salesforce import Api, bulk
from ingestion.sources.salesforce.api import my_domain, split
from ingestion.sources.salesforce.objects import ACCOUNTS, OPPORTUNITIES, USERS
from ingestion.sources.salesforce.times import literal, milliseconds
from tests.ingestion.server import Answer, Scripted

SAMPLES = Path(__file__).parents[3] / "shared" / "contracts" / "salesforce" / "samples"
TOKEN = {
    "access_token": "00Dxx!AQ", "instance_url": "https://acme.my.salesforce.com", "token_type": "Bearer",
    "id": "https://login.salesforce.com/id/00Dxx/005xx", "issued_at": "1780000000000", "scope": "api",
}  # fmt: skip
RECORD = """{"attributes":{"type":"Opportunity","url":"/services/data/v68.0/sobjects/Opportunity/006xx0000000001AAA"},
"Id":"006xx0000000001AAA","StageName":"Prospecting","Amount":1500.5,"CloseDate":"2026-03-31",
"OwnerId":"005xx0000000001AAA","IsDeleted":false,"SystemModstamp":"2026-02-01T10:00:00.000+0000"}"""
FIRST = f"""{{"totalSize":2,"done":false,"nextRecordsUrl":"/services/data/v68.0/query/01g5e00001AH2dOAAT-1",
"records":[{RECORD}]}}"""
SECOND = (
    f"""{{"totalSize":2,"done":true,"records":[{RECORD.replace("0001AAA", "0002AAA").replace("1500.5", "1.2E+3")}]}}"""
)
JOB = {
    "id": "750xx000000005jAAA", "operation": "queryAll", "object": "Opportunity", "state": "JobComplete",
    "contentType": "CSV", "apiVersion": 68.0, "numberRecordsProcessed": 2, "retries": 0, "totalProcessingTime": 334,
}  # fmt: skip
CSV = b'"Id","StageName","Amount"\n"006xx0000000001AAA","Prospecting","1500.5"\n"006xx0000000002AAA","Two\nlines",""\n'


def org(server: Scripted, **options: int) -> Api:
    credentials = {"INSTANCE_URL": server.url, "CLIENT_ID": "id", "CLIENT_SECRET": "very-secret"}
    secrets = {name: Secret(value) for name, value in credentials.items()}
    return Api(Connection("salesforce", "salesforce", "", secrets), sleep=lambda seconds: None, **options)


def answering(**answers: Answer) -> Callable[[str], Answer]:
    """The answer of the last name that is in a path; the login's by itself."""

    def answer(path: str) -> Answer:
        if path.endswith("/token"):
            return Answer(body=json.dumps(TOKEN).encode())
        text = unquote(path)
        return next(given for name, given in reversed(answers.items()) if name in text)

    return answer


def test_pages_are_followed_to_the_end_and_no_cent_becomes_a_double() -> None:
    count, first, second = (
        Answer(body=text.encode()) for text in ('{"totalSize":2,"done":true,"records":[]}', FIRST, SECOND)
    )
    with Scripted(answering(queryAll=first, COUNT=count, AH2dOAAT=second)) as server:
        api = org(server)
        api.login("organization")
        rows = list(api.rows(OPPORTUNITIES, ("Id", "StageName", "Amount", "SystemModstamp"), "Amount > 0"))
        paths = [urlsplit(path) for _, path, _ in server.seen]
    assert [row["Amount"] for row in rows] == ["1500.5", "1200"]
    assert [row["Id"] for row in rows] == ["006xx0000000001AAA", "006xx0000000002AAA"]
    assert not any("attributes" in row for row in rows)
    assert rows[0]["IsDeleted"] is False
    assert [path.path.rsplit("/", 1)[1] for path in paths] == ["token", "queryAll", "queryAll", "01g5e00001AH2dOAAT-1"]
    assert parse_qs(paths[2].query)["q"] == [
        "SELECT Id, SystemModstamp, StageName, Amount FROM Opportunity WHERE Amount > 0 ORDER BY SystemModstamp, Id"
    ]
    assert server.bodies[0] == b"grant_type=client_credentials&client_id=id&client_secret=very-secret"
    assert [headers.get("Authorization") for _, _, headers in server.seen] == [None, *["Bearer 00Dxx!AQ"] * 3]


def test_a_job_is_read_to_the_locator_that_is_the_text_null() -> None:
    page = Answer(200, CSV, {"Sforce-Locator": "null", "Sforce-NumberOfRecords": "2", "Content-Type": "text/csv"})
    with Scripted(answering(jobs=Answer(body=json.dumps(JOB).encode()), results=page)) as server:
        rows = list(bulk.rows(org(server).client, "opportunities", str(JOB["id"]), lambda seconds: None, lambda: 0.0))
    assert rows == [
        {"Id": "006xx0000000001AAA", "StageName": "Prospecting", "Amount": "1500.5"},
        {"Id": "006xx0000000002AAA", "StageName": "Two\nlines", "Amount": None},
    ]


def test_a_page_that_is_cut_is_tried_again_and_never_taken() -> None:
    headers = {"Sforce-Locator": "null", "Sforce-NumberOfRecords": "2"}
    cut = Answer(200, CSV[: CSV.index(b'"006xx0000000002AAA"')], headers)
    with Scripted(answering(jobs=Answer(body=json.dumps(JOB).encode()), results=cut)) as server:
        with pytest.raises(CorruptResponse, match="CSV of 1 rows where 2 were announced"):
            list(bulk.rows(org(server).client, "opportunities", "750", lambda seconds: None, lambda: 0.0))
        assert sum("/results" in path for _, path, _ in server.seen) == 8


def test_paging_in_a_circle_is_an_error() -> None:
    again = FIRST.replace("-1", "-9")
    given = Answer(body=again.encode())
    circle = pytest.raises(CorruptResponse, match="endless paging")
    with Scripted(answering(queryAll=given, AH2dOAAT=given)) as server, circle:
        list(org(server).pages(OPPORTUNITIES, ("Id", "SystemModstamp")))


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, '{"error":"invalid_grant","error_description":"secret very-secret"}', AuthError, "invalid_grant"),
        (401, '[{"message":"x","errorCode":"INVALID_SESSION_ID"}]', AuthError, "INVALID_SESSION_ID"),
        (302, "", SourceError, "no code"),
    ],
)
def test_refusals_name_the_code_and_nothing_of_the_body(status: int, body: str, kind: type, code: str) -> None:
    with Scripted([Answer(status, body.encode())]) as server:
        with pytest.raises(kind, match=code) as refused:
            org(server).login("organization")
        assert "very-secret" not in str(refused.value)


def test_times_of_pages_jobs_and_soql_are_one() -> None:
    assert milliseconds("2026-01-05T09:00:00.000+0000") == milliseconds("2026-01-05T09:00:00.000Z") == 1_767_603_600_000
    assert literal("2026-01-05T10:00:00.000+0100") == "2026-01-05T09:00:00.000Z"
    assert (literal(None), milliseconds("redacted"), milliseconds(None)) == ("", None, None)


def test_an_address_may_come_without_its_scheme() -> None:
    assert my_domain("acme.my.salesforce.com/") == my_domain("https://acme.my.salesforce.com")


def test_a_usual_list_of_fields_is_one_query() -> None:
    assert len(split((*OPPORTUNITIES.required, *OPPORTUNITIES.wanted), "SystemModstamp")) == 1


@pytest.mark.skipif(not SAMPLES.exists(), reason=f"no recorded payloads at {SAMPLES}")
def test_recorded_records_have_the_fields_that_are_asked_for() -> None:
    lines = (SAMPLES / "estuary_salesforce.jsonl").read_text(encoding="utf-8").splitlines()
    records = {entry["stream"]: entry["data"] for entry in map(json.loads, lines)}
    assert {*ACCOUNTS.required, *ACCOUNTS.wanted} <= records["Account"].keys()
    assert {*USERS.required, *(name for name in USERS.wanted if "." not in name)} <= records["User"].keys()
    warehouse = json.loads((SAMPLES / "fivetran" / "sf_opportunity.jsonl").read_text(encoding="utf-8").splitlines()[0])
    known = {name.replace("_", "") for name in warehouse}
    asked = {name.lower() for name in (*OPPORTUNITIES.required, *OPPORTUNITIES.wanted)}
    # What that warehouse's org did not have, or its connector dropped.
    assert asked - known == {"currencyisocode", "laststagechangedate", "systemmodstamp"}
