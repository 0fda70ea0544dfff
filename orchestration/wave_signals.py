"""Waves: much at once in a CRM (an import, a clean-up, a merge run) moves figures; people are told before they ask."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from orchestration.alerts import Alert
from orchestration.published import query

if TYPE_CHECKING:
    from orchestration.session import Session

LOOK_BACK = timedelta(days=2)
"""Runs may pause for a night; a wave older than that is history."""
LEAST, SHARE = 20, 0.02
"""A wave has at least so many deals, and this share of the source's live ones: what a person clicks away in a day is
less, a tool or a workflow moves more."""
KINDS = {
    "merged_into": ("merge_wave", "merged away", "Each counts once from now on: open pipeline and win rates move."),
    "deleted": ("deletion_wave", "deleted", "They leave every figure from the day they were deleted."),
}


def wave_alerts(session: Session) -> Iterator[Alert]:
    """One alert a day and kind of wave, and one a bulk import; each told once. Read from what is published now."""
    since = {"since": (session.as_of - LOOK_BACK).isoformat(), "until": session.as_of.isoformat()}
    current = session.home.published / "current"
    for row in query(current, WAVES.format(least=LEAST, share=SHARE, **since)):
        kind, verb, effect = KINDS[row["field"]]
        yield Alert(
            kind, f"{row['deals']:,} deals {verb} in one day at {row['source']}",
            f"{row['deals']:,} of {row['live']:,} deals were {verb} on {row['day']}, {_money(row)} in all. {effect}",
            "info", subject=row["source"], members=frozenset({str(row["day"])}), once=True,
        )  # fmt: skip
    for row in query(current, IMPORTS.format(least=LEAST, **since)):
        yield Alert(
            "bulk_import", f"{row['deals']:,} deals imported at once at {row['source']}",
            f"{row['deals']:,} deals, {_money(row)} in all, came with import {row['import_batch_id']} on {row['day']}. "
            "Their creation says nothing about demand; dim_deals.import_batch_id tells them apart.",
            "info", subject=row["source"], members=frozenset({row["import_batch_id"]}), once=True,
        )  # fmt: skip


WAVES = """
    with events as (
        select e.source, e.field, cast(e.effective_at as date) as day, e.deal_key,
               any_value(d.amount_reporting) as amount
        from marts.fct_deal_events e join marts.dim_deals d using (deal_key)
        where e.field in ('merged_into', 'deleted') and e.new_value is not null and e.new_value <> 'false'
          and d.is_deleted and (e.field = 'merged_into' or d.merged_into_deal_key is null)
          and e.effective_at >= timestamptz '{since}' and e.effective_at < timestamptz '{until}'
          and e.recorded_at <> e.effective_at  -- what the first full sync brought is nothing new
        group by all
    ), live as (
        select source, count(*) as live from marts.dim_deals where not is_deleted group by 1
    )
    select source, field, day, count(*) as deals, sum(amount) as amount, any_value(live) as live
    from events join live using (source) group by 1, 2, 3
    having count(*) >= greatest({least}, {share} * any_value(live)) order by all"""
IMPORTS = """
    with begun as (  -- created_at may be part of what was imported; the first stay is dated by the CRM itself
        select deal_key, min(effective_at) as begun_at from marts.fct_deal_events where field = 'stage' group by 1
    )
    select d.source, d.import_batch_id, cast(min(b.begun_at) as date) as day, count(*) as deals,
           sum(d.amount_reporting) as amount
    from marts.dim_deals d join begun b using (deal_key)
    where d.import_batch_id is not null and not d.is_deleted
    group by 1, 2
    having count(*) >= {least} and min(b.begun_at) >= timestamptz '{since}' and min(b.begun_at) < timestamptz '{until}'
    order by all"""


def _money(row: dict[str, Any]) -> str:
    return f"{row['amount']:,.0f} in the reporting currency" if row["amount"] is not None else "no amounts given"
