"""The HTTP server of the stand-in: routing, limits, faults, control endpoints, and the command line.

    with Sandbox(World(seed=7, deals=500)) as sandbox:
        requests.get(sandbox.url + "/crm/v3/objects/deals", headers={"Authorization": "Bearer sandbox-token"})

Everything under /_sandbox is the stand-in's own and needs no token. Listens on 127.0.0.1 only.
"""

from __future__ import annotations

import contextlib
import gc
import gzip
import re
import signal
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from ingestion.sandbox import banks, control, faults, hubspot_errors, salesforce, salesforce_errors, standins
from ingestion.sandbox.hubspot import HubSpot
from ingestion.sandbox.limits import Limits
from ingestion.sandbox.options import TOKEN, options_of, world
from ingestion.sandbox.parts import split
from ingestion.sandbox.salesforce import Salesforce
from ingestion.sandbox.world import World

LONGEST_TARGET = 16_384
SALESFORCE = "/salesforce"
"""Path that the Salesforce org is under: SALESFORCE_API_BASE is the server's address with it."""


class Sandbox:
    """A running stand-in. `faults.add(kind, match=…, nth=…)`, `world.advance(60)`, `shapes.quirks` act at once."""

    def __init__(
        self,
        world: World,
        port: int = 0,
        token: str = TOKEN,
        latency: float = 0.0,
        rate: int | None = 190,
        search_rate: int | None = 5,
        daily: int = 650_000,
        salesforce: Mapping[str, Any] | None = None,
        vendors: Path | None = None,
        split_over: Sequence[str] = (),
        **behaviour: Any,
    ) -> None:
        """`latency`: seconds every answer takes at least. `behaviour`: options of HubSpot (scopes, cap, lag …),
        `salesforce`: those of the Salesforce org over the same world. `vendors`: a folder of vendors of one's own.
        `split_over`: CRMs that the world's deals are split over (parts.py); otherwise each has them all.
        """
        self.world, self.token, self.latency = world, token, latency
        self.parts = split(world, split_over) if split_over else {}
        self.api = HubSpot(self.part("hubspot"), **behaviour)
        self.shapes = self.api.shapes
        self.salesforce = Salesforce(self.part("salesforce"), **(salesforce or {}))
        self.stand_ins = standins.stand_ins(self.part, vendors)
        """By vendor; each answers below /<vendor>."""
        self.limits, self.faults = Limits(rate, search_rate, daily), faults.Faults()
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.counting = Lock()
        self.stopping = Event()
        self._server = Server(("127.0.0.1", port), type("Bound", (Handler,), {"sandbox": self}))
        self._thread: Thread | None = None

    def part(self, vendor: str) -> World:
        """What that vendor holds of the world."""
        return self.parts.get(vendor, self.world)

    def accounts(self) -> dict[str, dict[str, str]]:
        """{vendor: the environment that connects funnel to its stand-in}"""
        given = {"salesforce": salesforce.CREDENTIALS} | {
            name: getattr(sys.modules[type(each).__module__], "CREDENTIALS", {})
            for name, each in self.stand_ins.items()
        }
        named = {
            vendor: {f"{vendor.upper()}_{name}": value for name, value in credentials.items()}
            | {f"{vendor.upper()}_API_BASE": f"{self.url}/{vendor}"}
            for vendor, credentials in given.items()
        }
        return {"hubspot": {"HUBSPOT_ACCESS_TOKEN": self.token, "HUBSPOT_API_BASE": self.url}} | named

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Sandbox:
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def count(self, method: str, path: str, status: int) -> None:
        with self.counting:
            self.requests[f"{method} {re.sub(r'/[0-9]{5,}', '/{id}', path)}"] += 1
            self.statuses[status] += 1


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Handler(BaseHTTPRequestHandler):
    """One connection. HTTP/1.1 keep-alive; every answer is one write with its length."""

    sandbox: Sandbox
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "funnel-sandbox", ""
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = 120

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: counters tell what was asked."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header tells the world's time: it is the source's clock."""
        return formatdate(self.sandbox.world.now / 1_000 if timestamp is None else timestamp, usegmt=True)

    def do_GET(self) -> None:
        self._handle(None)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        form = self.headers.get("Content-Type") == "application/x-www-form-urlencoded"
        if form and not self.path.startswith("/_sandbox"):  # urllib calls JSON a form, too
            self._handle({name: values[0] for name, values in parse_qs(raw.decode()).items()})
            return
        try:
            self._handle(orjson.loads(raw) if raw else {})
        except orjson.JSONDecodeError:
            self._send(400, hubspot_errors.invalid("Invalid input JSON").body)

    def _handle(self, body: Any) -> None:
        split = urlsplit(self.path)
        path, query = unquote(split.path), parse_qs(split.query, keep_blank_values=True)
        if path == "/_sandbox" or path.startswith("/_sandbox/"):
            status, answer = control.answer(self.sandbox, self.command, path, query, body)
            self._send(status, answer)
            return
        if self.sandbox.latency:
            self.sandbox.stopping.wait(self.sandbox.latency)
        rules = self.sandbox.faults.strike(self.command, self.path)
        for rule in rules:
            if self._prevented(rule, path):
                return
        try:
            if path.startswith(("/ecb/", "/cbr/")):
                status, answer, headers = banks.answer(path, query, self.sandbox.world.now)
                self.sandbox.count(self.command, path, status)
                self._send(status, answer, headers, next((r["kind"] for r in rules if "truncated" in r["kind"]), None))
                return
            if path.startswith(SALESFORCE + "/"):
                status, answer, headers = self._of_salesforce(path.removeprefix(SALESFORCE), query, body)
            elif stand_in := self._stand_in(path):
                prefix = "/" + path.split("/")[1]
                given = {name.lower(): value for name, value in self.headers.items()}
                request = standins.Asked(
                    self.command, path.removeprefix(prefix), query, body, given, self.sandbox.url + prefix
                )
                status, answer, told = stand_in.answer(request)
                headers = dict(told)
            else:
                status, answer = self._answered(path, query, body)
                headers = {} if path.endswith("/search") else self.sandbox.limits.headers()
        except hubspot_errors.Refusal as refusal:
            status, answer, headers = refusal.status, refusal.body, refusal.headers
        except salesforce_errors.SalesforceRefusal as refused:
            status, answer, headers = refused.status, refused.body, {}
        except Exception as problem:  # noqa: BLE001  a defect of the stand-in must be seen by the test that met it
            status, headers = 500, {}
            answer = hubspot_errors.error(f"defect of the stand-in: {problem!r}", "SANDBOX_DEFECT")
        for rule in rules:
            if rule["kind"] == "same_cursor" and status == 200:
                asked = body.get("after") if isinstance(body, dict) else next(iter(query.get("after", ())), None)
                answer = faults.repeat_cursor(rule, answer, asked)
        self.sandbox.count(self.command, path, status)
        broken = next((rule["kind"] for rule in rules if rule["kind"].startswith("truncated")), None)
        self._send(status, answer, headers, broken)

    def _answered(self, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, dict[str, Any]]:
        if self.headers.get("Authorization") != f"Bearer {self.sandbox.token}":
            raise hubspot_errors.unauthorized()
        if len(self.path) > LONGEST_TARGET:
            raise hubspot_errors.Refusal(414, hubspot_errors.error("URI Too Long", None))
        policy = self.sandbox.limits.admit(search=path.endswith("/search"))
        if policy:
            raise hubspot_errors.limited(policy)
        return self.sandbox.api.answer(self.command, path, query, body)

    def _stand_in(self, path: str) -> Any:
        return self.sandbox.stand_ins.get(path.split("/")[1])

    def _of_salesforce(self, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any, dict[str, str]]:
        if len(self.path) + sum(len(name) + len(value) + 4 for name, value in self.headers.items()) > LONGEST_TARGET:
            return 414, b"<h1>URI Too Long</h1>", {"Content-Type": "text/html"}
        host = self.sandbox.url + SALESFORCE
        return self.sandbox.salesforce.answer(self.command, path, query, body, self.headers.get("Authorization"), host)

    def _prevented(self, rule: dict[str, Any], path: str) -> bool:
        """Act out a fault that comes before the answer; True when there will be no other answer."""
        kind = rule["kind"]
        refusal, page = faults.refusal(rule), faults.html(rule)
        theirs = salesforce_errors.of_rule(rule) if path.startswith(SALESFORCE + "/") else None
        if (stand_in := self._stand_in(path)) and (own := standins.refusal(stand_in, rule)):
            self.sandbox.count(self.command, path, own[0])
            self._send(own[0], own[1], dict(own[2]))
        elif theirs:
            self.sandbox.count(self.command, path, theirs.status)
            self._send(theirs.status, theirs.body)
        elif refusal:
            self.sandbox.count(self.command, path, refusal.status)
            self._send(refusal.status, refusal.body, refusal.headers)
        elif page:
            self.sandbox.count(self.command, path, page[0])
            self._write(page[0], page[1], {"Content-Type": "text/html"})
        elif kind in ("reset", "timeout"):
            self.sandbox.count(self.command, path, 0)
            if kind == "timeout":
                self.sandbox.stopping.wait(rule.get("seconds", 60))
            self._drop(hard=kind == "reset")
        else:
            if kind == "slow":
                self.sandbox.stopping.wait(rule.get("seconds", 2))
            if kind == "shift_page":
                faults.shift(self.sandbox.world, rule)
            return False
        return True

    def _drop(self, hard: bool) -> None:
        self.close_connection = True
        if hard:  # linger 0: the close is a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # The makefile wrappers keep the descriptor open until they are closed themselves.
            self.rfile.close()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR) if not hard else self.connection.close()

    def _send(self, status: int, answer: Any, headers: dict[str, str] | None = None, broken: str | None = None) -> None:
        body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        headers = {"Content-Type": "application/json;charset=utf-8", **(headers or {})}
        zipped = "gzip" in self.headers.get("Accept-Encoding", "")
        if broken == "truncated_json":
            body = body[: len(body) // 2]
        if (zipped and len(body) > 1_000) or broken == "truncated_gzip":
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if broken == "truncated_gzip":
            body = body[: len(body) // 2]
        self._write(status, body, headers, len(body) // 2 if broken == "truncated_body" else None)

    def _write(self, status: int, body: bytes, headers: dict[str, str], only: int | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:only])
            self.wfile.flush()
        except OSError:  # the client left; its business
            self.close_connection = True
        if only is not None:
            self._drop(hard=False)


def main(argv: list[str] | None = None) -> int:
    """`funnel sandbox`: serve until interrupted."""
    options = options_of(argv)
    started = time.monotonic()
    made = world(options)
    gc.collect()
    gc.freeze()
    sandbox = Sandbox(
        made,
        port=options.port,
        token=options.token,
        latency=options.latency,
        rate=options.rate or None,
        search_rate=options.search_rate or None,
        daily=options.daily,
        without_scopes=tuple(options.without_scope),
        history_cap=options.history_cap,
        search_lag=options.search_lag,
        opaque_paging=options.opaque_paging,
        association_page=options.association_page,
        vendors=options.vendors,
        split_over=options.split,
    ).start()
    done = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    deals = len(made.view("deals").live)
    took = time.monotonic() - started
    print(f"HubSpot stand-in at {sandbox.url} with {deals} live deals, ready in {took:.1f} s", flush=True)
    for name in ("salesforce", *sandbox.stand_ins):
        print(f"{name}'s is {sandbox.url}/{name} ({name.upper()}_API_BASE)", flush=True)
    if options.port_file:
        written = Path(str(options.port_file) + ".tmp")
        written.write_text(sandbox.url.rsplit(":", 1)[1])
        written.replace(options.port_file)
    done.wait()
    sandbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
