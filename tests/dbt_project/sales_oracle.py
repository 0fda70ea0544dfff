"""Sales figures by plain loops over dimensions and facts, as METRICS.md words them; no SQL of the marts is shared.

The reporting time zone of the tests is UTC, rates do not change with time (sales_world.RATE).
"""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from statistics import median

from sales_world import AS_OF, LIFE, RATE
from whole import records

NOW = datetime.fromisoformat(AS_OF)
CENT = Decimal("0.01")


def cents(value) -> Decimal:
    return Decimal(value).quantize(CENT, ROUND_HALF_UP)


def euros(amount, currency, plan=False):
    return None if amount is None else cents(amount * Decimal(RATE[currency or "EUR"][plan]))


def first(day) -> date:
    return date(day.year, day.month, 1)


def closings(con) -> list[dict]:
    """Deals closed now that stand: month, amounts in euros."""
    found = []
    for row in records(con, "marts.dim_deals"):
        if row["is_deleted"] or row["outcome"] == "open":
            continue
        day = row["close_date"] or row["closed_at"].date()
        amount = row["amount_at_close"]
        found.append(row | {
            "day": day, "month": first(day), "euros": euros(amount, row["currency"]),
            "plan": euros(amount, row["currency"], plan=True),
        })  # fmt: skip
    return found


class Teams:
    """Team of an owner at a moment, and today."""

    def __init__(self, con) -> None:
        self.spans = defaultdict(list)
        for row in records(con, "marts.dim_owners_history"):
            self.spans[row["owner_key"]].append((row["valid_from"], row["valid_to"], row["team_key"]))
        self.now = {row["owner_key"]: row["team_key"] for row in records(con, "marts.dim_owners")}

    def then(self, owner, moment):
        return next(
            (team for start, end, team in self.spans[owner] if start <= moment and (end is None or moment < end)), None
        )


def sales_monthly(con) -> dict[tuple, dict]:
    """{(month, pipeline, owner, team, team_now, deal_type, source): {figure: sum}}; figures that are 0 are left out."""
    teams, out = Teams(con), defaultdict(Counter)
    deals = {row["deal_key"]: row for row in records(con, "marts.dim_deals")}
    odds = {row["stage_key"]: Decimal(str(row["probability"])) for row in records(con, "marts.dim_stages")}
    kinds = {row["stage_key"]: row["stage_category"] for row in records(con, "marts.dim_stages")}
    months = {row["month"] for row in records(con, "intermediate.int_months")}

    def at(month, row, owner, moment, pipeline=None):
        team = teams.then(owner, moment) if owner else None
        return out[month, pipeline or row["pipeline_key"], owner, team, teams.now.get(owner), row["deal_type"],
                   row["original_source"]]  # fmt: skip

    for row in deals.values():
        if not row["is_deleted"]:
            cell = at(first(row["created_at"]), row, row["owner_key_at_creation"], row["created_at"])
            cell["imported_deals" if row["import_batch_id"] else "new_deals"] += 1
    for row in closings(con):
        cell = at(row["month"], row, row["owner_key_at_close"], row["closed_at"])
        cell[row["outcome"] + "_count"] += 1
        if row["outcome"] == "void":
            continue
        cell[row["outcome"] + "_amount"] += row["euros"] or 0
        cell["closed_amount_positive"] += max(row["euros"] or 0, 0)
        if row["outcome"] == "won":
            cell["won_amount_positive"] += max(row["euros"] or 0, 0)
            cell["won_amount_plan"] += max(row["plan"] or 0, 0)
            cell["won_count_positive"] += (row["euros"] or 0) > 0
            cell["zero_amount_won_count"] += row["amount_at_close"] == 0
            cell["missing_amount_won_count"] += row["amount_at_close"] is None
            if not row["import_batch_id"]:
                cell["cycle_count"] += 1
                cell["cycle_days_sum"] += (row["closed_at"] - row["created_at"]) / timedelta(days=1)
    standing = [
        (
            first(row["month_end"]),
            row,
            datetime.combine(row["month_end"] + timedelta(1), datetime.min.time(), NOW.tzinfo),
        )
        for row in records(con, "marts.fct_pipeline_month_end")
    ]
    standing += [(first(NOW), row, NOW) for row in deals.values() if row["is_open"] and not row["is_deleted"]]
    for month, row, moment in standing:
        held = {"deal_type": deals[row["deal_key"]]["deal_type"],
                "original_source": deals[row["deal_key"]]["original_source"]}  # fmt: skip
        cell = at(month, held, row["owner_key"], moment - timedelta(microseconds=1), row["pipeline_key"])
        worth = euros(row["amount"], row["currency"]) or 0
        cell["open_opportunities"] += 1
        cell["open_amount"] += worth
        cell["crm_weighted_amount"] += cents(worth * odds[row["stage_key"]])
        if kinds[row["stage_key"]] == "fulfilment":
            cell["fulfilment_count"] += 1
            cell["fulfilment_amount"] += worth
    for row in records(con, "marts.dim_leads"):
        owner = row["owner_key"]  # of these leads no owner ever changes
        team = teams.then(owner, row["created_at"]) if owner else None
        out[first(row["created_at"]), None, owner, team, teams.now.get(owner), None, row["original_source"]][
            "new_leads"
        ] += 1
    return {
        key: {k: v for k, v in cell.items() if v}
        for key, cell in out.items()
        if key[0] in months and any(cell.values())
    }


