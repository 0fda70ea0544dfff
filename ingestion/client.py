"""One HTTP session to one account: time-outs, pacing, retry, redaction, counters. A Dialect says how a vendor talks.

Retry is tenacity's; pacing is in pacing.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from urllib3.exceptions import NewConnectionError

from ingestion.errors import AuthError, CorruptResponse, SourceError, Unreachable
from ingestion.pacing import Pacer

TRIES = 8
TRIES_UNTIL_FIRST_ANSWER = 3
"""A host that has never answered is probably not there: a wrong address should not cost minutes."""
CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
RETRY_STATUS = frozenset({408, 423, 425, 429, 477, 500, 502, 503, 504, 520, 522, 524})
BACKOFF = wait_exponential_jitter(initial=1, max=60, jitter=1)


class Transient(Exception):
    """Worth another try; `wait` seconds is what the server asked for, if it did."""

    def __init__(self, reason: str, wait: float | None = None, throttled: requests.Response | None = None) -> None:
        super().__init__(reason)
        self.wait, self.throttled = wait, throttled


class Dialect(Protocol):
    """What differs between vendors at the HTTP edge."""

    def headers(self) -> Mapping[str, str]:
        """Sent with every request; may hold the credential."""

    def pace(self, method: str, path: str) -> str:
        """Name of the allowance (a key of `rates`) that a request counts against."""

    rates: Mapping[str, tuple[int, float]]
    """{allowance: (requests, seconds)} to begin with."""

    def announced(self, headers: Mapping[str, str]) -> tuple[str, int, float] | None:
        """(allowance, requests, seconds) as the answer's headers announce it, or None."""

    def wait_asked(self, response: requests.Response) -> float | None:
        """Seconds that a 429, or another retryable answer, asks to wait; None where it does not say."""

    def refusal(self, response: requests.Response, source: str, stream: str, url: str) -> SourceError:
        """The error for a final (not retryable) answer."""


class Renewing(Dialect, Protocol):
    """A dialect whose credential is got from the vendor, and can end before the run does."""

    def renew(self, response: requests.Response) -> bool:
        """A final answer came: True where it says that the session has ended and there is a new one by now (made here,
        or by another thread meanwhile): then the request is sent once more. Errors: what logging in raises."""


class Patient(Dialect, Protocol):
    """A dialect of a vendor whose 429 does not tell a burst from a day's end: so many in a row are the latter, and the
    last one is what `refusal` makes an error of."""

    patience: int


@dataclass
class Counts:
    """What a stream cost."""

    requests: int = 0
    retries: int = 0
    latency: float = 0.0
    """Seconds of the quickest answer so far (0 before the first)."""


@dataclass(frozen=True)
class Request:
    """What is sent, again and again where that can help. `content` and `accept`: types of the body and the answer."""

    method: str
    path: str
    params: Mapping[str, Any] | None
    data: Any
    content: str
    accept: str


