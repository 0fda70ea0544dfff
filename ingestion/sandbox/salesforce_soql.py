"""The part of SOQL that is asked here: SELECT fields or COUNT() FROM one object, comparisons by AND, ORDER BY, LIMIT.

Answers MALFORMED_QUERY and INVALID_FIELD where Salesforce does. Rows are dicts of Python values: instants are int (ms),
dates are texts, numbers Decimal or int.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ingestion.sandbox.model import instant
from ingestion.sandbox.salesforce_errors import malformed, no_field, refused

Row = dict[str, Any]
Fields = Mapping[str, str]
"""{field of an object: its type}"""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<op><=|>=|!=|<>|[=<>(),])|(?P<word>[A-Za-z_][\w.]*))"
)
_NUMBERS = ("currency", "double", "percent", "int")
_UNFILTERED = "anyType"


@dataclass(frozen=True)
class Condition:
    field: str
    operator: str
    value: Any


@dataclass(frozen=True)
class Query:
    """`fields` is empty for COUNT(). `order`: (field, descending)."""

    fields: tuple[str, ...]
    sobject: str
    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]
    limit: int | None


class _Reader:
    """Tokens of one query, looked at one by one."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        place = 0
        text = text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if not match or match.lastgroup is None:
                raise malformed(f"unexpected token: '{text[place : place + 10].strip()}'")
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            place = match.end()
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place][1].upper() if self.place < len(self.tokens) else ""

    def next(self) -> tuple[str, str]:
        if self.place >= len(self.tokens):
            raise malformed("unexpected end of query")
        self.place += 1
        return self.tokens[self.place - 1]

    def word(self) -> str:
        kind, text = self.next()
        if kind != "word":
            raise malformed(f"unexpected token: '{text}'")
        return text

    def expect(self, wanted: str) -> None:
        _, text = self.next()
        if text.upper() != wanted:
            raise malformed(f"expecting '{wanted}', found '{text}'")

    def taken(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self.place += 1
        return True


def parse(text: str) -> Query:
    """The query, not yet held against an object's fields. Refuses (400 MALFORMED_QUERY) what it cannot read."""
    reader = _Reader(text)
    reader.expect("SELECT")
    fields = _selected(reader)
    reader.expect("FROM")
    sobject = reader.word()
    conditions: list[Condition] = []
    if reader.taken("WHERE"):
        conditions.append(_condition(reader))
        while reader.taken("AND"):
            conditions.append(_condition(reader))
    order: list[tuple[str, bool]] = []
    if reader.taken("ORDER"):
        reader.expect("BY")
        order.append(_ordered(reader))
        while reader.taken(","):
            order.append(_ordered(reader))
    limit = int(reader.next()[1]) if reader.taken("LIMIT") else None
    if reader.peek():
        raise malformed(f"unexpected token: '{reader.next()[1]}'")
    return Query(fields, sobject, tuple(conditions), tuple(order), limit)


def _selected(reader: _Reader) -> tuple[str, ...]:
    first = reader.word()
    if first.upper() == "COUNT" and reader.taken("("):
        reader.expect(")")
        return ()
    fields = [first]
    while reader.taken(","):
        fields.append(reader.word())
    if len({name.lower() for name in fields}) < len(fields):
        raise malformed("duplicate field selected")
    return tuple(fields)


def _ordered(reader: _Reader) -> tuple[str, bool]:
    field = reader.word()
    return field, not reader.taken("ASC") and reader.taken("DESC")


def _condition(reader: _Reader) -> Condition:
    field, operator = reader.word(), reader.next()[1].upper()
    if operator == "NOT":
        reader.expect("IN")
        operator = "NOT IN"
    if operator in ("IN", "NOT IN"):
        reader.expect("(")
        values = [_literal(reader)]
        while reader.taken(","):
            values.append(_literal(reader))
        reader.expect(")")
        return Condition(field, operator, values)
    if operator not in ("=", "!=", "<>", "<", "<=", ">", ">="):
        raise malformed(f"unexpected token: '{operator}'")
    return Condition(field, "!=" if operator == "<>" else operator, _literal(reader))


def _literal(reader: _Reader) -> tuple[str, Any]:
    kind, text = reader.next()
    if kind == "text":
        return "text", re.sub(r"\\(.)", r"\1", text[1:-1])
    if kind == "time":
        return "time", instant(text)
    if kind == "number":
        return "number", Decimal(text)
    if kind == "word" and text.lower() in ("true", "false", "null"):
        return "word", {"true": True, "false": False, "null": None}[text.lower()]
    if kind == "day":
        return "day", text
    raise malformed(f"unexpected token: '{text}'")


def checked(query: Query, fields: Fields) -> Query:
    """The query with the object's own spelling of its fields. Refuses (400 INVALID_FIELD) what the object has not."""
    spelling = {name.lower(): name for name in fields}

    def own(name: str) -> str:
        if name.lower() not in spelling:
            raise no_field(query.sobject, name)
        return spelling[name.lower()]

    conditions = []
    for condition in query.conditions:
        name = own(condition.field)
        if fields[name] == _UNFILTERED:
            raise refused(400, "INVALID_FIELD", f"field '{name}' can not be filtered in a query call")
        values = condition.value if isinstance(condition.value, list) else [condition.value]
        for kind, value in values:
            _same_type(name, fields[name], kind, value)
        plain = [value for _, value in values]
        conditions.append(Condition(name, condition.operator, plain if "IN" in condition.operator else plain[0]))
    order = tuple((own(name), down) for name, down in query.order)
    return Query(tuple(map(own, query.fields)), query.sobject, tuple(conditions), order, query.limit)


def _same_type(name: str, type: str, kind: str, value: Any) -> None:
    wanted = {"datetime": "time", "date": "day", "boolean": "word"}.get(type, "number" if type in _NUMBERS else "text")
    if value is not None and kind != wanted:
        quoted = "should not" if wanted != "text" else "should"
        message = (
            f"value of filter criterion for field '{name}' must be of type {type} and {quoted} be enclosed in quotes"
        )
        raise refused(400, "INVALID_FIELD", message)


def run(query: Query, rows: list[Row], fields: Fields) -> list[Row]:
    """Rows that the conditions leave, in order. Texts compare without regard to case, ids with it; nulls come first."""
    for condition in query.conditions:
        passes = _test(condition, fields[condition.field])
        rows = [row for row in rows if passes(row.get(condition.field))]
    for name, down in reversed(query.order):
        key = _folded(fields[name])
        rows = sorted(rows, key=lambda row: (row.get(name) is not None, key(row.get(name))), reverse=down)
    return rows if query.limit is None else rows[: query.limit]


def _folded(type: str) -> Callable[[Any], Any]:
    if type in ("id", "reference"):
        return lambda value: value or ""
    return lambda value: "" if value is None else value.lower() if isinstance(value, str) else value


def _test(condition: Condition, type: str) -> Callable[[Any], bool]:
    fold, operator = _folded(type), condition.operator
    if operator in ("IN", "NOT IN"):
        wanted = {None if value is None else fold(value) for value in condition.value}
        return lambda value: ((None if value is None else fold(value)) in wanted) == (operator == "IN")
    if condition.value is None:
        return lambda value: (value is None) == (operator == "=")
    against = fold(condition.value)
    if operator == "!=":
        return lambda value: value is None or fold(value) != against
    compare: Callable[[Any], bool] = {
        "=": lambda value: value == against,
        "<": lambda value: value < against,
        "<=": lambda value: value <= against,
        ">": lambda value: value > against,
        ">=": lambda value: value >= against,
    }[operator]
    return lambda value: value is not None and compare(fold(value))
