"""Bulk API 2.0 query jobs of the stand-in: their states, and their results as CSV pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ingestion.sandbox.salesforce_errors import not_found, refused
from ingestion.sandbox.salesforce_ids import sf_id
from ingestion.sandbox.salesforce_soql import Query, Row

Cells = Callable[[Query, Row], list[str]]


@dataclass
class BulkQuirks:
    """How jobs go wrong. `polls`: answers that say InProgress before a job is complete."""

    polls: int = 1
    failing: int = 0
    """Jobs to come that end as Failed."""
    hanging: bool = False
    """No job ends any more."""
    losing: int = 0
    """Rows that the results leave out of what the job says it has processed."""
    unsupported: set[str] = field(default_factory=set)
    """Objects that the Bulk API refuses."""


@dataclass
class Job:
    id: str
    query: Query
    rows: list[Row]
    operation: str
    polls: int
    fails: bool


class Bulk:
    """Jobs of one org. `cells` renders a row."""

    def __init__(self, cells: Cells) -> None:
        self.cells, self.quirks = cells, BulkQuirks()
        self.jobs: dict[str, Job] = {}

    def create(self, query: Query, rows: list[Row], operation: str) -> dict[str, Any]:
        if query.sobject in self.quirks.unsupported:
            message = f"Entity '{query.sobject}' is not supported by the Bulk API."
            raise refused(400, "INVALIDENTITY", message)
        if not query.fields:
            raise refused(400, "API_ERROR", "Aggregate queries not supported in Bulk Query")
        job = Job(
            sf_id("AsyncQueryJob", len(self.jobs) + 1), query, rows, operation, self.quirks.polls,
            self.quirks.failing > 0,
        )  # fmt: skip
        self.quirks.failing = max(0, self.quirks.failing - 1)
        self.jobs[job.id] = job
        return self._told(job, "UploadComplete")

    def status(self, id: str) -> dict[str, Any]:
        job = self._job(id)
        if self.quirks.hanging or job.polls > 0:
            job.polls -= 1
            return self._told(job, "InProgress")
        if job.fails:
            return self._told(job, "Failed") | {"errorMessage": "QUERY_TIMEOUT: Your query request was running long."}
        return self._told(job, "JobComplete") | {"numberRecordsProcessed": len(job.rows), "totalProcessingTime": 334}

    def results(self, id: str, most: int, locator: str) -> tuple[bytes, dict[str, str]]:
        """One page of CSV, and the headers that say how many rows it has and where the next begins."""
        job = self._job(id)
        start = int(locator or 0)
        rows = job.rows[: max(0, len(job.rows) - self.quirks.losing)]
        page = rows[start : start + most]
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(job.query.fields)
        writer.writerows(self.cells(job.query, row) for row in page)
        following = str(start + most) if start + most < len(rows) else "null"
        headers = {"Content-Type": "text/csv", "Sforce-Locator": following, "Sforce-NumberOfRecords": str(len(page))}
        return text.getvalue().encode(), headers

    def _job(self, id: str) -> Job:
        if id not in self.jobs:
            raise not_found()
        return self.jobs[id]

    def _told(self, job: Job, state: str) -> dict[str, Any]:
        return {
            "id": job.id, "operation": job.operation, "object": job.query.sobject, "state": state,
            "contentType": "CSV", "apiVersion": 68.0, "lineEnding": "LF", "columnDelimiter": "COMMA", "retries": 0,
        }  # fmt: skip
