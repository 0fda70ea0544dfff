"""Sums as a BI tool makes them that has read nothing but meta.table_guide, and what they must come to by the facts."""

from dataclasses import dataclass, replace

from whole import records

DEALS = "from marts.dim_deals where not is_deleted"
TOLD = "(select month from intermediate.int_months)"
"""Months that marts have: a close date or a quota may lie ahead of them."""
WON = f"""from marts.fct_won_revenue where not is_reversed and won_month in {TOLD}
    and deal_key in (select deal_key {DEALS} and is_won)"""
"""Wins that are still closed: those being delivered count among the open ones of marts (fulfilment_count)."""
LOST = f"{DEALS} and is_lost and date_trunc('month', coalesce(close_date, closed_at::date)) in {TOLD}"
STAYS = "from marts.fct_stage_transitions where not is_deleted"
MONTH_END = "from marts.fct_pipeline_month_end where month_end = last_day({month})"
MOVED = "from marts.fct_pipeline_movements where basis = {basis} and currency = {currency}"
SALES = {
    "new_leads": "select count(*) from marts.dim_leads",
    "new_deals": f"select count(*) {DEALS} and import_batch_id is null",
    "won_count": f"select count(*) {WON}",
    "won_amount": f"select sum(amount_reporting) {WON}",
    "lost_count": f"select count(*) {LOST}",
    "void_count": f"select count(*) {DEALS} and outcome = 'void'",
    "open_opportunities": f"select count(*) {MONTH_END}",
    "open_amount": f"select sum(amount_reporting) {MONTH_END}",
}
TRUTHS = {
    "dim_deals": {"stage_changes": f"select count(*) - count(distinct deal_key) {STAYS}"},
    "dim_sources": {"deal_records": "select count(*) from marts.dim_deals"},
    "fct_pipeline_month_end": {
        "amount_reporting": "select sum(open_amount) from marts.mart_sales_monthly where last_day(month) = {month_end}",
    },
    "fct_pipeline_movements": {
        "amount": "select sum({movement:column}_amount) from marts.mart_pipeline_waterfall_monthly "
        "where basis = {basis} and currency = {currency} and month = {month}",
    },
    "mart_pipeline_waterfall_monthly": {
        "won_amount": f"select sum(amount) {MOVED} and movement = 'won'",
        "created_count": f"select count(*) {MOVED} and movement = 'created'",
        "closing_amount": f"select sum(amount) {MOVED} and movement = 'closing' and month = {{month}}",
        "opening_count": f"select count(*) {MOVED} and movement = 'opening' and month = {{month}}",
    },
    "mart_sales_kpis_monthly": SALES
    | {"new_business_won_amount": f"{SALES['won_amount']} and deal_type = 'new_business'"},
    "mart_sales_monthly": SALES,
    "mart_rep_performance_monthly": {
        "quota": f"select sum(quota) from marts.fct_targets where level = 'owner' and month in {TOLD}",
        **{name: SALES[name] for name in ("new_deals", "won_count", "won_amount", "lost_count", "open_amount")},
    },
    "mart_stage_performance_monthly": {
        "exits_won": "select count(*) from marts.fct_stage_transitions where exit_type = 'won'",
        "still_there": """select count(*) from marts.fct_stage_transitions join marts.dim_deals using (deal_key)
            where entered_at < {month} + interval 1 month
              and coalesce(least(exited_at, deleted_at), 'infinity') >= {month} + interval 1 month""",
    },
    "mart_loss_reasons_monthly": {"lost_count": SALES["lost_count"]},
    "mart_lead_funnel_monthly": {"leads": SALES["new_leads"]},
    "mart_open_deals": {"amount_reporting": f"select sum(amount_reporting) {DEALS} and is_open"},
    "mart_funnel_conversion_monthly": {
        "reached": """select count(distinct stays.deal_key) from marts.fct_stage_transitions as stays
            join marts.dim_stages as stages on stages.stage_key = stays.to_stage_key
            join marts.dim_stages as target on target.stage_key = {to_stage_key}
            join marts.dim_deals as deals on deals.deal_key = stays.deal_key
            where not deals.is_deleted and deals.import_batch_id is null and stages.pipeline_key = target.pipeline_key
              and (stages.is_won or (stages.is_open and target.is_open and stages.position >= target.position))""",
    },
    "mart_renewals_monthly": {"due_count": f"select count(*) {DEALS} and renewal_of_deal_key is not null"},
    "bridge_deal_touches": {"weight": f"select count(*) {DEALS}"},
    "mart_marketing_performance_monthly": {
        "won_amount": "select sum(amount_reporting) from marts.fct_won_revenue where not is_reversed",
        "leads": "select count(*) from marts.dim_leads where not is_deleted",
    },
}
"""{table: {column: the sum by facts}}; {pin} and {within} stand for the values that the tool keeps to."""
FACTS = {
    "fct_won_revenue", "fct_campaign_days", "fct_session_days", "fct_email_campaigns", "fct_stage_transitions",
    "fct_lead_transitions", "fct_targets",
}  # fmt: skip
"""Tables to sum that no other one tells of: only their warnings are held against them."""

