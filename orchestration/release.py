"""The publication as a Dagster asset, downstream of every mart and of the audit."""
# No `from __future__ import annotations` here: Dagster reads the annotations of steps.

from collections.abc import Iterable
from datetime import timedelta

import dagster as dg

from orchestration.publish import publish
from orchestration.resources import PUBLICATION, WRITER, RunRequest

KEY = PUBLICATION
LATE = timedelta(hours=26)
FRESH = dg.FreshnessPolicy.time_window(fail_window=LATE, warn_window=timedelta(hours=3))
"""Of the publication, which every run makes or confirms: an hourly schedule has missed two runs at the warning."""
FRESH_TABLE = dg.FreshnessPolicy.time_window(fail_window=LATE)
"""Of a published table, which is built when something changed, and at least once a day."""
WORDS = {
    "published": "published as {id}",
    "release_only": "written as {id}; `current` stays, for its as-of is later (--publish forces it)",
    "held": "written as {id}; publishing is held and `current` stays (`funnel release` ends the hold)",
    "unchanged": "nothing changed since {id}, which stays current",
}


def publication(tables: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """The asset that depends on every table it publishes."""

    @dg.asset(
        key=KEY,
        deps=sorted(tables),
        pool=WRITER,
        group_name="run",
        kinds={"duckdb", "parquet"},
        freshness_policy=FRESH,
        description="The last good publication: one folder, switched to in one step.",
    )
    def published(context: dg.AssetExecutionContext, request: RunRequest) -> dg.MaterializeResult:
        session = request.session(context)
        with session.step("publish"):
            session.publication = done = publish(session)
            session.say(WORDS[done["outcome"]].format(id=done["id"]))
            rows = {name: table["rows"] for name, table in done["tables"].items()}
            return dg.MaterializeResult(
                metadata={"id": done["id"], "outcome": done["outcome"], "as_of": done["as_of"], "rows": rows}
            )

    return published
