"""What mart_lead_priority is worth: customers among the first leads of its list, beside those among the newest.

Walks over past days of a warehouse, thirty days apart: on each the list as it would have stood (rates only from what
had ended by then) against the same leads newest first, and who became a customer within ninety days.
`python -m benchmarks.lead_priority [WAREHOUSE]`; without one a portal of the stand-in's is made, extracted and built.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.extraction import stand_in
from benchmarks.refresh import funnel
from ingestion.loading import open_warehouse

SHARES = (0.05, 0.1, 0.2)
"""Of the open leads: as many as a team gets around to."""
QUERY = """
with lists as (
    select landmark, leads.is_customer, rates.rate_90d,
        count(*) over (partition by landmark) as standing,
        row_number() over (
            partition by landmark order by rates.rate_90d desc, leads.created_at desc, leads.lead_key
        ) as our_rank,
        row_number() over (partition by landmark order by leads.created_at desc, leads.lead_key) as newest_rank
    from intermediate.int_lead_landmarks as leads
    join intermediate.int_lead_rates as rates
        using (landmark, source, original_source, lifecycle_stage, age_band)
    where leads.is_customer is not null and rates.rate_90d is not null
)
select landmark, count(*) as leads, sum(is_customer)::bigint as customers,
    count(*) filter (our_rank <= ceil(standing * $share)) as called,
    sum(is_customer) filter (our_rank <= ceil(standing * $share))::bigint as ours,
    sum(is_customer) filter (newest_rank <= ceil(standing * $share))::bigint as newest
from lists group by landmark order by landmark desc
"""


@dataclass(frozen=True)
class Day:
    """One past day: open leads, customers within ninety days, and of these those among the first called."""

    landmark: int
    leads: int
    customers: int
    called: int
    ours: int
    newest: int


def lift(connection: duckdb.DuckDBPyConnection, share: float) -> list[Day]:
    """Past days with something to learn from and ninety days to look at, oldest first."""
    return [Day(*row) for row in connection.execute(QUERY, {"share": share}).fetchall()]


def tell(days: list[Day], share: float) -> None:
    """One line: customers among the first of both lists, and over calling at random."""
    ours, newest, called = (sum(getattr(day, name) for day in days) for name in ("ours", "newest", "called"))
    customers, leads = sum(day.customers for day in days), sum(day.leads for day in days)
    if not (customers and newest):
        print(f"the first {share:.0%} of each day's open leads: too few past customers to tell")
        return
    average = customers / leads
    print(
        f"the first {share:.0%} of each day's open leads ({len(days)} days): {ours} of {customers} customers by our"
        f" list, {newest} newest first: {ours / newest:.2f} times as many; beside calling at random"
        f" {ours / called / average:.2f} and {newest / called / average:.2f} times"
    )


def main(warehouse: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(warehouse) if warehouse else Path(folder) / "warehouse.duckdb"
        if not warehouse:
            with stand_in("--deals", "2000", "--seed", "3") as url:
                funnel(Path(folder), url, "run")
        with open_warehouse(path, read_only=True) as connection:
            for share in SHARES:
                tell(lift(connection, share), share)


if __name__ == "__main__":
    main(*sys.argv[1:2])