NEVER = {
    "mart_definition_bridge": {"our_numerator", "our_denominator", "crm_numerator", "crm_denominator"},
    "mart_lead_priority": {"alike_leads", "alike_customers", "rank"},
    "mart_open_deals": {"amount", "priority_rank"},
    "mart_rep_performance_monthly": {"gap_amount", "pipeline_needed_p80"},
    "mart_stage_performance_monthly": {"days_n", "bottleneck_rank"},
}
"""Counts and amounts of marts that the guide gives no way to sum, by intent; nor does it give one for any double but
sums of days."""


@dataclass(frozen=True)
class How:
    """How to sum one column of a table: conditions of the guide by the name of the warning they answer."""

    table: str
    column: str
    conditions: tuple[tuple[str, str], ...] = ()

    def sum(self, con):
        """What comes out; nothing is 0."""
        where = " and ".join(f"({text})" for _, text in self.conditions) or "true"
        return con.execute(
            f'select coalesce(sum("{self.column}"), 0) from marts.{self.table} where {where}'
        ).fetchone()[0]

    def without(self, name):
        """The same by somebody who overlooks one warning."""
        return replace(self, conditions=tuple(c for c in self.conditions if c[0] != name))


def wrong(con) -> list[str]:
    """Sums after the guide that are not what the facts say, and warnings of it that nothing would come of."""
    found, warned = [], {}
    for how, chosen in guided(con):
        ours = how.sum(con)
        if (sql := TRUTHS.get(how.table, {}).get(how.column)) and ours != (facts := truth(con, sql, chosen)):
            found.append(f"{how.table}.{how.column} is {ours}, by the facts {facts}: {how.conditions}")
        for name, _ in how.conditions:
            warned.setdefault((how.table, name), []).append(how.without(name).sum(con) != ours)
    return found + [
        f"{table}: overlooking {name} is no harm" for (table, name), harm in warned.items() if not any(harm)
    ]


def unsaid(con) -> dict[str, set[str]]:
    """{mart: counts and amounts for which the guide says nothing}."""
    said, found = {(how.table, how.column) for how, _ in guided(con)}, {}
    numbers = """select table_name, column_name from information_schema.columns where table_schema = 'marts'
        and starts_with(table_name, 'mart_') and (data_type like 'DECIMAL%' or data_type like '%INT%')"""
    for table, column in con.execute(numbers).fetchall():
        if (table, column) not in said:
            found.setdefault(table, set()).add(column)
    return found


def guided(con) -> list[tuple[How, dict]]:
    """Every column that the guide says how to sum, with the values chosen for pins and the like."""
    found = []
    for row in records(con, "meta.table_guide"):
        for columns, within in ((row["sum_columns"], None), (row["sum_within_columns"], row["sum_within"])):
            for column in names(columns):
                found.append(kept_to(con, How(row["table_name"], column), row, within))
    return found


def kept_to(con, how, row, within):
    """Filter and roll-up as the guide has them; pins and `within` to a value that leaves something to sum."""
    chosen = {}
    if row["filter_before_summing"]:
        how = replace(how, conditions=(*how.conditions, ("filter", row["filter_before_summing"])))
    if row["rollup_column"]:
        how = replace(how, conditions=(*how.conditions, ("rollup", row["rollup_column"])))
    for name in [*names(row["pin_before_summing"]), *([within] if within else [])]:
        where = " and ".join(f"({text})" for _, text in how.conditions) or "true"
        values = con.execute(
            f"""select "{name}" from marts.{how.table} where {where} and "{name}" is not null
                group by 1 order by count(*) filter ("{how.column}" <> 0) desc, 1 limit 1"""
        ).fetchone()
        if values is None:
            break
        chosen[name] = Literal(values[0])
        how = replace(how, conditions=(*how.conditions, (name, f'"{name}" = {chosen[name]}')))
    return how, chosen


def truth(con, sql, chosen):
    """The sum by the facts."""
    found = con.execute(sql.format(**chosen)).fetchone()[0]
    return found or 0


def names(text):
    return [name.strip() for name in text.split(",")] if text else []


class Literal:
    """A value as SQL; `{x:column}` in a format is its bare text, for a column's name."""

    def __init__(self, value) -> None:
        self.value = value

    def __format__(self, spec) -> str:
        return str(self.value) if spec == "column" else str(self)

    def __str__(self) -> str:
        return f"'{self.value}'" if isinstance(self.value, str) else f"date '{self.value}'"
