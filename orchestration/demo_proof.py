"""The demo's proof: every row of the published tables against the stand-in's own truth, CRM by CRM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from orchestration.demo import StandIn

TABLES = {
    "deals": (
        "dim_deals",
        """deal_key, is_deleted, merged_into_deal_key, outcome,
           case when merged_into_deal_key is null then struct_pack(pipeline_key, stage_key, owner_key, currency,
               amount := amount::decimal(18, 2), amount_at_close := amount_at_close::decimal(18, 2),
               created := created_at::timestamptz, closed := closed_at::timestamptz, is_open, is_won, is_lost) end""",
    ),
    "transitions": (
        "fct_stage_transitions",
        """deal_key, visit_number, pipeline_key, from_stage_key, to_stage_key, entered_at::timestamptz,
           exited_at::timestamptz, transition_type, exit_type, is_current""",
    ),
    "month_ends": (
        "fct_pipeline_month_end",
        "month_end::date, deal_key, pipeline_key, stage_key, owner_key, amount::decimal(18, 2), currency",
    ),
}
WRONG = {
    "merged": "merged", "archived": "archived", "purged": "purged", "restored": "restored", "backdated": "backdated",
    "history_tied": "with several events in one millisecond", "reopened": "reopened",
    "retired_stage": "in stages that are gone",
}  # fmt: skip
_STAGE = "replace(split_part({}, ':', 3), '%3A', ':')"
WRITTEN = {
    "deals": (
        "dim_deals",
        """deal_id, stage, pipeline_id, amount, owner_id, outcome, is_deleted,
           date_trunc('second', created_at::timestamptz)""",
        f"""split_part(deal_key, ':', 2), {_STAGE.format("stage_key")}, split_part(pipeline_key, ':', 2),
           cast(amount as varchar), split_part(owner_key, ':', 2), outcome, is_deleted,
           date_trunc('second', created_at)""",
    ),
    "transitions": (
        "fct_stage_transitions",
        "deal_id, stage, date_trunc('second', entered_at::timestamptz)",
        f"split_part(deal_key, ':', 2), {_STAGE.format('to_stage_key')}, date_trunc('second', entered_at)",
    ),
}
"""What a CRM tells that dates a change by its writing: (mart, columns of the truth, of the mart)."""
HUBSPOT = "hubspot"


def proof(database: Path, source: StandIn, folder: Path, sources: Sequence[str]) -> bool:
    """Compare every row with the stand-in's truth; True when all agree."""
    print("\nProof, row by row against the stand-in's own truth:")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{database}' as published (read_only)")
        crms = [name for name in sources if name in source.crms]
        agreed = [_rows_agree(connection, source, folder, crm, several=len(crms) > 1) for crm in crms]
        if set(sources) - set(crms):
            agreed.append(_spend_agrees(connection, source, folder, sources))
            agreed.append(_wins_are_attributed(connection))
    if HUBSPOT in sources:
        naive = source.naive()
        texts = [f"{naive[key]} {text}" for key, text in WRONG.items()]
        print(f"  deals that a naive reader gets wrong: {', '.join(texts[:5])},\n    {', '.join(texts[5:])}")
    return all(agreed)


def _rows_agree(connection: duckdb.DuckDBPyConnection, source: StandIn, folder: Path, crm: str, several: bool) -> bool:
    plain = crm == HUBSPOT
    asked = {"as_of": source.now()} if not plain else {}
    agreed = True
    for table, (mart, *columns) in (TABLES if plain else WRITTEN).items():
        name = table if plain else f"{crm}_{table}"
        with _truth(source, name, folder, **asked) as read:
            theirs = f"select {columns[0]} from {read}"
            ours = f"""select {columns[-1]} from published.marts.{mart}
                       where starts_with(deal_key, '{crm}:')"""
            agreed &= _agree(connection, f"{crm} {mart}" if several else mart, theirs, ours, "rows agree")
    return agreed


def _spend_agrees(connection: duckdb.DuckDBPyConnection, source: StandIn, folder: Path, sources: Sequence[str]) -> bool:
    """Each advertising vendor's cost of each month, in its own currency, to the cent and beyond."""
    chosen = ", ".join(f"'{name}'" for name in sources)
    with _truth(source, "spend", folder) as read:
        theirs = f"""select source, month, currency, micros::decimal(38, 0) from {read}
                     where source in ({chosen}) and micros > 0"""
        ours = """select source, strftime(date, '%Y-%m'), currency, (sum(cost) * 1000000)::decimal(38, 0)
                  from published.marts.fct_campaign_days group by all having sum(cost) > 0"""
        return _agree(connection, "fct_campaign_days", theirs, ours, "months of a vendor's spend agree")


def _wins_are_attributed(connection: duckdb.DuckDBPyConnection) -> bool:
    """Every attribution model spreads all that was won, what nobody can claim included."""
    rows = connection.execute(
        """select attribution_model, round(sum(won_deals)), sum(won_amount),
                  (select count(*) from published.marts.fct_won_revenue where not is_reversed),
                  (select sum(amount_reporting) from published.marts.fct_won_revenue where not is_reversed)
           from published.marts.mart_marketing_performance_monthly group by 1 order by 1"""
    ).fetchall()
    good = [model for model, deals, amount, all_deals, all_amount in rows if (deals, amount) == (all_deals, all_amount)]
    print(f"  won revenue is spread to the cent by {len(good)} of {len(rows)} attribution models ({', '.join(good)})")
    return len(good) == len(rows) > 0


def _agree(connection: duckdb.DuckDBPyConnection, name: str, theirs: str, ours: str, what: str) -> bool:
    rows, missing, extra = (
        connection.execute(f"select count(*) from ({sql})").fetchall()[0][0]
        for sql in (theirs, f"{theirs} except all {ours}", f"{ours} except all {theirs}")
    )
    print(f"  {name}: {rows - missing:,} of {rows:,} {what}" + (f", {extra:,} differ" if extra else ""))
    return rows > 0 and not missing and not extra


@contextmanager
def _truth(source: StandIn, table: str, folder: Path, **asked: str) -> Iterator[str]:
    """A reader of the truth's rows, as SQL."""
    path = source.truth(table, folder, **asked)
    yield f"""read_json('{path}', format = 'newline_delimited', sample_size = -1, maximum_object_size = 33554432)"""
    path.unlink()
