"""A scripted HTTP server for tests of the client: each request gets the next answer of the script, on a real socket."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """`body` is sent as it is; `length` may promise more than is sent; `drop` closes the socket without an answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    drop: bool = False


class Scripted:
    """`with Scripted([Answer(...), ...]) as server:` — the last answer repeats; `seen`: (method, path, headers)."""

    def __init__(self, script: list[Answer] | Callable[[str], Answer]) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with lock:
                    outer.bodies.append(body)
                    outer.seen.append((self.command, self.path, dict(self.headers)))
                    number = len(outer.seen) - 1
                given = script(self.path) if callable(script) else script[min(number, len(script) - 1)]
                if given.drop:
                    self.close_connection = True
                    return
                self.send_response(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(given.body) if given.length is None else given.length))
                self.end_headers()
                self.wfile.write(given.body)
                if given.length is not None:
                    self.close_connection = True

            do_GET = do_POST = answer

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.01), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
