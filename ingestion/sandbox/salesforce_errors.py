"""Salesforce's refusals: an array of {message, errorCode}; the token endpoint's own shape; faults by rule."""

from __future__ import annotations

from typing import Any


class SalesforceRefusal(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body


def refused(status: int, code: str, message: str, *fields: str) -> SalesforceRefusal:
    entry: dict[str, Any] = {"message": message, "errorCode": code}
    return SalesforceRefusal(status, [entry | ({"fields": list(fields)} if fields else {})])


def malformed(message: str) -> SalesforceRefusal:
    return refused(400, "MALFORMED_QUERY", message)


def no_field(sobject: str, name: str) -> SalesforceRefusal:
    message = f"\nSELECT {name} FROM {sobject}\n       ^\nERROR at Row:1:Column:8\nNo such column '{name}' on entity"
    return refused(400, "INVALID_FIELD", f"{message} '{sobject}'.")


def no_object(name: str) -> SalesforceRefusal:
    return refused(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")


def not_found() -> SalesforceRefusal:
    return refused(404, "NOT_FOUND", "The requested resource does not exist")


def expired() -> SalesforceRefusal:
    return refused(401, "INVALID_SESSION_ID", "Session expired or invalid")


def used_up() -> SalesforceRefusal:
    return refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def oauth(error: str, description: str) -> SalesforceRefusal:
    return SalesforceRefusal(400, {"error": error, "error_description": description})


def of_rule(rule: dict[str, Any]) -> SalesforceRefusal | None:
    """The refusal that a fault's rule stands for; None for the kinds that are no plain refusal."""
    kind = rule["kind"]
    if kind in ("500", "503"):
        code = "UNKNOWN_EXCEPTION" if kind == "500" else "SERVER_UNAVAILABLE"
        return refused(int(kind), code, "An unexpected error occurred.")
    if kind == "401":
        return expired()
    if kind in ("429", "429_retry_after"):  # Salesforce has no 429: its limit is a day's
        return used_up()
    if kind == "403_scope":
        return refused(403, rule.get("scope", "INSUFFICIENT_ACCESS"), "You do not have the level of access necessary.")
    return None
