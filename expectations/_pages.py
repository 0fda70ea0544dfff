"""Pages of Data Docs from templates that are compiled once a process: Great Expectations compiles them for every page.

Apart from the suites because it imports Great Expectations, which costs seconds; the gate names it to Data Docs.
"""

from __future__ import annotations

from typing import Any

from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2.bccache import Bucket, BytecodeCache


class Compiled(BytecodeCache):
    """Templates as byte code, by their key."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if kept := self._kept.get(bucket.key):
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


class Page(DefaultJinjaPageView):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.env.bytecode_cache = COMPILED


class Index(DefaultJinjaIndexPageView):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.env.bytecode_cache = COMPILED