class Client:
    """The session of one connection, used from several threads."""

    def __init__(
        self,
        source: str,
        base_url: str,
        dialect: Dialect,
        *,
        threads: int = 8,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.source, self.base_url, self.dialect = source, base_url, dialect
        self.pacer = Pacer(dialect.rates, sleep)
        self._sleep = sleep
        self._counts: dict[str, Counts] = {}
        self._lock = threading.Lock()
        self._refused: SourceError | None = None
        self._answered = False
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=threads, pool_block=True)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def counts(self, stream: str) -> Counts:
        """Requests, retries and latency of a stream so far."""
        with self._lock:
            return self._counts.setdefault(stream, Counts())

    def get(self, stream: str, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """GET → parsed JSON. See `call`."""
        return self.call(stream, "GET", path, params=params, **options)

    def post(self, stream: str, path: str, body: Mapping[str, Any], **options: Any) -> Any:
        """POST of a JSON body → parsed JSON. See `call`."""
        return self.call(stream, "POST", path, body=body, **options)

    def call(
        self,
        stream: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        accept: str = "application/json",
        check: Callable[[Any], str | None] | None = None,
        ok: frozenset[int] = frozenset({200, 201, 207}),
        read: Callable[[bytes], Any] = orjson.loads,
        read_answer: Callable[[requests.Response], Any] | None = None,
    ) -> Any:
        """One request, retried while that can help.

        `read` parses the body (JSON), or `read_answer` the answer with its headers; a ValueError of theirs says that it
        is not whole, which is tried again. `check` looks at what they made of it and says what is wrong (then it is
        corrupt and tried again). `form`: sent as a form in place of a JSON `body`.
        Errors: AuthError, MissingScope at once; CorruptResponse with the redacted URL after TRIES tries.
        """
        url = redacted(self.base_url + path)

        def failed(state: RetryCallState) -> Any:
            cause = _cause(state)
            if (refused := getattr(cause, "throttled", None)) is not None and hasattr(self.dialect, "patience"):
                raise self.dialect.refusal(refused, self.source, stream, url)
            if not self._answered:
                self._refused = Unreachable(
                    self.source, stream, f"nothing answers there ({cause})", url=url,
                    guidance="Check the network, and the address if you set one; then run again.",
                )  # fmt: skip
                raise self._refused
            raise CorruptResponse(
                self.source, stream, f"no usable answer after {state.attempt_number} tries: {cause}", url=url,
                guidance="The source or the network is unwell; nothing of this window was landed. Run again later.",
            )  # fmt: skip

        def count(state: RetryCallState) -> None:
            self.counts(stream).retries += 1

        retrying = Retrying(
            stop=lambda state: stop_after_attempt(self._tries(_cause(state)))(state),
            wait=_wait,
            retry=retry_if_exception_type(Transient),
            before_sleep=count,
            retry_error_callback=failed,
            sleep=self._sleep,
        )
        data: Any = dict(form) if form is not None else None if body is None else orjson.dumps(body)
        content = "application/json" if form is None else "application/x-www-form-urlencoded"
        request = Request(method, path, params, data, content, accept)
        return retrying(
            self._once, stream, request, check, ok, read_answer or (lambda response: read(response.content)), url
        )

    def _tries(self, cause: BaseException | None) -> int:
        if getattr(cause, "throttled", None) is not None:
            return int(getattr(self.dialect, "patience", TRIES))
        return TRIES if self._answered else TRIES_UNTIL_FIRST_ANSWER

    def _once(
        self, stream: str, request: Request, check: Any, ok: frozenset[int], read: Callable[[Any], Any], url: str
    ) -> Any:
        allowance = self.dialect.pace(request.method, request.path)
        response = self._send(stream, request, allowance)
        if response.status_code not in ok and (renew := getattr(self.dialect, "renew", None)) and renew(response):
            response = self._send(stream, request, allowance)
        if response.status_code not in ok:
            raise self._problem(response, stream, allowance, url)
        try:
            answer = read(response)
        except orjson.JSONDecodeError:
            raise Transient(f"HTTP {response.status_code} whose body is not whole JSON") from None
        except ValueError as error:
            raise Transient(f"HTTP {response.status_code} whose body is {error}") from None
        if check and (wrong := check(answer)):
            raise Transient(wrong)
        return answer

    def _send(self, stream: str, request: Request, allowance: str) -> requests.Response:
        """One request on the line, paced and counted. Errors: what refused the connection before; Transient."""
        if self._refused:
            raise self._refused
        self.pacer.take(allowance)
        counts = self.counts(stream)
        with self._lock:
            counts.requests += 1
        started = time.monotonic()
        try:
            response = self._session.request(
                request.method,
                self.base_url + request.path,
                params=request.params,
                data=request.data,
                headers={"Content-Type": request.content, "Accept": request.accept, **self.dialect.headers()},
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            self._answered |= not _not_there(error)
            # Its text may hold the URL with its query: the class name says enough.
            raise Transient(type(error).__name__) from None
        self._answered = True
        elapsed = time.monotonic() - started
        counts.latency = min(counts.latency or elapsed, elapsed)
        if announced := self.dialect.announced(response.headers):
            self.pacer.announce(*announced)
        return response

    def _problem(self, response: requests.Response, stream: str, allowance: str, url: str) -> Exception:
        if response.status_code in RETRY_STATUS:
            wait = self.dialect.wait_asked(response)
            throttled = response if response.status_code == 429 else None
            if wait is None:
                return Transient(f"HTTP {response.status_code}", throttled=throttled)
            if wait != float("inf"):
                self.pacer.hold(allowance, wait)
                return Transient(f"HTTP {response.status_code}", wait, throttled)
        refusal = self.dialect.refusal(response, self.source, stream, url)
        if isinstance(refusal, AuthError):
            self._refused = refusal
        return refusal


def _wait(state: RetryCallState) -> float:
    """The server's own wait (the pacer holds it for all threads), else exponential with jitter, at most 60 s."""
    cause = _cause(state)
    if isinstance(cause, Transient) and cause.wait is not None:
        return 0.0
    return float(BACKOFF(state))


def _cause(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _not_there(error: requests.RequestException) -> bool:
    """Whether no connection could be made at all (refused, unknown name, no route); a reset comes from somebody."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def redacted(url: str) -> str:
    """Scheme, host and path: queries may hold filters with personal data, user info may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{':' + str(parts.port) if parts.port else ''}{parts.path}"
