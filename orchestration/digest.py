"""The digest: what changed since the last one, follow-ups that are due, who is near quota; to a webhook of its own.

It tells of what is published. Of people it has owners' names, of deals their link; what fails is tried by the next run.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.settings import Settings
from orchestration import movements
from orchestration.alerts import scrubbed
from orchestration.errors import WrongUse
from orchestration.home import Home, read_json, write_atomically
from orchestration.published import opened
from orchestration.warehouse import rows_of
from orchestration.webhook import post

logger = logging.getLogger("funnel")
VARIABLE = "FUNNEL_DIGEST_WEBHOOK"
NEAR = 0.7
"""Share of the quota from which on an owner is near it."""
OWNERS_SHOWN = 25
LIKELY = 0.5
"""Probability of reaching it from which on an owner is near it, whatever the share."""
FOLLOW_UPS = """
    with pushed as (
        select distinct deal_key from marts.fct_deal_events
        where field = 'close_date' and effective_at >= $1
            and left(new_value, 7) > left(old_value, 7)
    )
    select deal_key, deal_name, owner_name, stage_name, amount, currency, close_date, days_in_stage,
        coalesce(not has_next_step, false) as without_next_step, is_stalled,
        deal_key in (from pushed) as pushed_again, mart_open_deals.source_url, priority_rank
    from marts.mart_open_deals
    left join marts.dim_owners using (owner_key)
    left join marts.dim_stages using (stage_key)
    where not coalesce(has_next_step, true) or is_stalled or deal_key in (from pushed)
    order by priority_rank nulls last, deal_key"""
QUOTAS = """
    select owner_name, sum(quota) as quota, sum(won_amount) as won, max(p_attain) as p_attain
    from marts.mart_rep_performance_monthly left join marts.dim_owners using (owner_key)
    where month = $1 group by owner_key, owner_name having sum(quota) > 0
    order by sum(won_amount) >= sum(quota), sum(won_amount) / sum(quota) desc, owner_name"""
EXPECTED = """
    select expected_revenue, p10, p90, quota_amount from marts.forecast_current
    where component = 'total' and segment_type = 'all' and target_month = $1"""


def send_due(settings: Settings) -> bool:
    """Send the digest where a webhook is set and the period of the publication's as-of has had none; never raises."""
    if settings.digest_webhook is None:
        return False
    try:
        told, manifest = read_json(Home(settings.home).digest) or {}, _current(settings)
        day = _day(manifest["as_of"], settings)
        is_older = bool(told) and datetime.fromisoformat(manifest["as_of"]) <= datetime.fromisoformat(told["as_of"])
        if is_older or told.get("period") == settings.config.digest.period(day):
            return False
        return send(settings)
    except Exception:
        logger.exception("the digest could not be told")
        return False


def send(settings: Settings) -> bool:
    """Send it now; whether it was taken. Errors: WrongUse where there is no webhook or nothing is published."""
    if settings.digest_webhook is None:
        raise WrongUse(f"{VARIABLE} is not set.", "Without --send the digest is printed.")
    made = collect(settings)
    taken = post(settings.digest_webhook, made, VARIABLE)
    if taken:
        kept = {name: made[name] for name in ("period", "as_of", "publication")}
        write_atomically(Home(settings.home).digest, json.dumps(kept, indent=1))
    return taken


def collect(settings: Settings) -> dict[str, Any]:
    """What is posted: `text` for chat webhooks, the rest for machines. Errors: WrongUse where nothing is published."""
    home, manifest = Home(settings.home), _current(settings)
    day = _day(manifest["as_of"], settings)
    since = _since(read_json(home.digest) or {}, day, settings)
    with opened(home.published / "current") as connection:
        deals = rows_of(connection, FOLLOW_UPS, [since])
        quotas = rows_of(connection, QUOTAS, [day.replace(day=1)])
        expected = rows_of(connection, EXPECTED, [day.replace(day=1)])
    moved = {}
    if since < datetime.fromisoformat(manifest["as_of"]):
        moved = movements.collect(settings, since.isoformat(), None)["currencies"]
    wanted = settings.config.digest
    near = [_near(row) for row in quotas if _is_near(row)][:OWNERS_SHOWN]
    made = {
        "kind": "digest",
        "period": wanted.period(day),
        "publication": manifest["id"],
        "as_of": manifest["as_of"],
        "since": since.isoformat(),
        "currency": settings.config.reporting_currency,
        "month": {"month": f"{day:%Y-%m}", **(expected[0] if expected else {})},
        "changes": moved,
        "follow_ups": {
            "count": len(deals),
            **{kind: sum(row[kind] for row in deals) for kind in KINDS},
            "deals": [_deal(row, wanted.deal_names) for row in deals[: wanted.deals]],
        },
        "quotas": near,
    }
    return scrubbed(_plain(made | {"text": text(made)}), settings)


