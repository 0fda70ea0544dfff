"""A webhook that remembers what it was told, and refuses when told so."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """`posts`: JSON bodies; `gets`: paths; `tries`: every request, also refused ones. `status` is what it answers."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.gets: list[str] = []
        self.tries, self.status = 0, 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self._answer():
                    outer.posts.append(json.loads(body))

            def do_GET(self) -> None:
                if self._answer():
                    outer.gets.append(self.path)

            def _answer(self) -> bool:
                outer.tries += 1
                self.send_response(outer.status)
                self.end_headers()
                return outer.status == 200

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/T000/secret-path"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def told(self) -> list[tuple[str, str, str]]:
        """(state, kind, subject) of what came since the last call."""
        found = [(post["state"], post["kind"], post["subject"]) for post in self.posts]
        self.posts.clear()
        return found
