"""As-of replay: built as of each of twelve month ends, the rows of an earlier month end are what they were, but for
deals that were merged away in between: their past is their survivor's from then on, and the source says so."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from chain import Chain, ancestors
from lives import iso, land, lives
from raw import set_as_of
from told import compiled_for

ZONE = ZoneInfo("Europe/Berlin")
ENDS = [datetime(2025 + n // 12, n % 12 + 1, 1, tzinfo=ZONE) for n in range(10, 22)]


@pytest.fixture(scope="module")
def world():
    return lives(21, ZONE, 120)


@pytest.fixture(scope="module")
def builds(dbt, compiled, world) -> list[dict]:
    """{(month_end, deal_key): row} of each build, oldest first."""
    chain = Chain(compiled_for(compiled, str(ZONE), 1))
    land(chain.con, world, [])
    models, found = ancestors(dbt.target, "fct_pipeline_month_end"), []
    for end in ENDS:
        set_as_of(chain.con, iso(end.astimezone(ZoneInfo("UTC"))))
        chain.build(models)
        rows = chain.rows(
            "select month_end, deal_key, * exclude (month_end, deal_key) from marts.fct_pipeline_month_end"
        )
        found.append({row[:2]: row[2:] for row in rows})
    chain.con.close()
    return found


def test_earlier_month_ends_never_change(builds, world):
    merged, compared = 0, 0
    for (before, after), (then, now) in zip(pairwise(builds), pairwise(ENDS), strict=True):
        swallowed = {f"hubspot:{life.number}" for life in world if life.swallowed and then <= life.swallowed < now}
        kept = {key: row for key, row in before.items() if key[1] not in swallowed}
        last = max(month for month, _ in after)
        assert {key: row for key, row in after.items() if key[0] < last} == kept
        merged, compared = merged + len(before) - len(kept), compared + len(kept)
    assert compared > 1000
    assert merged > 0


def test_every_build_ends_with_the_month_it_is_made_at(builds):
    for end, rows in zip(ENDS, builds, strict=True):
        assert (end.date() - max(month for month, _ in rows)).days == 1
