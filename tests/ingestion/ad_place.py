"""A marketing vendor's connection to its stand-in, for the tests that all of them share and for their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ingestion.extract import extract
from ingestion.loading import load_new, open_warehouse, read_state
from ingestion.sandbox import google_ads, linkedin, meta, yandex_direct
from ingestion.sandbox.serve import Sandbox
from ingestion.settings import Settings, load_settings
from ingestion.sources import google_ads as google_source
from ingestion.sources import linkedin as linkedin_source
from ingestion.sources import meta as meta_source
from ingestion.sources import yandex_direct as yandex_source
from ingestion.stream import StreamReport
from tests.ingestion import staging


@dataclass(frozen=True)
class Case:
    """What the tests need to know of a vendor."""

    vendor: str
    credentials: dict[str, str]
    wrong: str
    """The credential that is spoilt."""
    scope: str
    """What `funnel check` names as missing where the account may not be read."""
    source: Any
    asked: str = "/"
    """What a request about data has in its path."""
    quick: dict[str, Any] = field(default_factory=dict)
    """Constants of the source that make a full extraction short."""


CASES = [
    Case("google_ads", google_ads.CREDENTIALS, "REFRESH_TOKEN", "adwords", google_source, "googleAds",
         {"SLICE_DAYS": 400}),
    Case("meta", meta.CREDENTIALS, "ACCESS_TOKEN", "ads_read", meta_source, "/meta/",
         {"SLICE_DAYS": 400, "FIRST_POLL": 0.01, "THROTTLED_SECONDS": 0.05}),
    Case("yandex_direct", yandex_direct.CREDENTIALS, "TOKEN", "direct:api", yandex_source, "/yandex_direct/",
         {"SLICE_DAYS": 400, "RETRY_SECONDS": 0.05}),
    Case("linkedin", linkedin.CREDENTIALS, "REFRESH_TOKEN", "r_ads_reporting", linkedin_source, "/linkedin/ad",
         {"SLICE_DAYS": 400, "THROTTLED_SECONDS": 0.05}),
]  # fmt: skip


@dataclass
class Place:
    case: Case
    sandbox: Sandbox
    home: Path

    def settings(self, **changed: str) -> Settings:
        name = self.case.vendor.upper()
        env = {f"{name}_{key}": value for key, value in (self.case.credentials | changed).items()}
        pii = {"FUNNEL_PII_KEY": "key"}
        return load_settings(env | pii | {f"{name}_API_BASE": f"{self.sandbox.url}/{self.case.vendor}"}, self.home)

    @property
    def stand_in(self) -> Any:
        return self.sandbox.stand_ins[self.case.vendor]

    def sync(self, **changed: str) -> dict[str, StreamReport]:
        settings, name = self.settings(**changed), self.case.vendor
        reports = extract(settings, {name: read_state(settings.warehouse, name, name)})
        load_new(settings.warehouse, settings.landing)
        return {report.stream: report for report in reports}

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with open_warehouse(self.settings().warehouse, read_only=True) as connection:
            return connection.execute(text).fetchall()

    def staged(self, thing: str, columns: str) -> list[tuple[Any, ...]]:
        """Columns of the newest version of each row of a staging model of days."""
        model = staging.sql(f"stg_{self.case.vendor}__{thing}")
        return self.query(
            f"""with staged as ({model}), newest as (select * from staged qualify row_number() over (
                partition by source, source_campaign_id, date order by window_seq desc) = 1) select {columns}"""
        )

    def spend(self) -> dict[tuple[str, str], Decimal]:
        rows = self.staged("campaign_days", "strftime(date, '%Y-%m'), currency, sum(cost) from newest group by 1, 2")
        return {(month, currency): cost for month, currency, cost in rows if cost}

    def truth(self) -> dict[tuple[str, str], Decimal]:
        return {key: Decimal(micros) / 1_000_000 for key, micros in self.stand_in.spend().items()}
