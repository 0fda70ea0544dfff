"""What stand-ins of advertising vendors share: accounts, campaigns that run for a while, figures that are restated.

Figures are made from the campaign and the day alone, so that a test can say what must come out (`figures`): conversions
come in over ten days, invalid clicks are credited after five, and one day in ten is credited whole: its row vanishes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from ingestion.sandbox.world import World


@dataclass(frozen=True)
class Campaign:
    """A campaign that runs from `first` to `last` days after the world's start `now` (negative: before)."""

    account: str
    id: str
    name: str
    kind: str
    first: int
    last: int
    removed: bool = False


@dataclass(frozen=True)
class Figures:
    """What one campaign's day comes to, as of an instant. Cost in millionths of the account's currency."""

    impressions: int
    clicks: int
    cost_micros: int
    conversions: float


def figures(
    seed: int, campaign: Campaign, day: date, today: date, start: date, whole: bool = False, cent: int = 1
) -> Figures | None:
    """None where the day has no row: it did not run, lies ahead, or was credited whole.

    `whole`: no part of a conversion; `cent`: millionths of which the vendor's figures are multiples.
    """
    if not start + timedelta(campaign.first) <= day <= min(start + timedelta(campaign.last), today):
        return None
    random = Random(f"{seed} {campaign.id} {day.isoformat()}")
    age = (today - day).days
    if random.random() < 0.1 and age >= 5:
        return None
    impressions = random.randrange(200, 4_000)
    clicks = max(1, int(impressions * random.uniform(0.01, 0.06)))
    cost = clicks * random.randrange(400_000, 2_600_000)
    if random.random() < 0.08 and age >= 5:
        cost = cost * 9 // 10
    conversions = round(clicks * random.uniform(0, 0.1) * min(1.0, (age + 1) / 10), 2)
    return Figures(impressions, clicks, cost // cent * cent, int(conversions) if whole else conversions)


class Advertiser:
    """Base of such a stand-in: `accounts` {id: (currency, time zone, name)} and `campaigns` are the vendor's own."""

    accounts: Mapping[str, tuple[str, str, str]]
    campaigns: Sequence[Campaign]
    whole, cent = False, 1

    def __init__(self, world: World) -> None:
        self.world = world
        self.start = datetime.fromtimestamp(world.start_now / 1_000, UTC).date()

    @property
    def today(self) -> date:
        return datetime.fromtimestamp(self.world.now / 1_000, UTC).date()

    def listed(self, account: str) -> Iterator[tuple[Campaign, bool]]:
        """(campaign, was removed by now) of those that were made by now."""
        for campaign in self.campaigns:
            if campaign.account == account and self.start + timedelta(campaign.first) <= self.today:
                yield campaign, campaign.removed and self.start + timedelta(campaign.last) < self.today

    def rows(self, account: str, first: date, last: date) -> Iterator[tuple[Campaign, date, Figures]]:
        """What the vendor has of these days, both included."""
        for campaign in self.campaigns:
            for day in days(first, min(last, self.today)) if campaign.account == account else ():
                if found := figures(self.world.seed, campaign, day, self.today, self.start, self.whole, self.cent):
                    yield campaign, day, found

    def spend(self) -> dict[tuple[str, str], int]:
        """The truth as of now: {(month "YYYY-MM", currency): cost in millionths}."""
        total: dict[tuple[str, str], int] = {}
        for account, (currency, *_) in self.accounts.items():
            for _, day, found in self.rows(account, self.start - timedelta(days=800), self.today):
                key = (day.isoformat()[:7], currency)
                total[key] = total.get(key, 0) + found.cost_micros
        return total


def days(first: date, last: date) -> Iterator[date]:
    """Every day from the first to the last."""
    for number in range((last - first).days + 1):
        yield first + timedelta(number)