def new_business(con) -> dict[tuple, dict]:
    """{(month, pipeline or all): {figure: value}} of new business alone, as mart_sales_kpis_monthly names them."""
    months, won = {row["month"] for row in records(con, "intermediate.int_months")}, defaultdict(list)
    lost = Counter()
    for row in closings(con):
        if row["deal_type"] == "new_business" and row["month"] in months:
            for scope in (row["pipeline_key"], "all"):
                if row["outcome"] == "won":
                    won[row["month"], scope].append(row)
                lost[row["month"], scope] += row["outcome"] == "lost"
    out = {}
    for key in {*won, *(key for key, count in lost.items() if count)}:
        rows = won[key]
        sizes = [row["plan"] for row in rows if (row["euros"] or 0) > 0]
        days = [
            max((row["closed_at"] - row["created_at"]) / timedelta(days=1), 0.0)
            for row in rows
            if not row["import_batch_id"]
        ]
        out[key] = {
            "new_business_win_rate": len(rows) / (len(rows) + lost[key]),
            "new_business_average_deal_size": float(sum(sizes)) / len(sizes) if sizes else 0.0,
            "new_business_deal_size_n": len(sizes),
            "new_business_average_sales_cycle_days": sum(days) / len(days) if days else 0.0,
            "new_business_median_sales_cycle_days": median(days) if days else 0.0,
        }
    return {key: {k: v for k, v in cell.items() if v} for key, cell in out.items() if any(cell.values())}


def losses(con) -> dict[tuple, dict]:
    """{(month, pipeline, stage lost from, reason): {figure: sum}}."""
    kinds = {row["stage_key"]: row["stage_category"] for row in records(con, "marts.dim_stages")}
    visits = defaultdict(list)
    for row in sorted(records(con, "marts.fct_stage_transitions"), key=lambda row: row["visit_number"]):
        if kinds[row["to_stage_key"]] not in ("won", "lost", "void"):
            visits[row["deal_key"]].append(row["to_stage_key"])
    months, out = {row["month"] for row in records(con, "intermediate.int_months")}, defaultdict(Counter)
    for row in closings(con):
        if row["outcome"] == "lost" and row["month"] in months:
            reason = (row["lost_reason"] or "").strip() or "not given"
            cell = out[row["month"], row["pipeline_key"], (visits[row["deal_key"]] or [None])[-1], reason]
            cell["lost_count"] += 1
            cell["lost_amount"] += row["euros"] or 0
            cell["new_business_lost_count"] += row["deal_type"] == "new_business"
            cell["missing_amount_count"] += row["amount_at_close"] is None
    return {key: {k: v for k, v in cell.items() if v} for key, cell in out.items()}


