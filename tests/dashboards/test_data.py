"""What the page is given: exact rows of small publications, of missing ones, cut ones, huge ones."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboards import cards, data
from dashboards.build import build
from dashboards.publication import look, packed, plain, unpacked
from tests.dashboards.publication import publish

PIPELINE = {"pipeline_key": "hs:p", "pipeline_name": "Sales", "is_included": True, "is_renewal_pipeline": False}
DEAL = {"deal_key": "hs:1", "deal_name": "Acme", "original_source": "OFFLINE", "source_url": "https://crm.example/1"}
OPEN = {
    "deal_key": "hs:1", "deal_name": "Acme", "pipeline_key": "hs:p", "stage_key": "hs:p:a", "stage_category": "meeting",
    "owner_key": "hs:7", "team_key": "hs:t", "amount": 100, "amount_reporting": 80.5, "is_stalled": True,
    "currency": "USD",    "days_in_stage": 12.4, "close_date_pushes": 0, "priority_rank": 1, "expected_amount": 40.25,
}  # fmt: skip


def tables(folder: Path) -> dict[str, list[dict[str, Any]]]:
    found = look(folder)
    collected = data.collect(found)
    assert not found.problems
    return {name: unpacked(table) for name, table in collected["tables"].items()}


def moved(at: str, movement: str, amount: float, **more: Any) -> dict[str, Any]:
    row = {"deal_key": "hs:1", "pipeline_key": "hs:p", "owner_key": "hs:7", "basis": "all_open", "occurred_at": at}
    return row | {"movement": movement, "amount_reporting": amount, "month": f"{at[:7]}-01"} | more


def test_what_is_open_is_summed_and_what_has_no_amount_is_counted(tmp_path: Path) -> None:
    more = [
        {**OPEN, "deal_key": "hs:2", "amount_reporting": None, "is_stalled": False, "expected_amount": None},
        {**OPEN, "deal_key": "hs:3", "stage_category": "fulfilment"},
    ]
    deals = [DEAL, {**DEAL, "deal_key": "hs:2"}, {**DEAL, "deal_key": "hs:3"}]
    owners = [{"owner_key": "hs:7", "owner_name": "Ann", "team_key": "hs:t"}]
    given = {"mart_open_deals": [OPEN, *more], "dim_deals": deals, "dim_owners": owners}
    [row] = tables(publish(tmp_path, given))["open"]
    assert row == {
        "pipeline": "hs:p", "stage": "hs:p:a", "owner": "hs:7", "team": "hs:t", "source": "OFFLINE", "deals": 2,
        "amount": 80.5, "expected": 40.25, "stalled": 1, "stalled_amount": 80.5, "without_amount": 1,
    }  # fmt: skip


def test_yesterday_and_the_month_begin_at_midnight_in_the_reporting_time_zone(tmp_path: Path) -> None:
    given = {
        "dim_deals": [DEAL],
        "fct_pipeline_movements": [
            moved("2026-05-31 21:59+00", "created", 1),  # 23:59 of May in Berlin
            moved("2026-05-31 22:00+00", "created", 10),  # midnight of June there
            moved("2026-06-13 21:59+00", "increased", 100),  # the day before yesterday
            moved("2026-06-13 22:00+00", "won", -1000),
            moved("2026-06-15 10:00+00", "lost", -5000),  # as_of itself is not seen
            moved("2026-06-14 10:00+00", "won", -7, basis="close_in_month"),
        ],
    }
    found = {(r["span"], r["movement"]): (r["rows"], r["amount"]) for r in tables(publish(tmp_path, given))["moves"]}
    assert found == {
        ("day", "won"): (1, -1000), ("month", "created"): (1, 10), ("month", "increased"): (1, 100),
        ("month", "won"): (1, -1000),
    }  # fmt: skip


def test_a_month_with_only_losses(tmp_path: Path) -> None:
    sums = ("new_deals", "won_count", "lost_count", "won_amount", "lost_amount", "won_amount_positive")
    row = dict.fromkeys((*sums, "won_count_positive", "open_amount"), 0)
    lost = {**row, "month": "2026-06-01", "pipeline_key": "hs:p", "lost_count": 3, "lost_amount": 900}
    [found] = tables(publish(tmp_path, {"mart_sales_monthly": [lost, {**row, "month": "2026-05-01"}]}))["sales"]
    assert (found["month"], found["won"], found["lost"], found["lost_amount"]) == ("2026-06", 0, 3, 900)


def test_of_ten_thousand_owners_few_have_a_name_and_the_sums_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "ROWS", 60)
    sums = ("new_deals", "won_count", "lost_count", "lost_amount", "won_amount_positive", "won_count_positive")
    publish(tmp_path)
    with duckdb.connect(str(tmp_path / "funnel.duckdb")) as connection:
        connection.execute(
            "insert into marts.dim_owners (owner_key, owner_name) select 'o' || i, 'Rep ' || i from range(10000) r(i)"
        )
        connection.execute(
            f"""insert into marts.mart_sales_monthly by name
                select date '2026-06-01' as month, 'hs:p' as pipeline_key, 'o' || i as owner_key, i as won_amount,
                       0 as open_amount, {", ".join(f"1 as {name}" for name in sums)} from range(10000) r(i)"""
        )
    (tmp_path / "manifest.json").write_text(
        json.dumps({**json.loads((tmp_path / "manifest.json").read_text()), "files": {}}), encoding="utf-8"
    )
    found = tables(tmp_path)
    assert len(found["sales"]) == 31
    assert sum(row["won_amount"] for row in found["sales"]) == sum(range(10000))
    assert {row["key"] for row in found["owners"]} == {f"o{i}" for i in range(9970, 10000)}
    assert next(r for r in found["sales"] if r["owner"] == "~")["won"] == 9970


def test_every_table_is_asked_of_an_empty_publication_without_a_problem(tmp_path: Path) -> None:
    found = tables(publish(tmp_path))
    assert {name: rows for name, rows in found.items() if rows and name not in ("clock", "counts")} == {}
    assert found["clock"] == [
        {"month": "2026-06", "first_month": "2024-06", "day": "2026-06-15", "yesterday": "2026-06-13T22:00:00Z",
         "timezone": "Europe/Berlin"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda p: (p / "manifest.json").unlink(), "no_manifest"),
        (lambda p: (p / "manifest.json").write_text('{"id": "2026'), "half_copied"),
        (lambda p: (p / "funnel.duckdb").unlink(), "no_data"),
        (lambda p: (p / "funnel.duckdb").write_bytes((p / "funnel.duckdb").read_bytes()[:5000]), "half_copied"),
        (
            lambda p: duckdb.connect(str(p / "funnel.duckdb")).execute("drop table marts.mart_open_deals").close(),
            "older",
        ),
    ],
    ids=["no manifest", "manifest cut", "no file", "file cut", "of an older release"],
)
def test_a_publication_that_is_not_whole_is_a_page_that_says_so(tmp_path: Path, harm: Any, problem: str) -> None:
    folder = publish(tmp_path / "p", files={})
    harm(folder)
    text, found = build(folder, alone=True)
    assert problem in [p.key for p in found.problems]
    shown = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])  # type: ignore[index]
    assert problem in [p["key"] for p in shown["publication"]["problems"]]


def test_a_publication_that_is_not_there(tmp_path: Path) -> None:
    _, found = build(tmp_path / "nowhere")
    assert [(p.key, p.about) for p in found.problems] == [("missing", str(tmp_path / "nowhere"))]


def test_no_name_can_end_the_script_it_lies_in(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    text, _ = build(publish(tmp_path, {"mart_open_deals": [{**OPEN, "deal_name": evil}], "dim_deals": [DEAL]}))
    assert "</script><script>alert" not in text
    assert "\\u003c/script>\\u003cscript>alert(1)" in text


def test_the_page_asks_for_nothing_from_elsewhere_and_is_small(tmp_path: Path) -> None:
    text, _ = build(publish(tmp_path))
    assert len(text.encode()) < 1_500_000
    outside = text.split('<script type="module">')[0]
    assert not re.findall(r'(?:src|href)="https?:|@import|url\(', outside)
    assert "default-src 'none'" in text


def test_plain_and_packed() -> None:
    assert [plain(v) for v in (Decimal("10.00"), Decimal("0.10"), float("nan"), 1 / 3)] == [10, 0.1, None, 0.333333333]
    assert plain(date(2026, 6, 1)) == "2026-06-01"
    assert plain(datetime(2026, 6, 1, 5)) == "2026-06-01T05:00:00Z"  # noqa: DTZ001 as DuckDB's UTC session gives it
    column = packed(["b", None, "b", "a", "b"])
    assert column == {"of": ["b", "a"], "at": [0, -1, 0, 1, 0]}
    assert unpacked({"x": column, "n": [1, 2, 3, 4, 5]})[1:4] == [
        {"x": None, "n": 2},
        {"x": "b", "n": 3},
        {"x": "a", "n": 4},
    ]


def test_every_text_is_there_in_both_languages() -> None:
    words = {
        name: json.loads((Path(cards.__file__).parent / "words" / f"{name}.json").read_text()) for name in ("en", "ru")
    }
    assert words["en"].keys() == words["ru"].keys() - {"patterns"}
    for card in cards.CARDS:
        assert {card.id, f"{card.id}_note", f"{card.id}_def"} <= words["en"].keys(), card.id
    for key, text in words["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", words["ru"][key])), key
