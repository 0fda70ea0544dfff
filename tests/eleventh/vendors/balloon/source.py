"""Balloon, a made-up vendor of advertising on balloons: flights a day and banner. A key, a page for hundred days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ingestion import campaigns
from ingestion.bearer import Bearer, Words
from ingestion.settings import Connection, Secret
from ingestion.stream import Credential, Json

WORDS = Words(
    title="Balloon",
    credentials="Check BALLOON_KEY.",
    permission="Ask the pilot.",
    scope="sky",
    spent="Come back when the wind has turned.",
)


class Api(campaigns.Api):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, Bearer(WORDS, Secret(connection.credentials["KEY"].reveal())))

    def parts(self) -> dict[str, campaigns.Part]:
        return {
            campaigns.CAMPAIGNS: campaigns.Whole(lambda: self.client.get(campaigns.CAMPAIGNS, "/banners")),
            campaigns.DAYS: campaigns.Daily(self.days, restated_days=7, slice_days=100, full_days=400),
        }

    def named(self) -> Iterator[tuple[str, str]]:
        yield "balloon", f"{len(self.client.get(campaigns.CAMPAIGNS, '/banners'))} banners"

    def days(self, first: date, last: date) -> Iterator[Json]:
        asked = {"since": first.isoformat(), "until": last.isoformat()}
        for row in self.client.get(campaigns.DAYS, "/flights", asked):
            yield campaigns.day_record(row, self.source, lambda r: str(r["banner"]), lambda r: str(r["day"]))


VENDOR = campaigns.vendor(
    name="balloon",
    title="Balloon",
    base_url="https://api.balloon.example",
    credentials=(Credential("KEY", "Key of the account"),),
    streams=campaigns.streams("Balloon"),
    api=Api,
)
