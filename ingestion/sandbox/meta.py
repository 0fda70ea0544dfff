"""Meta's stand-in over the generated world: two ad accounts, report runs that take two polls, a page with a lead form.

`trouble`: how the next report runs end otherwise ("Job Failed", "Job Skipped", "Job Running" for ever), one word a run;
`usage`: what the headers say is used of the allowance, in per cent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from ingestion.sandbox.advertising import Advertiser, Campaign, Figures
from ingestion.sandbox.standins import Answer, Asked
from ingestion.sandbox.world import World

TOKEN, PAGE, PAGE_TOKEN, FORM = "meta-token", "700", "meta-page-token", "4400"
ACCOUNTS = {"111": ("EUR", "Europe/Berlin", "Brand"), "222": ("USD", "America/Los_Angeles", "US")}
CREDENTIALS = {"ACCESS_TOKEN": TOKEN, "PAGE_IDS": PAGE}
CAMPAIGNS = (
    Campaign("111", "2201", "spring", "OUTCOME_LEADS", -500, -60, removed=True),
    Campaign("111", "2202", "retargeting", "OUTCOME_SALES", -150, 400),
    Campaign("222", "2301", "autumn", "OUTCOME_LEADS", -320, 90),
    Campaign("222", "2302", "autumn", "OUTCOME_AWARENESS", -40, 10),
)
LEADS = 40
"""Submissions of the form, one every two days up to the world's start and beyond."""


