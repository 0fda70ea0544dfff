"""Raw rows for the warehouse measurements, made by SQL straight in a DuckDB file in the shape that loading gives.

Deals as the CRM answers them (five changes of stage on average, sixteen history entries over eight properties), one
full window of them, the pipeline they move in, the source's own counts. Row i depends on i alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ingestion.loading import open_warehouse, prepare

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
SLICE = 50_000
STAGES = "['appointmentscheduled', 'qualifiedtobuy', 'presentationscheduled', 'decisionmakerboughtin', 'contractsent']"
PIPELINE = """{"id":"default","label":"Sales","displayOrder":0,"archived":false,"createdAt":"2023-01-01T00:00:00Z",
"updatedAt":"2023-01-01T00:00:00Z","stages":[
{"id":"appointmentscheduled","label":"Appointment","displayOrder":0,"metadata":{"isClosed":"false","probability":"0.2"}},
{"id":"qualifiedtobuy","label":"Qualified","displayOrder":1,"metadata":{"isClosed":"false","probability":"0.4"}},
{"id":"presentationscheduled","label":"Presentation","displayOrder":2,"metadata":{"isClosed":"false","probability":"0.5"}},
{"id":"decisionmakerboughtin","label":"Decision","displayOrder":3,"metadata":{"isClosed":"false","probability":"0.7"}},
{"id":"contractsent","label":"Contract","displayOrder":4,"metadata":{"isClosed":"false","probability":"0.9"}},
{"id":"closedwon","label":"Won","displayOrder":5,"metadata":{"isClosed":"true","probability":"1.0"}},
{"id":"closedlost","label":"Lost","displayOrder":6,"metadata":{"isClosed":"true","probability":"0.0"}}]}"""


def make(path: Path, deals: int) -> None:
    """A warehouse as after a first sync: raw.hubspot__deals with `deals` records of about 2 kB."""
    prepare(path)
    with open_warehouse(path) as connection:
        _window(connection, 1, "deal_pipelines", "full", 1)
        connection.execute(
            "insert into raw.hubspot__deal_pipelines values ('hubspot', 'default', ?, ?, 'w1', 1, 0, 1)",
            [PIPELINE, AS_OF],
        )
        _window(connection, 2, "deals", "full", deals)
        for start in range(0, deals, SLICE):
            _insert(connection, f"range({start}, {min(start + SLICE, deals)})", 2, extra=0)
        _counts(connection, 3, deals)
        connection.execute("checkpoint")


def change(path: Path, deals: int, share: float, sequence: int = 4) -> int:
    """A later window: every 1/share-th deal moved on by one stage in the hour after AS_OF (those that have not made all
    their moves by then: an hour after the last). Returns how many."""
    step = round(1 / share)
    with open_warehouse(path) as connection:
        changed = len(range(0, deals, step))
        _window(connection, sequence, "deals", "incremental", changed)
        _insert(connection, f"range(0, {deals}, {step})", sequence, extra=1)
        _counts(connection, sequence + 1, deals)
    return changed


def _window(connection: duckdb.DuckDBPyConnection, sequence: int, stream: str, kind: str, rows: int) -> None:
    connection.execute(
        """insert into raw._windows values ('w' || $1, $1, 'hubspot', 'hubspot', $2, $3, null, $4, $4, $4, $5, 1, 0,
           1.0, '{}')""",
        [sequence, stream, kind, AS_OF, rows],
    )


def _counts(connection: duckdb.DuckDBPyConnection, sequence: int, deals: int) -> None:
    _window(connection, sequence, "source_counts", "full", 1)
    connection.execute(
        """insert into raw.hubspot__source_counts select 'hubspot', 'deals', to_json({'id': 'deals', 'object': 'deals',
           'live': $1, 'archived': 0, 'bracket_low': $1, 'bracket_high': $1, 'counted_at': '2026-10-31T23:59:00Z'}),
           $2, 'w' || $3, $3, 0, 1""",
        [deals, AS_OF, sequence],
    )


def _insert(connection: duckdb.DuckDBPyConnection, deals: str, sequence: int, extra: int) -> None:
    """Records of these deals; `extra` more changes of stage than in the first window."""
    connection.execute(f"""
        insert into raw.hubspot__deals
        with dice as (
            select i, hash(i) as h, cast(3 + hash(i, 1) % 5 as bigint) as first_moves, first_moves + {extra} as moves,
                   timestamp '2023-10-01' + to_seconds(cast(hash(i, 2) % 90000000 as bigint)) as created,
                   86400 + cast(hash(i, 3) % 1500000 as bigint) as gap
            from {deals} as r(i)
        ),
        listed as (
            select *,
                list_transform(range(moves), lambda k: case
                    when k < first_moves then created + to_milliseconds(
                        cast(k * gap * 1000 + hash(i, k, 4) % 80000000 as bigint))
                    else greatest(
                        timestamp '{AS_OF:%Y-%m-%d %H:%M:%S}' + to_seconds(cast(hash(i, k, 4) % 3600 as bigint)),
                        created + to_milliseconds(cast((k - 1) * gap * 1000 + 83600000 as bigint))
                    ) end) as times,
                list_transform(range(moves), lambda k: case
                    when k = first_moves then if(k > 3 and h % 10 < 8, 'contractsent', 'closedlost')
                    when k = first_moves - 1 and k > 2 and h % 10 < 3 then 'closedwon'
                    when k = first_moves - 1 and k > 2 and h % 10 < 8 then 'closedlost'
                    when k > 0 and hash(i, k, 5) % 100 = 0 then {STAGES}[cast(least(k - 1, 4) + 1 as bigint)]
                    else {STAGES}[cast(least(k, 4) + 1 as bigint)] end) as stages
            from dice
        ),
        told as (
            select *, {_history("stages[k + 1]", None)} as stage_told,
                {_history("cast(1000 + hash(i, k, 6) % 90000 as varchar)", 3)} as amount_told,
                {_history("strftime(created + to_days(cast(30 + 20 * k as integer)), '%Y-%m-%dT00:00:00Z')", 4)}
                    as close_told,
                {_history("cast(100 + hash(i, k, 7) % 40 as varchar)", 2)} as owner_told,
                {_history("case k when 0 then 'PIPELINE' else 'COMMIT' end", 2)} as forecast_told,
                {_history("'default'", 1)} as pipeline_told,
                {_history("'EUR'", 1)} as currency_told,
                {_history("case h % 3 when 0 then 'existingbusiness' else 'newbusiness' end", 1)} as type_told
            from listed
        )
        select 'hubspot', cast(i as varchar), to_json({{
            'id': cast(i as varchar),
            'properties': {{
                'dealname': 'Deal ' || i, 'pipeline': 'default', 'dealstage': stage_told[1].value,
                'amount': amount_told[1].value, 'deal_currency_code': 'EUR', 'closedate': close_told[1].value,
                'createdate': strftime(created, '{ISO}'), 'hs_lastmodifieddate': strftime(times[-1], '{ISO}'),
                'hubspot_owner_id': owner_told[1].value, 'dealtype': type_told[1].value,
                'hs_manual_forecast_category': forecast_told[1].value, 'hs_object_id': cast(i as varchar),
                'hs_analytics_source': 'ORGANIC_SEARCH', 'hs_object_source': 'CRM_UI'
            }},
            'propertiesWithHistory': {{
                'dealstage': stage_told, 'amount': amount_told, 'closedate': close_told, 'pipeline': pipeline_told,
                'hubspot_owner_id': owner_told, 'hs_manual_forecast_category': forecast_told,
                'deal_currency_code': currency_told, 'dealtype': type_told
            }},
            'createdAt': strftime(created, '{ISO}'), 'updatedAt': strftime(times[-1], '{ISO}'), 'archived': false
        }}), timestamptz '{AS_OF:%Y-%m-%d %H:%M:%S}+00', 'w{sequence}', {sequence},
        cast(i // 5000 as integer), i % 5000 + 1
        from told""")


ISO = "%Y-%m-%dT%H:%M:%S.%gZ"


def _history(value: str, entries: int | None) -> str:
    """A list of history entries, newest first; k counts from the oldest. None: one a move of the deal."""
    last, hours = ("k", "0") if entries is None else ("2", "cast(k as integer)")
    return f"""list_transform(range({entries or "moves"} - 1, -1, -1), lambda k: {{
                    'value': {value}, 'timestamp': strftime(times[least(k, {last}) + 1] + to_hours({hours}), '{ISO}'),
                    'sourceType': 'CRM_UI', 'sourceId': 'userId:1234567', 'updatedByUserId': 1234567}})"""
