"""Worlds that know their deals' lives, in two reporting zones: every cell of waterfall, KPIs and cohorts is theirs."""

from zoneinfo import ZoneInfo

import pytest
from lives_cohorts import STEPS, cohorts
from lives_kpis import kpis
from lives_truth import Calendar
from lives_waterfall import waterfall
from told import cohort_cells, differences, kpi_cells, tell, waterfall_cells

ZONES = [("Asia/Vladivostok", 4), ("America/New_York", 5)]  # and the month in which a fiscal year begins


@pytest.fixture(scope="module", params=ZONES, ids=lambda param: param[0])
def told(dbt, compiled, request):
    zone, fiscal_start = request.param
    found = tell(compiled, dbt.target, zone, fiscal_start, seed=fiscal_start, count=240)
    yield found
    found.con.close()


def test_waterfall(told):
    expected = waterfall(told.world, told.calendar)
    assert differences(waterfall_cells(told), expected)[:5] == []
    assert len(expected) > 1000
    assert len({key[4] for key in expected}) == 16


def test_kpis(told):
    expected = kpis(told.world, told.people, told.calendar)
    found = kpi_cells(told)
    assert found.keys() == expected.keys()
    assert differences(found, expected)[:5] == []
    assert len({name for cell in expected.values() for name in cell}) >= 38


def test_cohorts(told):
    expected = cohorts(told.world, told.calendar)
    found = cohort_cells(told)
    assert {key[2:] for key in found} == {step[1:] for step in STEPS}
    assert differences(found, expected)[:5] == []
    assert len(expected) > 150
    assert len({name for cell in expected.values() for name in cell}) == 13


def test_tests_of_the_project_hold(told):
    assert told.failing() == []
    for name in ("crm_records_contradict", "marts_amounts_have_a_rate"):  # this world has what these warn of
        assert told.con.execute(told.compiled[name]).fetchall() != []


def test_zone_and_fiscal_year_matter_in_this_world(told):
    """Counted in UTC, or by calendar quarters, the same lives give other figures: the cells above can tell."""
    found, here = waterfall_cells(told), told.calendar
    assert len(differences(found, waterfall(told.world, Calendar(ZoneInfo("UTC"), here.fiscal_start)))) > 20
    by_calendar = waterfall(told.world, Calendar(here.zone))
    assert bool(differences(found, by_calendar)) == ((here.fiscal_start - 1) % 3 != 0)
