"""A world split over CRMs: nothing is lost, what belongs together stays together, the clock is one."""

from __future__ import annotations

import pytest

from ingestion.sandbox.model import MERGED
from ingestion.sandbox.parts import split
from ingestion.sandbox.world import World

NAMES = ("hubspot", "salesforce", "pipedrive")


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=7, deals=400)


def test_each_deal_is_in_one_part_and_everybody_in_at_least_one(world: World) -> None:
    parts = split(world, NAMES)
    held = [set(part.objects["deals"]) for part in parts.values()]
    assert set.union(*held) == set(world.objects["deals"])
    assert sum(map(len, held)) == len(world.objects["deals"])
    assert all(len(ids) > 80 for ids in held)
    for kind in ("contacts", "companies", "leads"):
        everywhere = [set(part.objects[kind]) for part in parts.values()]
        assert set.union(*everywhere) == set(world.objects[kind])


def test_what_a_record_is_linked_to_or_merged_into_is_in_its_part(world: World) -> None:
    merges = 0
    for part in split(world, NAMES).values():
        for kind in part.objects:
            for record in part.records(kind):
                assert all(id in part.objects[other] for _, other, id in record.links)
                into = [int(change.value) for change in record.log if change.name == MERGED]
                assert all(id in part.objects[kind] for id in into)
                merges += len(into)
    assert merges > 10


def test_people_are_customers_of_one_part_and_leads_of_another(world: World) -> None:
    parts = split(world, NAMES)
    buyers = {name: {id for deal in part.records("deals") for _, kind, id in deal.links if kind == "contacts"}
              for name, part in parts.items()}  # fmt: skip
    known = {name: set(part.objects["contacts"]) for name, part in parts.items()}
    assert buyers["salesforce"] & (known["hubspot"] - buyers["hubspot"])


def test_the_clock_is_the_worlds_and_the_split_the_seeds(world: World) -> None:
    one, two = split(world, NAMES), split(world, NAMES)
    assert {n: set(p.objects["deals"]) for n, p in one.items()} == {n: set(p.objects["deals"]) for n, p in two.items()}
    live = len(one["hubspot"].view("deals").live)
    one["hubspot"].advance(30)
    assert world.now == one["salesforce"].now == two["pipedrive"].now
    assert len(one["hubspot"].view("deals").live) > live
    assert set(split(world, ("hubspot",))["hubspot"].objects["deals"]) == set(world.objects["deals"])
