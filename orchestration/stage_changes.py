"""Changes of stages that nobody has confirmed: which they are, what they weigh, what to write into funnel.yml.

They come from meta.schema_changes of what is published. A change waits until funnel.yml says, under `stages_confirmed`,
that the changes of its pipeline are understood up to a day or an instant; naming a new or re-flagged stage's category
under `stages` says it of that stage. What is edited there counts at once, without a run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.config import Config
from orchestration.keys import ids_of
from orchestration.published import query

Row = dict[str, Any]
SHOWN = 8
WORDS = {
    "added": "'{name}' is new",
    "retired": "'{name}' is gone and now retired",
    "renamed": "'{value_before}' is now called '{value_after}'",
    "reordered": "'{name}' moved from place {value_before} to {value_after}",
    "reflagged": "'{name}' was {value_before} and is now {value_after}",
}


@dataclass(frozen=True)
class Surprise:
    """Everything that one list of a pipeline's stages showed for the first time; `noticed_at` in UTC."""

    pipeline_key: str
    noticed_at: datetime
    rows: tuple[Row, ...]

    @property
    def subject(self) -> str:
        return f"{self.pipeline_key} {self.noticed_at:%Y-%m-%dT%H:%M:%SZ}"

    @property
    def keys(self) -> frozenset[str]:
        """Keys of the stages (and of the pipeline) that changed."""
        return frozenset(row["key"] for row in self.rows)

    def told(self, currency: str) -> list[str]:
        """One line a change; of a pipeline that came or went its stages are not told one by one."""
        whole = {row["kind"] for row in self.rows if row["object"] == "pipeline"} & {"added", "retired"}
        rows = [row for row in self.rows if row["object"] == "pipeline" or row["kind"] not in whole]
        lines = [_told(row, currency) for row in rows[:SHOWN]]
        return lines + ([f"and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else [])


def all_changes(current: Path) -> list[Row]:
    """Changes of stages and pipelines in what is published, oldest first; none where it is of an older shape."""
    return query(
        current,
        """select source, object, key, pipeline_key, name, kind, value_before, value_after, affected_deals,
                  affected_amount_reporting, noticed_at
           from meta.schema_changes where object in ('stage', 'pipeline')
           order by noticed_at, pipeline_key, object, affected_amount_reporting desc, key, kind""",
    )


def unconfirmed(rows: Iterable[Row], config: Config) -> list[Surprise]:
    """What funnel.yml does not confirm, by pipeline and the list that showed it, oldest first."""
    found: dict[tuple[str, datetime], list[Row]] = {}
    for row in rows:
        if not _is_confirmed(row, config):
            noticed = row["noticed_at"].astimezone(UTC)
            found.setdefault((row["pipeline_key"], noticed), []).append(row)
    return [Surprise(pipeline, at, tuple(rows)) for (pipeline, at), rows in found.items()]


def line_to_paste(surprises: Iterable[Surprise], config: Config) -> str:
    """The line of funnel.yml that confirms these and all that was confirmed before."""
    said: dict[str, dict[str, date]] = {source: dict(found) for source, found in config.stages_confirmed.items()}
    for surprise in surprises:
        source, pipeline = ids_of(surprise.pipeline_key)[:2]
        said.setdefault(source, {})[pipeline] = surprise.noticed_at.replace(microsecond=0) + timedelta(seconds=1)
    sources = (f"{_word(source)}: {{{', '.join(_pairs(found))}}}" for source, found in sorted(said.items()))
    return f"stages_confirmed: {{{', '.join(sources)}}}"


def _is_confirmed(row: Row, config: Config) -> bool:
    source, pipeline, *stage = ids_of(row["key"])
    until = config.stages_confirmed.get(source, {}).get(pipeline)
    if until is not None and row["noticed_at"] < _end_of(until, ZoneInfo(config.reporting_timezone)):
        return True
    named: Mapping[str, str] = config.stages.get(source, {}).get(pipeline, {})
    return row["kind"] in ("added", "reflagged") and bool(stage) and stage[0] in named


def _end_of(until: date, zone: ZoneInfo) -> datetime:
    """A day counts whole, in the reporting time zone; an instant without a zone is UTC."""
    if isinstance(until, datetime):
        return until if until.tzinfo else until.replace(tzinfo=UTC)
    return datetime.combine(until + timedelta(days=1), datetime.min.time(), zone)


def _told(row: Row, currency: str) -> str:
    what = WORDS[row["kind"]].format(**row)
    deals, amount = row["affected_deals"], f"{row['affected_amount_reporting']:,.2f} {currency}"
    if row["object"] == "pipeline":
        what = f"pipeline {what}"
    before, after = (str(row[name]).split(",")[0] for name in ("value_before", "value_after"))
    if row["kind"] == "reflagged" and before != after:
        return f"{what}: {_deals(deals)} over {amount} changed from {before} to {after}"
    return f"{what}: {_deals(deals, 'open ')} over {amount} in it"


def _deals(count: int, which: str = "") -> str:
    return f"{count:,} {which}deal{'' if count == 1 else 's'}"


def _pairs(found: Mapping[str, date]) -> Iterator[str]:
    for pipeline, until in sorted(found.items()):
        if isinstance(until, datetime):
            yield f"{_word(pipeline)}: {_end_of(until, ZoneInfo('UTC')).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        else:
            yield f"{_word(pipeline)}: {until.isoformat()}"


def _word(text: str) -> str:
    """A YAML key that stays text: an id of digits would be a number."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{3,}", text) and text.lower() not in ("true", "false", "null")
    return text if plain else json.dumps(text)
