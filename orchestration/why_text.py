"""What `funnel explain` found, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Found = dict[str, Any]


def text(found: Found) -> str:
    """The answer as paragraphs: the figure, of when it is, its deals, what moved it."""
    return "\n".join(
        [*_head(found), *_vintages(found), *_deals(found), *_restated(found), *_before(found), *_rests(found)]
    )


def _head(found: Found) -> Iterator[str]:
    scope, publication = found["scope"], found["publication"]
    whose = "" if scope["type"] == "all" else f", {scope['type']} {scope['name']}"
    yield f"{found['label']} of {found['month']}{whose}: {_shown(found['figure'], found)}"
    yield f"  what it is   {found['definition']}"
    yield f"  where        {found['model']}, {found['formula']}"
    yield f"  published    {publication['id']}, as of {publication['as_of'][:16]}, code {publication['code_version']}"
    if closed := found["closed"]:
        late = ", late" if closed["is_late"] else ""
        yield (
            f"  month        closed by {closed['frozen_by']} on {_day(closed['frozen_at'])}{late}: revision "
            f"{closed['revision']}, as known at {closed['known_at']:%Y-%m-%d %H:%M} UTC ({closed['file']})"
        )
    else:
        yield "  month        not closed: the figure is provisional"
    for waiver in found["waivers"]:
        signed = f"{waiver['signed_by']}, until {waiver['expires_on']}"
        yield f"  waived       {waiver['check']}: {waiver['reason']} ({signed})"


def _vintages(found: Found) -> Iterator[str]:
    for row in found.get("components", ()):
        interval = f"8 times in 10 between {row['p10']:,.2f} and {row['p90']:,.2f}"
        yield f"  {row['component']:<13}{row['expected_revenue']:>18,.2f}  {interval}"
    if won := found.get("won_so_far"):
        yield f"  won {'' if won['is_complete_month'] else 'so far':<9}{won['won_amount_now']:>18,.2f}"
    vintages = found.get("vintages", ())
    if vintages:
        yield "What each month end said:"
    for row in vintages:
        state = f"frozen, revision {row['revision']}" if row["frozen_at"] else "not frozen"
        state = "reconstructed" if row["is_reconstructed"] else state
        interval = f"{row['p10']:,.2f} to {row['p90']:,.2f}"
        yield f"  {row['as_of_month_end']}   {row['expected_revenue']:>18,.2f}  {interval}, {state}"
    changes = found.get("changes", ())
    if changes:
        yield f"What {changes[0]['as_of_month_end']} said otherwise than the month end before, by cause:"
    for row in changes:
        yield f"  {row['cause']:<13}{row['amount']:>18,.2f}"


def _deals(found: Found) -> Iterator[str]:
    deals = found.get("deals")
    if not deals:
        return
    about = f" open at {deals['vintage']} ({deals['component']})" if "vintage" in deals else ""
    made = f"{_shown(deals['made_of_them'], found)}{_rest(deals, found)}"
    yield f"Deals behind it{about}: {deals['count']:,}; they make {made}"
    for row in deals["top"]:
        value = "" if row["value"] is None else f"{row['value']:,.2f}" if _is_valued(found) else row["part"]
        told = ", ".join(str(row[name]) for name in ("owner_name", "source_url") if row[name])
        yield f"  {value:>16}  {row['deal_key']}  {row['deal_name'] or ''}  {told}"
    if deals["count"] > len(deals["top"]):
        yield f"  … {deals['count'] - len(deals['top']):,} more (--top)"


def _rest(deals: Found, found: Found) -> str:
    difference = deals["difference"]
    if difference is None:
        return ""
    if not difference:
        return ", which is the figure"
    why = "each deal's part is rounded" if "vintage" in deals else "see meta.check_results of the publication"
    return f"; {difference:,.2f} is not in them ({why})"


def _restated(found: Found) -> Iterator[str]:
    restated = found.get("restatements")
    if not restated or restated["at_close"] is None:
        return
    yield f"Closed with {restated['at_close']:,.2f}; restated since by {restated['change']:,.2f}:"
    for row in restated["by_deal"]:
        link = f"  {row['source_url']}" if row["source_url"] else ""
        yield f"  {row['amount']:>16,.2f}  {row['cause']}, {_day(row['detected_at'])}  {row['deal_key']}{link}"


def _before(found: Found) -> Iterator[str]:
    told = [row for row in found.get("publications", ()) if row["figure"] != found.get("figure")]
    if told:
        yield "Publications that are kept and said otherwise (`funnel diff ID current` has the rows):"
    for row in told:
        yield f"  {row['id']}, as of {row['as_of']:%Y-%m-%d %H:%M}: {_shown(row['figure'], found)}"


def _rests(found: Found) -> Iterator[str]:
    ledger = found.get("deals") or {}
    if ledger.get("ledger_events"):
        yield (
            f"It rests on {ledger['ledger_events']:,} events of these deals in fct_deal_events, the newest landed "
            f"{ledger['last_recorded_at']:%Y-%m-%d %H:%M} UTC, and on these landed windows:"
        )
    else:
        yield "It rests on these landed windows:"
    for row in found["windows"]:
        until = f", up to {row['to_at'][:19]}" if row["to_at"] else ""
        yield f"  {row['source']}/{row['stream']}  {row['window_id']}  {row['rows']:,} records so far{until}"


def _is_valued(found: Found) -> bool:
    return found["unit"] in ("money", "days")


def _shown(value: Any, found: Found) -> str:
    if value is None:
        return "none"
    if found["unit"] == "share":
        return f"{value:.1%}"
    if isinstance(value, Decimal) and found["unit"] == "money":
        return f"{value:,.2f} {found['currency']}"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _day(instant: datetime | date | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d}"
