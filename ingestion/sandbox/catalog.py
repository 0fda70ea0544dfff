"""What the portal is configured with: pipelines and stages (each with a time of life), owners and their teams."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from ingestion.sandbox import names
from ingestion.sandbox.model import DAY, HOUR

FOREVER = 1 << 52


@dataclass
class Stage:
    """`labels`: (from, label), so that a rename is a version. `born`/`gone`: listed by the API between them."""

    id: str
    labels: list[tuple[int, str]]
    probability: str
    closed: bool
    born: int
    gone: int = FOREVER

    def label(self, now: int) -> str:
        return next((text for since, text in reversed(self.labels) if since <= now), self.labels[0][1])

    @property
    def outcome(self) -> str:
        if not self.closed:
            return "open"
        return "won" if float(self.probability) >= 1 else "lost"

    def touched(self, now: int) -> int:
        return max([self.born, *(since for since, _ in self.labels if since <= now)])


@dataclass
class Pipeline:
    id: str
    label: str
    stages: list[Stage]
    born: int

    def listed(self, now: int) -> list[Stage]:
        """Stages the API lists at `now`, in their true order."""
        return [stage for stage in self.stages if stage.born <= now < stage.gone]


@dataclass
class Owner:
    """`teams`: (from, team id). `gone`: archived at. pace, grip and size make reps differ (behaviour only)."""

    id: int
    user: int
    first: str
    last: str
    born: int
    teams: list[tuple[int, str]]
    gone: int = FOREVER
    pace: float = 1.0
    grip: float = 1.0
    size: float = 1.0

    def team(self, now: int) -> str:
        return next(team for since, team in reversed(self.teams) if since <= now or since == self.teams[0][0])

    def touched(self, now: int) -> int:
        moments = [self.born, self.gone, *(since for since, _ in self.teams)]
        return max(moment for moment in moments if moment <= now or moment == self.born)


@dataclass
class Catalog:
    """`pipelines`: by object (deals, leads). `team_names`: by team id."""

    pipelines: dict[str, list[Pipeline]]
    owners: list[Owner]
    team_names: dict[str, str] = field(default_factory=lambda: dict(names.TEAMS))

    def __post_init__(self) -> None:
        self.reindex()

    def reindex(self) -> None:
        """After stages were added: stage id → (pipeline, stage, its position in the true order)."""
        self.deal_stages: dict[str, tuple[Pipeline, Stage, int]] = {
            stage.id: (pipeline, stage, position)
            for pipeline in self.pipelines["deals"]
            for position, stage in enumerate(pipeline.stages)
        }


def _stage(id: str, label: str, probability: str, born: int, gone: int = FOREVER, closed: bool = False) -> Stage:
    return Stage(id, [(born, label)], probability, closed, born, gone)


def portal(rng: Random, deals: int, start: int, now: int) -> Catalog:
    """The demo company. Times of the configuration changes hang on `start` and the initial `now`."""
    old = start - 200 * DAY
    sales = [
        # Gone before anybody could list it: only old histories name it.
        _stage("1187000", "Old qualification", "0.1", old, start + 55 * DAY + 9 * HOUR),
        _stage("appointmentscheduled", "Appointment Scheduled", "0.1", old),
        _stage("qualifiedtobuy", "Qualified To Buy", "0.2", old),
        _stage("1187001", "Демонстрация", "0.4", old),
        _stage("presentationscheduled", "Proposal Sent", "0.5", old),
        _stage("1187009", "Пилот", "0.6", now + 20 * DAY + 8 * HOUR),
        _stage("decisionmakerboughtin", "Decision Maker Bought-In", "0.7", old),
        _stage("1187002", "Security review", "0.75", old, now - 150 * DAY + 11 * HOUR),
        _stage("contractsent", "Contract Sent", "0.9", old),
        _stage("1187003", "Verbal commitment", "0.95", old, now + 35 * DAY - 6 * HOUR),
        _stage("closedwon", "Closed Won", "1.0", old, closed=True),
        _stage("closedlost", "Closed Lost", "0.0", old, closed=True),
    ]
    sales[4].labels.append((now + 25 * DAY, "Proposal & pricing sent"))
    renewals = [
        _stage("2209101", "Due within 90 days", "0.5", old),
        _stage("2209102", "Renewal quote", "0.7", old),
        _stage("2209103", "Négociation", "0.8", old),
        _stage("2209104", "Renewed", "1.0", old, closed=True),
        _stage("2209105", "Churned", "0.0", old, closed=True),
    ]
    leads = [
        _stage("new-stage-id", "New", "0.1", old),
        _stage("attempting-stage-id", "Attempting", "0.3", old),
        _stage("connected-stage-id", "Connected", "0.5", old),
        _stage("qualified-stage-id", "Qualified", "1.0", old, closed=True),
        _stage("unqualified-stage-id", "Unqualified", "0.0", old, closed=True),
    ]
    return Catalog(
        {
            "deals": [
                Pipeline("default", "Sales Pipeline", sales, old),
                Pipeline("2209100", "Renewals", renewals, old),
            ],
            "leads": [Pipeline("lead-pipeline-id", "Lead pipeline", leads, old)],
        },
        _owners(rng, max(8, min(60, deals // 180)), start, now),
    )


def _owners(rng: Random, count: int, start: int, now: int) -> list[Owner]:
    owners = []
    for number in range(count):
        born = start - rng.randrange(20, 900) * DAY if number % 5 else start + rng.randrange(0, 400) * DAY
        born = start - 30 * DAY if number < 4 else min(born, now - 120 * DAY)
        team = names.TEAMS[3][0] if number % 4 == 3 else names.TEAMS[number % 3][0]
        owners.append(
            Owner(
                id=77_100_000 + number * 137,
                user=5_010_000 + number * 11,
                first=names.FIRST[number * 7 % len(names.FIRST)],
                last=names.LAST[number * 11 % len(names.LAST)],
                born=born + 9 * HOUR,
                teams=[(born, team)],
                pace=rng.uniform(0.75, 1.35),
                grip=rng.uniform(0.8, 1.25),
                size=rng.uniform(0.8, 1.3),
            )
        )
    # Two left before the start `now`, one leaves after it; one changed team before, one will.
    owners[4].gone, owners[5].gone = now - 260 * DAY, now - 70 * DAY
    owners[6].gone = now + 40 * DAY
    for owner in owners[4:7]:
        owner.born = min(owner.born, start + 5 * DAY)
        owner.teams[0] = (owner.born, owner.teams[0][1])
    owners[1].teams.append((now - 115 * DAY, "702" if owners[1].teams[0][1] != "702" else "701"))
    owners[2].teams.append((now + 30 * DAY, "703" if owners[2].teams[0][1] != "703" else "701"))
    return owners