class Meta(Advertiser):
    """standins.StandIn."""

    accounts, campaigns, whole, cent = ACCOUNTS, CAMPAIGNS, True, 10_000

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.runs: dict[str, tuple[str, date, date, str, int]] = {}
        self.trouble: list[str] = []
        self.usage = 5

    def answer(self, asked: Asked) -> Answer:
        use = {"type": "ads_insights", "call_count": self.usage, "total_cputime": 1, "total_time": 1,
               "estimated_time_to_regain_access": 0}  # fmt: skip
        headers = {"X-Business-Use-Case-Usage": json.dumps({"1": [use]})}
        status, body = self._answer(asked)
        return status, body, headers

    def refusal(self, rule: Mapping[str, Any]) -> Answer | None:
        codes = {"429": (17, 2446079), "401": (190, 463), "403_scope": (200, 0), "500": (2, 0), "503": (2, 0)}
        if rule["kind"] not in codes:
            return None
        return 400 if rule["kind"] != "503" else 503, error(*codes[rule["kind"]]), {}

    def _answer(self, asked: Asked) -> tuple[int, Any]:
        place, token = asked.path.strip("/").split("/"), asked.headers.get("authorization")
        if token not in (f"Bearer {TOKEN}", f"Bearer {PAGE_TOKEN}"):
            return 400, error(190, 463)
        if asked.path == "/me/adaccounts":
            return 200, self._page([self._account(id) for id in ACCOUNTS], asked)
        if place[0].removeprefix("act_") in ACCOUNTS and place[0].startswith("act_"):
            return self._of_account(place[0].removeprefix("act_"), place[1:], asked)
        if place[0] in self.runs:
            return self._of_run(place[0], place[1:], asked)
        if place == [PAGE]:
            return 200, {"id": PAGE, "access_token": PAGE_TOKEN}
        if token != f"Bearer {PAGE_TOKEN}":
            return 403, error(200, 0)
        if place == [PAGE, "leadgen_forms"]:
            return 200, self._page([{"id": FORM, "name": "Demo"}], asked)
        if place == [FORM, "leads"]:
            [only] = json.loads(asked.first("filtering", "[]"))
            return 200, self._page([lead for lead in self.leads() if _epoch(lead) > only["value"]], asked)
        return 404, error(100, 33)

    def _of_account(self, account: str, place: list[str], asked: Asked) -> tuple[int, Any]:
        if not place:
            return 200, self._account(account)
        if place == ["campaigns"]:
            rows = [
                {"id": c.id, "name": c.name, "status": "DELETED" if gone else "ACTIVE", "objective": c.kind,
                 "effective_status": "DELETED" if gone else "ACTIVE"}
                for c, gone in self.listed(account)
            ]  # fmt: skip
            wanted = json.loads(asked.first("filtering", "[]"))
            every = any("DELETED" in rule["value"] for rule in wanted)
            return 200, self._page([row for row in rows if every or row["status"] != "DELETED"], asked)
        if place == ["insights"] and asked.method == "POST":
            span = json.loads(asked.first("time_range"))
            run, end = str(9_000 + len(self.runs)), self.trouble.pop(0) if self.trouble else "Job Completed"
            self.runs[run] = (account, *map(date.fromisoformat, (span["since"], span["until"])), end, 0)  # type: ignore[assignment]
            return 200, {"report_run_id": run}
        return 400, error(100, 0)

    def _of_run(self, run: str, place: list[str], asked: Asked) -> tuple[int, Any]:
        account, first, last, end, polls = self.runs[run]
        if place == ["insights"]:
            return 200, self._page(list(self._insights(account, first, last)), asked)
        self.runs[run] = (account, first, last, end, polls + 1)
        if polls == 0 or end == "Job Running":
            return 200, {"id": run, "async_status": "Job Running", "async_percent_completion": 40}
        return 200, {"id": run, "async_status": end, "async_percent_completion": 100}

    def _insights(self, account: str, first: date, last: date) -> Iterator[dict[str, Any]]:
        for campaign, day, found in self.rows(account, first, last):
            yield {
                "account_id": account, "account_currency": ACCOUNTS[account][0], "campaign_id": campaign.id,
                "campaign_name": campaign.name, "date_start": day.isoformat(), "date_stop": day.isoformat(),
                **_figures(found),
            }  # fmt: skip

    def leads(self) -> Iterator[dict[str, Any]]:
        """Submissions up to now, the newest first; two by people of the world, whose e-mails it knows."""
        made = self.world.start_now // 1_000 - LEADS * 86_400
        for number in reversed(range(LEADS)):
            at = made + number * 2 * 86_400
            if at <= self.world.now / 1_000:
                values = [{"name": "email", "values": [f"lead{number}@example.com"]},
                          {"name": "full_name", "values": [f"Person {number}"]}]  # fmt: skip
                told = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
                yield {"id": str(80_000 + number), "created_time": told, "ad_id": "3", "campaign_id": "2202",
                       "form_id": FORM, "is_organic": False, "platform": "fb", "field_data": values}  # fmt: skip

    def _account(self, id: str) -> dict[str, Any]:
        currency, zone, name = ACCOUNTS[id]
        return {"id": f"act_{id}", "account_id": id, "name": name, "currency": currency, "timezone_name": zone,
                "account_status": 1}  # fmt: skip

    def _page(self, rows: list[Any], asked: Asked) -> dict[str, Any]:
        at, limit = int(asked.first("after", "0")), int(asked.first("limit", "25"))
        paging: dict[str, Any] = {"cursors": {"before": str(at), "after": str(at + limit)}}
        if at + limit < len(rows):
            paging["next"] = f"{asked.host}{asked.path}?access_token={TOKEN}&after={at + limit}"
        return {"data": rows[at : at + limit], "paging": paging}


def _figures(found: Figures) -> dict[str, Any]:
    """All texts; no actions where there are none; `lead` includes what its narrower types count again."""
    leads = str(int(found.conversions))
    actions = [{"action_type": "link_click", "value": str(found.clicks)}]
    if leads != "0":
        actions += [{"action_type": "onsite_conversion.lead_grouped", "value": leads, "7d_click": leads},
                    {"action_type": "lead", "value": leads, "7d_click": leads}]  # fmt: skip
    return {
        "impressions": str(found.impressions), "clicks": str(found.clicks), "inline_link_clicks": str(found.clicks),
        "spend": f"{found.cost_micros / 1_000_000:.2f}", "actions": actions,
    }  # fmt: skip


def error(code: int, subcode: int) -> dict[str, Any]:
    told = {"message": "refused by the stand-in", "type": "OAuthException", "code": code, "fbtrace_id": "x"}
    return {"error": told | ({"error_subcode": subcode} if subcode else {})}


def _epoch(lead: dict[str, Any]) -> float:
    return datetime.strptime(lead["created_time"], "%Y-%m-%dT%H:%M:%S%z").timestamp()


STAND_IN = Meta
