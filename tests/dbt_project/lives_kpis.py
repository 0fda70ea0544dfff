"""mart_sales_kpis_monthly of lives."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from statistics import median

from lives import AS_OF, CLOSED, RATES, Life
from lives_truth import DAY, Calendar, at_instant, entered_last, first_event, following, seen

TYPES = {"newbusiness": "new_business", "existingbusiness": "upsell", "renewal": "renewal", "": "other"}
PROBABILITY = {"talk": "0.2", "demo": "0.3", "offer": "0.55", "contract": "0.9", "delivery": "0.95", "due": "0.5",
               "signing": "0.8"}  # fmt: skip


def rate(kind: str, currency: str, day: date | None) -> Decimal | None:
    """Of the last day on or before; None where there is none."""
    if currency == "EUR":
        return Decimal(1)
    given = RATES[kind] if currency == "USD" else []
    fitting = [value for since, value in given if since is None or date.fromisoformat(since) <= day]
    return Decimal(fitting[-1]) if fitting else None


def worth(amount: Decimal | None, currency: str, kind: str, day: date) -> Decimal | None:
    factor = rate(kind, currency, day)
    if amount is None or factor is None:
        return None
    return (amount * factor).quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass(frozen=True)
class Closing:
    pipeline: str
    outcome: str
    kind: str
    day: date
    native: Decimal | None
    euros: Decimal | None
    plan: Decimal | None
    cycle: timedelta | None  # None where the deal came with a bulk import


def closings(world: list[Life], calendar: Calendar) -> list[Closing]:
    """Deals that are closed now and neither deleted nor merged away."""
    found = []
    for life in seen(world):
        now = at_instant(life, calendar, AS_OF)
        if now.is_gone or now.stage not in CLOSED:
            continue
        closed = entered_last(life)
        then = at_instant(life, calendar, closed + timedelta(microseconds=1))
        before = at_instant(life, calendar, closed)
        hidden = CLOSED[now.stage] == "lost" and then.amount == 0 and (before.amount or 0) > 0
        amount = before.amount if hidden else then.amount
        day = now.close or calendar.day(closed)
        found.append(Closing(
            now.pipeline, CLOSED[now.stage], deal_type(life, now.pipeline), day, amount,
            worth(amount, then.currency, "spot", day), worth(amount, then.currency, "plan", day),
            None if life.is_imported else max(closed - life.created, timedelta(0)),
        ))  # fmt: skip
    return found


def deal_type(life: Life, pipeline: str) -> str:
    """What the CRM says; a deal of no known type, or more business, is a renewal in a renewal pipeline."""
    kind = TYPES[life.kind]
    return "renewal" if pipeline == "renewals" and kind != "new_business" else kind


def kpis(world: list[Life], people: list[tuple], calendar: Calendar) -> dict[tuple, dict]:
    """{(month, pipeline or "all"): figures of mart_sales_kpis_monthly}."""
    closed = closings(world, calendar)
    months = calendar.months(first_event(world))
    out = {}
    for pipeline in ("default", "renewals", "all"):
        standing = {}
        for month in months:
            of_month = [c for c in closed if pipeline in (c.pipeline, "all") and c.day.replace(day=1) == month]
            seen_at = min(calendar.starts(following(month)), AS_OF)
            last_day = calendar.day(seen_at - timedelta(microseconds=1))
            recent = [c for c in closed if pipeline in (c.pipeline, "all") and last_day - 90 * DAY < c.day <= last_day]
            cell = _closed_figures(of_month) | _created(world, calendar, month, pipeline)
            standing[month] = _standing(world, calendar, pipeline, seen_at, last_day)
            cell |= standing[month] | _velocity(recent, standing.get(months[months.index(month) - 1], {}))
            if pipeline == "all":
                cell |= _leads(world, people, calendar, month)
            out[month, pipeline] = {name: value for name, value in cell.items() if value}
    return out


def mean(values: list) -> float | None:
    return float(sum(values)) / len(values) if values else None


def _closed_figures(found: list[Closing]) -> dict:
    won, lost = ([c for c in found if c.outcome == word] for word in ("won", "lost"))
    sizes = [c.plan if c.plan is not None else c.euros for c in won if (c.native or 0) > 0]
    sizes = [size for size in sizes if size is not None]
    days = [c.cycle / DAY for c in won if c.cycle is not None]
    value = {word: sum(max(c.euros or 0, 0) for c in part) for word, part in (("won", won), ("all", won + lost))}
    cell = {
        "won_count": len(won), "lost_count": len(lost), "void_count": len(found) - len(won) - len(lost),
        "won_amount": sum(c.euros or 0 for c in won), "lost_amount": sum(c.euros or 0 for c in lost),
        "won_amount_positive": value["won"], "win_rate_n": len(won) + len(lost),
        "win_rate": len(won) / (len(won) + len(lost)) if won else None,
        "win_rate_value": float(value["won"]) / float(value["all"]) if value["all"] else None,
        "win_loss_ratio": len(won) / len(lost) if lost else None,
        "average_deal_size": mean(sizes), "median_deal_size": float(median(sizes)) if sizes else None,
        "deal_size_n": len(sizes), "zero_amount_won_count": sum(c.native == 0 for c in won),
        "missing_amount_won_count": sum(c.native is None for c in won),
        "unconverted_count": sum(c.native is not None and c.euros is None for c in won + lost),
        "average_sales_cycle_days": mean(days), "median_sales_cycle_days": median(days) if days else None,
    }  # fmt: skip
    for kind in TYPES.values():
        mine = [c for c in won if c.kind == kind]
        cell |= {f"{kind}_won_count": len(mine), f"{kind}_won_amount": sum(c.euros or 0 for c in mine),
                 f"{kind}_lost_count": sum(c.kind == kind for c in lost)}  # fmt: skip
    return cell


def _created(world: list[Life], calendar: Calendar, month: date, pipeline: str) -> dict:
    lives, fresh, imported = [], [], 0
    for life in seen(world):
        now = at_instant(life, calendar, AS_OF)
        if now.is_gone or calendar.month(life.created) != month or life.created >= AS_OF:
            continue
        if pipeline in (now.pipeline, "all"):
            imported += life.is_imported
            if not life.is_imported:
                end = entered_last(life) if now.stage in CLOSED else AS_OF
                is_closed = CLOSED.get(now.stage) in ("won", "lost")  # void: set aside, outside every rate
                lives.append((max(end - life.created, timedelta(0)) / DAY, is_closed))
                if deal_type(life, now.pipeline) == "new_business":
                    fresh.append(lives[-1])
    return {"new_deals": len(lives), "imported_deals": imported, "km_sales_cycle_days": survival_median(lives),
            "new_business_km_sales_cycle_days": survival_median(fresh)}  # fmt: skip


def _leads(world: list[Life], people: list[tuple], calendar: Calendar, month: date) -> dict:
    """Leads of a month, and the share with a deal that stands within 90 days of their creation, once all had them."""
    created = {life.number: life.created for life in world
               if not life.swallowed and not at_instant(life, calendar, AS_OF).is_gone}  # fmt: skip
    mine = [(at, deals) for _, at, deals in people if calendar.month(at) == month]
    converted = sum(
        any(number in created and created[number] < at + 90 * DAY for number in deals) for at, deals in mine
    )
    is_old = calendar.starts(following(month)) + 90 * DAY <= AS_OF
    return {"new_leads": len(mine), "lead_to_deal_rate": converted / len(mine) if mine and is_old else None}


def survival_median(lives: list[tuple[float, bool]]) -> float | None:
    """Kaplan-Meier: the first time by which at least half have had the event."""
    surviving = 1.0
    for days in sorted({days for days, is_event in lives if is_event}):
        surviving *= 1 - sum(d == days and e for d, e in lives) / sum(d >= days for d, _ in lives)
        if surviving <= 0.5 + 1e-9:
            return days
    return None


def _standing(world: list[Life], calendar: Calendar, pipeline: str, seen_at: datetime, day: date) -> dict:
    cell = Counter()
    for life in seen(world):
        state = at_instant(life, calendar, seen_at)
        if not state.stands or pipeline not in (state.pipeline, "all"):
            continue
        euros = worth(state.amount, state.currency, "month_end", day)
        cell["open_opportunities"] += 1
        cell["open_amount"] += euros or 0
        cell["unconverted_open_count"] += state.amount is not None and euros is None
        cell["crm_weighted_amount"] += ((euros or 0) * Decimal(PROBABILITY[state.stage])).quantize(
            Decimal("0.01"), ROUND_HALF_UP
        )
        if state.stage == "delivery":
            cell["fulfilment_count"] += 1
            cell["fulfilment_amount"] += euros or 0
    return cell


def _velocity(recent: list[Closing], at_start: dict) -> dict:
    figures = _closed_figures(recent)
    cycles = [c.cycle / DAY for c in recent if c.cycle is not None and c.outcome in ("won", "lost")]
    if not figures["average_deal_size"] or not figures["win_rate_n"]:
        return {}
    value = at_start.get("open_opportunities", 0) * figures["win_rate"] * figures["average_deal_size"]
    divisors = {"pipeline_velocity_per_day": figures["average_sales_cycle_days"],
                "pipeline_velocity_throughput": mean(cycles)}  # fmt: skip
    return {name: value / days for name, days in divisors.items() if days}