KINDS = {"without_next_step": "no next step", "is_stalled": "stalled", "pushed_again": "pushed again"}
"""Columns of follow-ups and what they are called."""


def text(made: Mapping[str, Any]) -> str:
    """The digest as lines, for a chat."""
    month, follow, currency = made["month"], made["follow_ups"], made["currency"]
    lines = [f"[funnel] {made['period']}: what changed since {made['since'][:10]}"]
    if "expected_revenue" in month:
        quota = f", quota {month['quota_amount']:,.0f}" if month["quota_amount"] else ""
        between = f"8 times in 10 between {month['p10']:,.0f} and {month['p90']:,.0f}"
        lines.append(f"{month['month']}: {month['expected_revenue']:,.0f} {currency} expected, {between}{quota}")
    for name, table in made["changes"].items():
        steps = [f"{word.replace('_', ' ')} {cell['amount']:+,.0f} ({cell['count']})" for word, cell in table.items()
                 if cell["count"] and word not in ("opening", "closing", "owner_in", "owner_out")]  # fmt: skip
        if steps:
            lines.append(f"Open {name}: {table['closing']['amount']:,.0f} ({'; '.join(steps)})")
    counts = ", ".join(f"{follow[kind]} {word}" for kind, word in KINDS.items())
    lines.append(f"Follow-ups: {follow['count']} deals ({counts})" if follow["count"] else "Follow-ups: none is due")
    for row in follow["deals"]:
        amount = "no amount" if row["amount"] is None else f"{row['amount']:,.0f} {row['currency'] or ''}".strip()
        named = [row["deal_name"], row["owner_name"] or "no owner", amount, row["stage_name"], ", ".join(row["why"])]
        lines.append(f"- {' · '.join(filter(None, named))} {row['source_url'] or row['deal_key']}")
    if follow["count"] > len(follow["deals"]):
        lines.append(f"- and {follow['count'] - len(follow['deals'])} more in mart_open_deals")
    for row in made["quotas"]:
        chance = "" if row["p_attain"] is None or row["share"] >= 1 else f", probability {row['p_attain']:.0%}"
        state = "reached" if row["share"] >= 1 else f"{row['gap']:,.0f} {currency} to go{chance}"
        lines.append(f"Quota: {row['owner_name'] or 'no name'} {row['share']:.0%} ({state})")
    return "\n".join(lines)


def _deal(row: Mapping[str, Any], with_name: bool) -> dict[str, Any]:
    kept = {name: row[name] for name in ("deal_key", "owner_name", "stage_name", "amount", "currency", "close_date")}
    why = [word for kind, word in KINDS.items() if row[kind]]
    return {**kept, "deal_name": row["deal_name"] if with_name else None, "source_url": row["source_url"], "why": why}


def _is_near(row: Mapping[str, Any]) -> bool:
    return row["won"] / row["quota"] >= Decimal(str(NEAR)) or (row["p_attain"] or 0) >= LIKELY


def _near(row: Mapping[str, Any]) -> dict[str, Any]:
    share = float(row["won"] / row["quota"])
    return {**row, "share": share, "gap": max(row["quota"] - row["won"], Decimal(0))}


def _since(told: Mapping[str, Any], day: date, settings: Settings) -> datetime:
    """As-of of the last digest; where there was none, a day or a week before this one's day began, in UTC."""
    if told:
        return datetime.fromisoformat(told["as_of"])
    back = timedelta(days=1 if settings.config.digest.every == "day" else 7)
    return datetime.combine(day - back, time(), ZoneInfo(settings.config.reporting_timezone)).astimezone(UTC)


def _current(settings: Settings) -> dict[str, Any]:
    manifest = read_json(Home(settings.home).published / "current" / "manifest.json")
    if manifest is None:
        raise WrongUse("Nothing has been published yet.", "`funnel run` does it.")
    return manifest


def _day(as_of: str, settings: Settings) -> date:
    """The last day that as-of has seen, in the reporting time zone."""
    seen = datetime.fromisoformat(as_of) - timedelta(microseconds=1)
    return seen.astimezone(ZoneInfo(settings.config.reporting_timezone)).date()


def _plain(made: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it: money as text, to the cent."""
    found: dict[str, Any] = json.loads(json.dumps(made, default=str, ensure_ascii=False))
    return found
