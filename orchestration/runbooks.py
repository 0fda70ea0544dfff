"""Which page of docs/runbooks an error is about; every message of those kinds ends with its page."""

from __future__ import annotations

from ingestion.errors import AuthError, CorruptResponse, LandingError, MissingScope, RateLimited, SourceError

PAGES = {
    "token-refused": "the source refused the token",
    "scope-missing": "the token lacks a scope",
    "daily-limit": "the source's daily allowance is used up",
    "corrupt-answers": "the source's answers cannot be used",
    "stale-source": "a source is older than its budget, or failed",
    "audit-refused": "the audit refused the new tables",
    "forecast-refused": "the audit refused the forecast's tables",
    "reconciliation-differs": "counts here and at the source differ",
    "rejected-records": "too many records could not be used",
    "unknown-stage": "deals lie in a stage whose meaning is guessed or not known",
    "stage-changed": "stages of a pipeline changed at the source and nobody has confirmed it",
    "lock-held": "another run is going",
    "warehouse-lock": "another process holds the warehouse",
    "disk-full": "the disk is full",
    "landing-damaged": "a landed file is not what was landed",
    "webhook-down": "alerts or the heartbeat do not arrive",
    "publication-damaged": "a publication that should become current is not whole",
    "month-not-closed": "a check of the checklist keeps a month open",
    "vintage-damaged": "a frozen vintage or the list of them is not what was frozen",
    "forgetting-unfinished": "a person is half forgotten, or landing is not whole enough to forget",
    "build-failed": "a model could not be built",
    "postgres-behind": "Postgres does not have the newest publication",
    "home-from-another-release": "FUNNEL_HOME was made by another release",
}
BY_ERROR: dict[type[BaseException], str] = {  # the first that fits
    AuthError: "token-refused",
    MissingScope: "scope-missing",
    RateLimited: "daily-limit",
    CorruptResponse: "corrupt-answers",
    LandingError: "landing-damaged",
    SourceError: "stale-source",
}
FORECAST = {
    "marts.forecast_monthly", "marts.forecast_current", "marts.forecast_deal_months",
    "marts.forecast_accuracy_monthly", "marts.actual_revenue_monthly", "marts.mart_open_deals",
}  # fmt: skip
"""Tables whose refusals by the gate have a page of their own."""
BY_CHECK = {"reconciliation": "reconciliation-differs", "rejects": "rejected-records"}


def see(name: str) -> str:
    """The sentence a message ends with. KeyError where there is no such page."""
    PAGES[name]
    return f"See {path(name)}."


def path(name: str) -> str:
    """The page within the project."""
    return f"docs/runbooks/{name}.md"


def page_of(error: BaseException) -> str:
    """Name of the page about an error of a source or of landing; empty where there is none."""
    return next((name for kind, name in BY_ERROR.items() if isinstance(error, kind)), "")


def told(error: BaseException) -> str:
    """An error's text with its page at the end, where it has one (errors of this room carry theirs themselves)."""
    name = page_of(error)
    return f"{error} {see(name)}" if name else str(error)


def page_of_refusal(kinds: set[str], tables: set[str]) -> str:
    """Name of the page about checks of these kinds on these tables: their own where they are of one kind."""
    if kinds == {"gate"} and tables <= FORECAST:
        return "forecast-refused"
    return BY_CHECK.get(next(iter(kinds)), "audit-refused") if len(kinds) == 1 else "audit-refused"
