"""Properties that funnel.yml names since the last sync: of the deals read before, just these are read, not everything.

What comes lands as a stream of its own, for such a record is not the whole deal: staging lays it over the version that
was the newest then. Deals that change later carry the property themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from ingestion.sources.hubspot.api import Api, Json
from ingestion.sources.hubspot.objects import ObjectSpec
from ingestion.sources.hubspot.walk import archived_pages, live_pages

STREAM = "deal_properties"
KEPT = ("id", "updatedAt", "archived")


def late_spec(spec: ObjectSpec, asked: Mapping[str, bool], covered: Mapping[str, bool]) -> ObjectSpec | None:
    """What is asked for now and was not of records read before (`covered`); None where that is nothing."""
    history = tuple(
        name for name, tracked in asked.items() if tracked and name not in spec.history and not covered.get(name)
    )
    values = tuple(name for name in asked if name not in spec.properties and name not in covered)
    names = tuple(dict.fromkeys((*values, *history)))
    if not names:
        return None
    return ObjectSpec(spec.name, spec.scope, spec.modified, names, history, counted_as=STREAM)


def late_records(api: Api, spec: ObjectSpec) -> Iterator[Json]:
    """Every live and archived record with nothing but those properties."""
    for page in chain(live_pages(api, spec), archived_pages(api, spec, slim=False)):
        for record in page:
            kept = {name: record[name] for name in KEPT if name in record}
            for shown, names in (("properties", spec.properties), ("propertiesWithHistory", spec.history)):
                told = record.get(shown) or {}
                kept[shown] = {name: told[name] for name in names if name in told}
            yield kept
