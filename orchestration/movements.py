"""`funnel movements`: what moved the open pipeline between two instants. Reads the published file only.

What was open at an instant is all that ever moved it before; so opening + movements = closing here too, to the cent.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.settings import Settings
from orchestration.errors import WrongUse
from orchestration.home import Home, read_json
from orchestration.published import query

BASES = ("all_open", "close_in_month", "close_in_quarter")
WORDS = (
    "created", "reopened", "pulled_in", "increased", "decreased", "fx", "pushed_out", "pipeline_in", "pipeline_out",
    "won", "lost", "void", "owner_in", "owner_out",
)  # fmt: skip
CHOICES = "a date (2026-06-01), an instant (2026-06-01T09:00:00Z), today, yesterday, monday or 7d (days ago)"

QUERY = """
select
    currency,
    case when occurred_at < timestamptz '{since}' then 'opening' else movement end as movement,
    sum(amount) as amount,
    count(*) as rows,
    sum(case
        when movement in ('created', 'reopened', 'pulled_in', 'pipeline_in', 'owner_in') then 1
        when movement in ('increased', 'decreased') then 0
        when movement = 'fx' then case step when 1 then -1 else 1 end
        else -1
    end) as deals
from marts.fct_pipeline_movements
where basis = '{basis}' and movement not in ('opening', 'closing') and occurred_at < timestamptz '{until}' {where}
group by all
"""


def collect(
    settings: Settings, since: str | None, until: str | None, pipeline: str | None = None, basis: str = "all_open"
) -> dict[str, Any]:
    """{since, until, currencies: {currency: {opening, <each movement>, closing: {amount, count}}}, …}.

    Amounts are decimals in the currency; a count is of deals for opening and closing, of rows else.
    Errors: WrongUse where nothing is published, or an argument names nothing.
    """
    current = Home(settings.home).published / "current"
    manifest = read_json(current / "manifest.json")
    if manifest is None:
        raise WrongUse("Nothing has been published yet.", "`funnel run` does it.")
    if "fct_pipeline_movements" not in {name.split(".")[-1] for name in manifest["tables"]}:
        raise WrongUse("The publication is of an older release, without movements.", "`funnel run` makes a new one.")
    timezone, as_of = settings.config.reporting_timezone, datetime.fromisoformat(manifest["as_of"])
    first, last = span(since, until, timezone, as_of)
    key = _pipeline(current, pipeline) if pipeline else None
    where = f"and pipeline_key = {_quoted(key)}" if key else ""
    rows = query(current, QUERY.format(since=first.isoformat(), until=last.isoformat(), basis=basis, where=where))
    return {
        "publication": manifest["id"],
        "as_of": as_of.astimezone(UTC).isoformat(),
        "since": first.isoformat(),
        "until": last.isoformat(),
        "timezone": timezone,
        "basis": basis,
        "pipeline": key,
        "currencies": {name: _waterfall(rows, name) for name in sorted({row["currency"] for row in rows})},
    }


def span(since: str | None, until: str | None, timezone: str, as_of: datetime) -> tuple[datetime, datetime]:
    """The two instants, in UTC: by default the running month. `since` is the start of a day, `until` the end of one.

    Days are counted from the last one that as_of has seen. Errors: WrongUse.
    """
    zone = ZoneInfo(timezone)
    today = (as_of.astimezone(zone) - timedelta(microseconds=1)).date()
    first = _instant("--since", since, zone, today, 0) if since else _start(today.replace(day=1), zone)
    last = min(_instant("--until", until, zone, today, 1), as_of) if until else as_of
    if first >= last:
        raise WrongUse(f"From {first.isoformat()} to {last.isoformat()} is no time.", f"As of is {as_of.isoformat()}.")
    return first.astimezone(UTC), last.astimezone(UTC)


def _instant(option: str, text: str, zone: ZoneInfo, today: date, days: int) -> datetime:
    """What a word means; of a day its start (days = 0) or its end (1)."""
    named = {"today": today, "yesterday": today - timedelta(1), "monday": today - timedelta(today.weekday())}
    try:
        if text in named:
            day = named[text]
        elif ago := re.fullmatch(r"(\d{1,5})d", text):
            day = today - timedelta(int(ago[1]))
        elif len(text) == 10:
            day = date.fromisoformat(text)
        else:
            instant = datetime.fromisoformat(text)
            return instant if instant.tzinfo else instant.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        raise WrongUse(f"{option} '{text}' is not known.", f"Write {CHOICES}.") from None
    return _start(day + timedelta(days), zone)


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _pipeline(current: Any, name: str) -> str:
    """The key of the pipeline with this key or name. Errors: WrongUse with those there are."""
    known = query(current, "select pipeline_key, pipeline_name from marts.dim_pipelines order by 1")
    found = [p["pipeline_key"] for p in known if name in (p["pipeline_key"], p["pipeline_name"])]
    if len(found) != 1:
        listed = ", ".join(f"{p['pipeline_key']} ({p['pipeline_name']})" for p in known)
        raise WrongUse(f"{len(found) or 'No'} pipelines are called '{name}'.", f"Known: {listed}.")
    return str(found[0])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _waterfall(rows: list[dict[str, Any]], currency: str) -> dict[str, dict[str, Any]]:
    """Opening, every movement in the order of a waterfall, closing: the sum of all before it."""
    found = {row["movement"]: row for row in rows if row["currency"] == currency}
    zero: dict[str, Any] = {"amount": Decimal("0.00"), "rows": 0, "deals": 0}
    opening = found.get("opening", zero)
    steps = {word: found.get(word, zero) for word in WORDS}
    table = {"opening": {"amount": opening["amount"] or zero["amount"], "count": int(opening["deals"])}}
    table |= {word: {"amount": row["amount"] or zero["amount"], "count": row["rows"]} for word, row in steps.items()}
    closing = sum((row["amount"] for row in table.values()), zero["amount"])
    deals = table["opening"]["count"] + sum(int(row["deals"]) for row in steps.values())
    return table | {"closing": {"amount": closing, "count": deals}}


def text(found: dict[str, Any]) -> str:
    """For people: a table a currency; movements that did not happen are left out."""
    zone = ZoneInfo(found["timezone"])
    first, last = (
        f"{datetime.fromisoformat(found[end]).astimezone(zone):%Y-%m-%d %H:%M}" for end in ("since", "until")
    )
    lines = [f"{found['pipeline'] or 'all pipelines'}, {found['basis']}: {first} to {last} ({found['timezone']})"]
    for currency, table in found["currencies"].items():
        lines += ["", f"{currency:<14}{'amount':>20}{'count':>9}"]
        for word, cell in table.items():
            if cell["count"] or word in ("opening", "closing"):
                lines.append(f"{word:<14}{cell['amount']:>20,.2f}{cell['count']:>9,}")
    return "\n".join(lines if found["currencies"] else [*lines, "", "Nothing was open, and nothing moved."])
