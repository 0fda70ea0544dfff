"""Bulk API 2.0 query jobs: made, looked at until complete, read as CSV pages whose rows are counted.

Facts: developer.salesforce.com, "Bulk API 2.0: Query". The last page's locator is the text `null`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import requests

from ingestion.client import Client
from ingestion.errors import CorruptResponse, SourceError

JOBS = "/services/data/v68.0/jobs/query"
PAGE = 10_000
"""Rows of a page of results: bounds memory."""
PATIENCE = 1_800.0
"""Seconds that a job may take."""
FIRST_LOOK, LONGEST_PAUSE = 1.0, 20.0

Json = dict[str, Any]


def create(client: Client, stream: str, soql: str, operation: str) -> str:
    """Id of a new job. Errors: Refused where the object or the query is none for the Bulk API."""
    body = {
        "operation": operation, "query": soql, "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF",
    }  # fmt: skip
    answer = client.post(stream, JOBS, body, check=lambda told: None if told.get("id") else "a job without an id")
    return str(answer["id"])


def rows(
    client: Client, stream: str, job: str, sleep: Callable[[float], None], clock: Callable[[], float]
) -> Iterator[Json]:
    """Records of a job, as texts; an empty cell is None. Errors: SourceError where it fails or does not end,
    CorruptResponse where it gives fewer rows than it says it has."""
    expected = _complete(client, stream, job, sleep, clock)
    locator, given, seen = "", 0, {""}
    while True:
        params = {"maxRecords": PAGE} | ({"locator": locator} if locator else {})
        records, locator = client.call(
            stream, "GET", f"{JOBS}/{job}/results", params=params, accept="text/csv", read_answer=page
        )
        given += len(records)
        yield from records
        if locator == "null":
            break
        if locator in seen:
            raise CorruptResponse(client.source, stream, f"endless paging: job {job} gave a page a second time")
        seen.add(locator)
    if given != expected:
        raise CorruptResponse(
            client.source, stream, f"job {job} gave {given:,} rows of {expected:,}",
            "Nothing of this window was landed. Run again.",
        )  # fmt: skip


def _complete(client: Client, stream: str, job: str, sleep: Callable[[float], None], clock: Callable[[], float]) -> int:
    """Rows that the job has processed, once it is complete."""
    begun, pause = clock(), FIRST_LOOK
    while True:
        told = client.get(stream, f"{JOBS}/{job}", check=lambda told: None if told.get("state") else "no state")
        state = told["state"]
        if state == "JobComplete":
            return int(told.get("numberRecordsProcessed") or 0)
        if state in ("Failed", "Aborted"):
            reason = str(told.get("errorMessage") or "").split(":")[0]
            raise SourceError(
                client.source, stream, f"Bulk job {job} ended as {state}{f' ({reason})' if reason.isupper() else ''}",
                "Nothing of this window was landed. Run again; the job is listed in Salesforce's Bulk Data Load Jobs.",
            )  # fmt: skip
        if clock() - begun > PATIENCE:
            raise SourceError(
                client.source, stream, f"Bulk job {job} is still {state} after {PATIENCE / 60:.0f} minutes",
                "Nothing of this window was landed. Look for it in Salesforce's Bulk Data Load Jobs; run again later.",
            )  # fmt: skip
        sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def page(response: requests.Response) -> tuple[list[Json], str]:
    """Rows of a page and the next one's locator. Errors: ValueError where it has not as many rows as it says."""
    reader = csv.reader(io.StringIO(response.content.decode("utf-8-sig"), newline=""), strict=True)
    try:
        names = ["RoleName" if name == "UserRole.Name" else name for name in next(reader, [])]
        records = [{name: cell or None for name, cell in zip(names, row, strict=True)} for row in reader]
    except csv.Error:
        raise ValueError("no whole CSV") from None
    told = response.headers.get("Sforce-NumberOfRecords", "")
    if told.isdigit() and int(told) != len(records):
        raise ValueError(f"CSV of {len(records)} rows where {told} were announced")
    return records, response.headers.get("Sforce-Locator") or "null"
