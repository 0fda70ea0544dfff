"""macros/money.sql, rendered without dbt and run by DuckDB, against decimals of Python."""

from decimal import ROUND_HALF_UP, Decimal
from random import Random

import duckdb
from conftest import PROJECT
from jinja2 import Environment

SQL = Environment().from_string((PROJECT / "macros/money.sql").read_text()).module
CENT = Decimal("0.01")
WIDTHS = (Decimal(1), Decimal(10_000), Decimal(9_999_999), Decimal(10_000_000), Decimal(10_000_000_000_000))


def test_a_weighted_amount_is_rounded_to_cents_whatever_its_width():
    draw = Random(5)
    cases = [(Decimal("0.05"), Decimal("0.1")), (Decimal("-0.05"), Decimal("0.1")), (None, Decimal(1)), (CENT, None)]
    cases += [(width - CENT, Decimal(1)) for width in WIDTHS] + [(-width, Decimal("0.999999")) for width in WIDTHS]
    for width in WIDTHS * 200:
        amount = (width * Decimal(draw.randrange(-(10**9), 10**9)) / 10**9).quantize(CENT)
        cases.append((amount, Decimal(draw.randrange(10**6 + 1)) / 10**6))
    with duckdb.connect() as con:
        con.execute("create table deals (n integer, amount decimal(18, 2), chance double)")
        con.executemany("insert into deals values (?, ?, ?)", [(n, *case) for n, case in enumerate(cases)])
        found = con.execute(f"select {SQL.weighted('amount', 'chance')} from deals order by n").fetchall()
    expected = [
        None if amount is None or chance is None else (amount * chance).quantize(CENT, ROUND_HALF_UP)
        for amount, chance in cases
    ]
    assert [value for (value,) in found] == expected
    assert expected[:2] == [Decimal("0.01"), Decimal("-0.01")]
    assert sum(abs(value) > 10**7 for value in expected if value is not None) > 100