def lead_funnel(con) -> dict[tuple, dict]:
    """{(month of creation, source): {figure: value}} by the standard order of lifecycle stages (sales_world.LIFE)."""
    steps = ("leads", "leads", "mqls", "sqls", "opportunities", "customers")
    stays = defaultdict(list)
    for row in records(con, "marts.fct_lead_transitions"):
        stays[row["lead_key"]].append((LIFE.index(row["to_stage"]), row["entered_at"]))
    out, waits = defaultdict(Counter), defaultdict(list)
    for row in records(con, "marts.dim_leads"):
        key = (first(row["created_at"]), row["original_source"])
        furthest = max((place for place, _ in stays[row["lead_key"]]), default=0)
        for name in dict.fromkeys(steps[: furthest + 1]):
            out[key][name] += 1
        if furthest == len(LIFE) - 1:
            bought = min(at for place, at in stays[row["lead_key"]] if place == furthest)
            waits[key].append(max((bought - row["created_at"]) / timedelta(days=1), 0))
    for key, cell in out.items():
        cell |= {"median_days_to_customer": median(waits[key])} if waits[key] else {}
        names = [("lead", "leads"), ("mql", "mqls"), ("sql", "sqls"), ("opportunity", "opportunities"),
                 ("customer", "customers")]  # fmt: skip
        for (a, whole), (b, part) in [*pairwise(names), (names[0], names[-1])]:
            if cell[part]:
                cell[f"{a}_to_{b}_rate"] = cell[part] / cell[whole]
    return {key: {k: v for k, v in cell.items() if v} for key, cell in out.items()}


def renewals(con, links) -> tuple[dict[str, tuple], dict[tuple, dict]]:
    """(deal: (renewed deal, due day, available, currency), {(due month, pipeline): {figure: value}}).

    `links`: {deal_key: company_key}. Due twelve months after the last win, 90 days of grace, plan rates.
    """
    deals = {row["deal_key"]: row for row in records(con, "marts.dim_deals")}
    wins = {row["deal_key"]: row for row in records(con, "marts.fct_won_revenue") if not row["is_reversed"]}
    told, out = {}, defaultdict(Counter)
    for key, row in deals.items():
        if row["deal_type"] != "renewal":
            continue
        before = [
            (win["won_at"], other) for other, win in wins.items()
            if other != key and links.get(other) == links.get(key) is not None and win["won_at"] <= row["created_at"]
        ]  # fmt: skip
        if not before:
            continue
        contract = wins[max(before)[1]]
        won_day = contract["close_date"] or contract["won_at"].date()
        due = won_day.replace(year=won_day.year + 1)  # no win of this world is on 29 February
        told[key] = (contract["deal_key"], due, contract["amount"], contract["currency"])
        if row["is_deleted"] or row["outcome"] == "void":
            continue
        cell, win = out[first(due), row["pipeline_key"]], wins.get(key)
        closed = win and (win["close_date"] or win["won_at"].date())
        fate = "open" if not win else "won" if closed <= due + timedelta(90) else "late"
        fate = "lost" if row["outcome"] == "lost" else fate
        cell["due_count"] += 1
        cell["inferred_count"] += 1
        cell[fate + "_count"] += 1
        there = euros(contract["amount"], contract["currency"], plan=True)
        got = euros(win["amount"], win["currency"], plan=True) if fate == "won" else None
        if there is None or there <= 0 or (fate == "won" and got is None):
            cell["without_value_count"] += 1
            continue
        cell["available_amount"] += there
        if fate == "won":
            cell["won_net"] += got
            cell["won_gross"] += max(min(got, there), 0)
            cell["contraction_amount"] += there - max(min(got, there), 0)
        else:
            cell["open" if fate == "open" else "lost"] += there
            cell["late_amount"] += there if fate == "late" else 0
    for cell in out.values():
        if cell["available_amount"]:
            cell["renewal_rate_gross"] = float(cell["won_gross"]) / float(cell["available_amount"])
            cell["renewal_rate_net"] = float(cell["won_net"]) / float(cell["available_amount"])
    return told, {key: {k: v for k, v in cell.items() if v} for key, cell in out.items()}


def crm_figures(con, won, closed) -> dict[tuple, float]:
    """{(month, metric): figure} as the CRM reports it. `won`, `closed`: ids of the stages its flags call so."""
    groups = defaultdict(list)
    for row in records(con, "marts.dim_deals"):
        stage = row["stage_key"].split(":")[-1]
        if not row["is_deleted"] and row["close_date"] and stage in closed:
            groups[first(row["close_date"])].append((stage in won, euros(row["amount"], row["currency"])))
    out = {}
    for month, deals in groups.items():
        sold = [amount for is_won, amount in deals if is_won and amount is not None]
        value = sum(amount or 0 for _, amount in deals)
        out[month, "win_rate"] = sum(is_won for is_won, _ in deals) / len(deals)
        out[month, "win_rate_value"] = float(sum(sold)) / float(value) if value else None
        out[month, "average_deal_size"] = float(sum(sold)) / len(sold) if sold else None
    return out
