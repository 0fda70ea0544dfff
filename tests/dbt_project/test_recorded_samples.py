"""Payloads recorded from a live portal go through staging. They are read by path and never copied (see SOURCE.md)."""

import json
from pathlib import Path

import pytest
from conftest import SAMPLES
from raw import add

FILES = ("estuary_hubspot_native.jsonl", "estuary_hubspot_legacy.jsonl")

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason=f"the recorded samples are not on this machine (looked in {Path(*SAMPLES.parts[-4:])})"
)


def recorded(name: str, stream: str) -> list[dict]:
    """Records of one stream of one file; ids may be integers, times numbers, some values the text `redacted`."""
    lines = (SAMPLES / name).read_text().splitlines()
    found = [json.loads(line)["data"] for line in lines if line.strip()]
    names = [json.loads(line)["stream"] for line in lines if line.strip()]
    return [
        record | {"id": str(record.get("id") or record.get("pipelineId"))}
        for record, kind in zip(found, names, strict=True)
        if kind == stream
    ]


@pytest.mark.parametrize("name", FILES)
def test_recorded_deals_and_pipelines_pass_through_staging(chain, name):
    deals, pipelines = recorded(name, "deals"), recorded(name, "deal_pipelines")
    assert len(deals) == len(pipelines) == 1
    add(chain.con, "deal_pipelines", pipelines)
    add(chain.con, "deals", deals)
    chain.run()
    # "redacted" stands where updatedAt was: not a date, so that the time of extraction takes its place.
    assert chain.rows(
        "select source_deal_id, stage_id, amount, strftime(created_at, '%Y-%m-%d %H:%M:%S.%g'), updated_at, "
        "reject_reason from staging.stg_hubspot__deal_versions"
    ) == [("35447325508", "appointmentscheduled", 43, "2025-04-03 12:59:10.726", None, None)]
    assert chain.rows(
        "select stage_id, display_order, is_won, is_lost from staging.stg_hubspot__stages order by display_order"
    ) == [
        ("appointmentscheduled", 0, False, False),
        ("qualifiedtobuy", 1, False, False),
        ("presentationscheduled", 2, False, False),
        ("decisionmakerboughtin", 3, False, False),
        ("contractsent", 4, False, False),
        ("closedwon", 5, True, False),
        ("closedlost", 6, False, True),
    ]
    assert chain.rows(
        "select deal_key, to_stage_key, strftime(entered_at, '%H:%M:%S.%g'), amount_at_entry, owner_key_at_entry "
        "from marts.fct_stage_transitions"
    ) == [("hubspot:35447325508", "hubspot:default:appointmentscheduled", "12:59:10.726", 43, "hubspot:904875188")]


def test_recorded_history_becomes_events_and_its_absence_synthetic_ones(chain):
    found = {}
    for name in FILES:
        chain.clear()
        add(chain.con, "deals", recorded(name, "deals"))
        chain.run("int_deal_events")
        found[name] = chain.rows("select field, value, origin from intermediate.int_deal_events order by field")
    native, legacy = (found[name] for name in FILES)
    assert [(f, v) for f, v, _ in native] == [
        ("amount", "43.00"),
        ("owner", "904875188"),
        ("pipeline", "default"),
        ("stage", "appointmentscheduled"),
    ]
    assert {origin for *_, origin in native} == {"history_api"}
    assert [(f, v) for f, v, _ in legacy] == [(f, v) for f, v, _ in native]
    assert {origin for *_, origin in legacy} == {"synthetic_create"}
