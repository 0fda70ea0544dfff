"""Which vendors' stand-ins the demo runs: of one world, whose deals are then split over the CRMs."""

from __future__ import annotations

import json
import urllib.request

import pytest

from ingestion.sandbox.serve import Sandbox
from ingestion.sandbox.world import World
from ingestion.settings import load_settings
from orchestration import demo


def test_crms_come_first_and_banks_are_no_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo._chosen("") == ["hubspot", "google_ads"]
    assert demo._chosen("google_ads,salesforce") == ["salesforce", "google_ads"]
    everything = demo._chosen("all")
    assert everything.index("salesforce") < everything.index("ga4")
    assert {"salesforce", "meta", "ga4", "mailchimp"} < set(everything)
    assert "ecb" not in everything
    with pytest.raises(SystemExit) as ended:
        demo._chosen("hubspot,hubspt")
    assert ended.value.code == 2
    assert "there is no source hubspt; there are " in capsys.readouterr().err


def test_the_stand_in_says_what_connects_funnel_to_it_and_splits_its_deals(tmp_path) -> None:
    world = World(seed=3, deals=80)
    with Sandbox(world, rate=None, search_rate=None, split_over=("hubspot", "salesforce")) as sandbox:
        accounts = json.load(urllib.request.urlopen(sandbox.url + "/_sandbox/accounts"))
        assert set(demo._chosen("all")) <= set(accounts)
        given = {name: value for account in accounts.values() for name, value in account.items()}
        names = {connection.vendor for connection in load_settings(given, tmp_path).connections}
        assert set(demo._chosen("all")) <= names, "an account lacks a credential"
        hubspot, salesforce = (set(sandbox.part(name).objects["deals"]) for name in ("hubspot", "salesforce"))
        assert hubspot | salesforce == set(world.objects["deals"])
        assert not hubspot & salesforce
        told = json.load(urllib.request.urlopen(sandbox.url + "/_sandbox/accounts"))["salesforce"]
        assert told["SALESFORCE_API_BASE"] == sandbox.url + "/salesforce"
        spent = urllib.request.urlopen(sandbox.url + "/_sandbox/truth/spend").read().splitlines()
        assert {json.loads(line)["source"] for line in spent} >= {"google_ads", "meta", "linkedin", "yandex_direct"}
        deals = urllib.request.urlopen(sandbox.url + "/_sandbox/truth/deals").read().splitlines()
        org = urllib.request.urlopen(sandbox.url + "/_sandbox/truth/salesforce_deals").read().splitlines()
        assert {json.loads(line)["deal_key"].split(":")[1] for line in deals} <= {str(id) for id in hubspot}
        assert 20 < len(org) < len(salesforce)
