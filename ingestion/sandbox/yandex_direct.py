"""Yandex Direct's stand-in over the generated world: a client, campaigns, reports that are queued and built first.

`trouble`: how the next requests for a report end otherwise (a status: 500, 502; a code of an error in a 400).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from ingestion.sandbox.advertising import Advertiser, Campaign
from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

TOKEN, VAT = "yandex-token", 120
ACCOUNTS = {"acme-direct": ("RUB", "Europe/Moscow", "Acme RU")}
CREDENTIALS = {"TOKEN": TOKEN}
CAMPAIGNS = (
    Campaign("acme-direct", "880001", "осень", "TEXT_CAMPAIGN", -420, 200),
    Campaign("acme-direct", "880002", "retargeting", "CPM_BANNER_CAMPAIGN", -90, 60),
    Campaign("acme-direct", "880003", "весна", "UNIFIED_CAMPAIGN", -600, -300, removed=True),
)


class YandexDirect(Advertiser):
    """standins.StandIn."""

    accounts, campaigns, whole, cent = ACCOUNTS, CAMPAIGNS, True, 10_000

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.asked: dict[str, int] = {}
        self.trouble: list[int] = []
        self.retry_in = 0

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 400 if asked.path == "/reports" else 200, error(53), {}
        params = (asked.body or {}).get("params") or {}
        if asked.path == "/clients":
            clients = [{"Login": id, "Currency": told[0], "ClientInfo": told[2]} for id, told in ACCOUNTS.items()]
            return 200, {"result": {"Clients": clients}}, {"Units": "10/20828/64000"}
        if asked.path == "/campaigns":
            return 200, {"result": self._campaigns(params["Page"])}, {"Units": "10/20818/64000"}
        return self._report(params, asked.headers) if asked.path == "/reports" else (404, error(3500), {})

    def refusal(self, rule: Mapping[str, Any]) -> Answer | None:
        codes = {"401": 53, "403_scope": 54, "429": 152}
        if rule["kind"] in codes:
            return 200, error(codes[rule["kind"]]), {}
        return (int(rule["kind"]), error(1000), {}) if rule["kind"] in ("500", "503") else None

    def _campaigns(self, page: dict[str, int]) -> dict[str, Any]:
        rows = [
            {
                "Id": int(c.id),
                "Name": c.name,
                "State": "ARCHIVED" if gone else "ON",
                "Status": "ACCEPTED",
                "Type": c.kind,
            }
            for c, gone in self.listed("acme-direct")
        ]
        end = page["Offset"] + page["Limit"]
        return {"Campaigns": rows[page["Offset"] : end]} | ({"LimitedBy": end} if end < len(rows) else {})

    def _report(self, params: dict[str, Any], headers: Mapping[str, str]) -> Answer:
        if self.trouble and (ends := self.trouble.pop(0)):
            return (ends, error(1000), {}) if ends in (500, 502) else (400, error(ends), {})
        key = json.dumps(params, sort_keys=True)
        self.asked[key] = self.asked.get(key, 0) + 1
        if self.asked[key] % 3:
            return 200 + self.asked[key] % 3, b"", {"retryIn": str(self.retry_in), "reportsInQueue": "1"}
        span = params["SelectionCriteria"]
        days = map(date.fromisoformat, (span["DateFrom"], span["DateTo"]))
        lines = ["\t".join(params["FieldNames"])]
        for campaign, day, found in self.rows("acme-direct", *days):
            micros = found.cost_micros if params["IncludeVAT"] == "YES" else found.cost_micros * 100 // VAT
            money = f"{micros / 1_000_000:.2f}" if headers.get("returnmoneyinmicros") == "false" else str(micros)
            told = {
                "Date": day.isoformat(), "CampaignId": campaign.id, "CampaignName": campaign.name,
                "CampaignType": campaign.kind, "Impressions": found.impressions, "Clicks": found.clicks, "Cost": money,
                "Conversions": int(found.conversions) or "--",
            }  # fmt: skip
            lines.append("\t".join(str(told[name]) for name in params["FieldNames"]))
        if headers.get("skipreportsummary") != "true":
            lines.append(f"Total rows: {len(lines) - 1}")
        return 200, ("\n".join(lines) + "\n").encode(), {"Content-Type": "text/tab-separated-values"}


def error(code: int) -> dict[str, Any]:
    told = {"request_id": "1", "error_code": str(code), "error_string": "refused by the stand-in", "error_detail": ""}
    return {"error": told}


STAND_IN = YandexDirect
