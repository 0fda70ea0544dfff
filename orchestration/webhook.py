"""The calls to the outside that tell how things go: POSTs of alerts and digests, the heartbeat's GET. None raises."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ingestion.settings import Secret
from orchestration.runbooks import see

logger = logging.getLogger("funnel")
TRIES = 3
TIMEOUT = (3.05, 5.0)
"""Seconds to connect and to be answered."""
WAITS = (0.5, 2.0)
"""Seconds before the second and the third try: a run must not hang on its messenger."""


def post(address: Secret, payload: Mapping[str, Any], name: str = "FUNNEL_ALERT_WEBHOOK") -> bool:
    """POST one JSON object to the address in the variable `name`; False (and a line in the log with the runbook) where
    nobody took it.
    """
    import requests

    def send() -> requests.Response:
        return requests.post(address.reveal(), json=payload, timeout=TIMEOUT, allow_redirects=False)

    return _tried(name, send)


def beat(address: Secret) -> bool:
    """GET the heartbeat's address; False (and a line in the log) where it did not answer."""
    import requests

    return _tried("FUNNEL_HEARTBEAT_URL", lambda: requests.get(address.reveal(), timeout=TIMEOUT))


def _tried(name: str, send: Callable[[], Any]) -> bool:
    """Only names and classes are logged: the address is a secret, and errors of requests spell it out."""
    answer = _answer(send)
    if isinstance(answer, int) and 200 <= answer < 300:
        return True
    said = f"HTTP {answer}" if isinstance(answer, int) else answer
    logger.warning("%s did not take the call: %s; the run is not failed for it. %s", name, said, see("webhook-down"))
    return False


def _answer(send: Callable[[], Any]) -> int | str:
    """Status of the last try, or the class of its error; a few tries on either kind of refusal."""
    import requests
    from tenacity import (
        RetryError,
        Retrying,
        retry_if_exception_type,
        retry_if_result,
        stop_after_attempt,
        wait_chain,
        wait_fixed,
    )

    retrying = Retrying(
        stop=stop_after_attempt(TRIES),
        wait=wait_chain(*(wait_fixed(seconds) for seconds in WAITS)),
        retry=retry_if_exception_type(requests.RequestException) | retry_if_result(lambda status: status >= 400),
    )
    try:
        return retrying(lambda: int(send().status_code))
    except RetryError as error:
        failed = error.last_attempt.exception()
        return type(failed).__name__ if failed else int(error.last_attempt.result())
