"""HubSpot's refusals: status and body. `Refusal` is raised by endpoints and answered by the server."""

from __future__ import annotations

from typing import Any
from uuid import UUID

_count = 0


class Refusal(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(body.get("message"))
        self.status, self.body, self.headers = status, body, headers or {}


def correlation() -> str:
    global _count
    _count += 1
    return str(UUID(int=(0xF0 << 120) | (4 << 76) | (8 << 60) | _count))


def error(message: str, category: str | None, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"status": "error", "message": message, "correlationId": correlation()}
    return body | ({"category": category} if category else {}) | more


def invalid(message: str) -> Refusal:
    return Refusal(400, error(message, "VALIDATION_ERROR"))


def not_found(message: str = "resource not found") -> Refusal:
    return Refusal(404, error(message, "OBJECT_NOT_FOUND"))


def unauthorized(expired: bool = False) -> Refusal:
    if expired:
        return Refusal(401, error("The OAuth token used to make this call expired.", "EXPIRED_AUTHENTICATION"))
    message = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
    return Refusal(401, error(message, "INVALID_AUTHENTICATION"))


def forbidden(scopes: list[str]) -> Refusal:
    message = "This app hasn't been granted all required scopes to make this call."
    detail = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": scopes},
    }
    return Refusal(403, error(message, "MISSING_SCOPES", errors=[detail]))


def limited(policy: str, retry_after: str | None = None) -> Refusal:
    """429 in the spelling of the given policy: TEN_SECONDLY_ROLLING, SECONDLY or DAILY."""
    name = {"TEN_SECONDLY_ROLLING": "ten_secondly_rolling", "SECONDLY": "secondly", "DAILY": "daily"}[policy]
    body = error(f"You have reached your {name} limit.", None, errorType="RATE_LIMIT", policyName=policy)
    return Refusal(429, body, {"Retry-After": retry_after} if retry_after else None)
