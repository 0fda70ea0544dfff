"""Amounts in foreign currencies by the banks' rates, held against what the banks' own figures come to by hand."""

import json
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from chain import ancestors
from raw import SALES, add, deal, set_as_of

from ingestion.exchange import day_record
from ingestion.sandbox import banks

CENT = Decimal("0.01")
AS_OF = "2022-06-15T12:00:00Z"
DAYS = [date(2022, 1, 3) + timedelta(days=n) for n in range(170)]
"""To 21 June: the last days are not true yet at AS_OF."""
OWN = [("USD", "spot", date(2022, 5, 1), Decimal("0.5"))]


def listed(value_of, currencies, nominals=()) -> list[dict]:
    """Day records as the extraction lands them."""
    days = []
    for day in DAYS:
        quotes = {
            code: (str(dict(nominals).get(code, 1)), value) for code in currencies if (value := value_of(code, day))
        }
        if quotes:
            days.append(day_record(day.isoformat(), quotes))
    return days


def by_hand(currency: str, day: date) -> Decimal | None:
    """Euros for one unit, told without SQL: the company's, then the ECB's, then the Bank of Russia's over its euro."""
    own = [rate for code, _, since, rate in OWN if code == currency and since <= day]
    if currency == "EUR" or own:
        return own[-1] if own else Decimal(1)
    last = min(day, date(2022, 6, 15))
    for back in range(14 if currency == "RUB" else 15):
        if value := banks.ecb_value(currency, last - timedelta(days=back)):
            return 1 / Decimal(value)
    if currency not in {*banks.IDS, "RUB"}:
        return None

    def roubles(code: str) -> Decimal:
        if code == "RUB":
            return Decimal(1)
        value = next(v for back in range(15) if (v := banks.cbr_value(code, last - timedelta(days=back))))
        return Decimal(value.replace(",", ".")) / banks.NOMINALS.get(code, 1)

    return roubles(currency) / roubles("EUR")


def cents(amount: str, currency: str, day: date) -> Decimal | None:
    rate = by_hand(currency, day)
    if rate is None:
        return None
    return (Decimal(amount) * rate.quantize(Decimal("1e-12"), ROUND_HALF_UP)).quantize(CENT, ROUND_HALF_UP)


def won(number: int, currency: str | None, amount: str, day: date):
    """Open since the day before, won on `day`."""
    before, on = f"{day - timedelta(days=1)}T09:00:00.000Z", f"{day}T09:00:00.000Z"
    history = {
        "dealstage": [(before, "appointmentscheduled"), (on, "closedwon")],
        "pipeline": [(before, "default")],
        "amount": [(before, amount)],
        "closedate": [(before, on)],
        **({"deal_currency_code": [(before, currency)]} if currency else {}),
    }
    return deal(number, history, created=before, updated=on)


def standing(number: int, currencies: list[tuple[date, str, str]]):
    """Open all the time; (day, currency, amount) from then on."""
    at = f"{currencies[0][0]}T09:00:00.000Z"
    history = {
        "dealstage": [(at, "appointmentscheduled")],
        "pipeline": [(at, "default")],
        "amount": [(f"{day}T09:00:00.000Z", amount) for day, _, amount in currencies],
        "closedate": [(at, "2022-09-30T09:00:00.000Z")],
        "deal_currency_code": [(f"{day}T09:00:00.000Z", currency) for day, currency, _ in currencies],
    }
    return deal(number, history, created=at, updated=f"{currencies[-1][0]}T09:00:00.000Z")


# weekends, the day before the first list, a fortnight without roubles at the ECB, negative and zero, no minor units
WINS = {
    1: ("USD", "1000", date(2022, 3, 12)),
    2: ("USD", "1000", date(2022, 5, 2)),
    3: ("GBP", "-250.50", date(2022, 4, 15)),
    4: ("JPY", "1234567", date(2022, 3, 31)),
    5: ("IDR", "98765432109", date(2022, 6, 5)),
    6: ("RUB", "500000", date(2022, 2, 28)),
    7: ("RUB", "500000", date(2022, 6, 12)),
    8: ("KZT", "700000.55", date(2022, 3, 8)),
    9: ("AED", "77", date(2022, 4, 1)),
    10: ("CHF", "10", date(2022, 1, 2)),
    11: ("EUR", "10.10", date(2022, 4, 1)),
    12: ("USD", "0", date(2022, 4, 1)),
}


@pytest.fixture(scope="module")
def con(shared_chain, dbt):
    chain = shared_chain
    chain.clear()
    con = chain.con
    set_as_of(con, AS_OF)
    con.execute("delete from meta.configured_rates")
    con.execute("insert into meta.configured_sources values ('ecb', 'ecb', null, null), ('cbr', 'cbr', null, null)")
    con.executemany("insert into meta.configured_rates values (?, ?, ?, ?)", OWN)
    add(con, "deal_pipelines", [SALES])
    add(con, "deals", [won(number, *told) for number, told in WINS.items()] + [
        # in dollars, then in roubles; in a currency without any rate
        standing(21, [(date(2022, 2, 1), "USD", "300"), (date(2022, 4, 10), "RUB", "40000")]),
        standing(22, [(date(2022, 4, 2), "AED", "5.50")]),
    ])  # fmt: skip
    land(con, "ecb", listed(banks.ecb_value, banks.PER_EURO))
    land(con, "cbr", listed(banks.cbr_value, banks.IDS, banks.NOMINALS.items()))
    chain.build(ancestors(dbt.target, "fct_won_revenue", "unconverted_amounts", "mart_sales_kpis_monthly"))
    yield con
    con.execute("delete from meta.configured_rates; delete from meta.configured_sources where source <> 'hubspot'")
    set_as_of(con, "2026-12-01T00:00:00Z")


def land(con, bank: str, days: list[dict]) -> None:
    rows = [(bank, d["id"], json.dumps(d), AS_OF, f"{bank}1", 0, 0, line) for line, d in enumerate(days)]
    con.executemany(f"insert into raw.{bank}__daily_rates values (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def test_amounts_are_what_the_banks_figures_come_to(con) -> None:
    told = dict(con.execute("select source_deal_id, amount_reporting from marts.dim_deals").fetchall())
    revenue = dict(
        con.execute("select split_part(deal_key, ':', 2), amount_reporting from marts.fct_won_revenue").fetchall()
    )
    expected = {number: cents(amount, currency, day) for number, (currency, amount, day) in WINS.items()}
    assert expected[9] is None
    assert expected[2] == Decimal("500.00")
    expected[10] = None  # before the first list: no rate is taken from later days
    for number, amount in expected.items():
        assert told[str(number)] == amount, number
        assert revenue[str(number)] == amount, number
    origins = con.execute(
        "select distinct currency, origin from intermediate.int_exchange_rates order by all"
    ).fetchall()
    assert origins == [
        ("CHF", "ecb"), ("EUR", "reporting currency"), ("GBP", "ecb"), ("IDR", "ecb"), ("JPY", "ecb"), ("KZT", "cbr"),
        ("RUB", "cbr"), ("RUB", "ecb"), ("USD", "configured"), ("USD", "ecb"),
    ]  # fmt: skip


def test_open_deals_are_worth_the_month_ends_rate_in_the_currency_of_then(con) -> None:
    told = dict(
        con.execute("""select month_end, amount_reporting from marts.fct_pipeline_month_end
                       where deal_key = 'hubspot:21'""").fetchall()
    )  # fmt: skip
    assert told == {
        date(2022, 2, 28): cents("300", "USD", date(2022, 2, 28)),
        date(2022, 3, 31): cents("300", "USD", date(2022, 3, 31)),
        date(2022, 4, 30): cents("40000", "RUB", date(2022, 4, 30)),
        date(2022, 5, 31): cents("40000", "RUB", date(2022, 5, 31)),
    }
    [(now,)] = con.execute("select amount_reporting from marts.dim_deals where source_deal_id = '21'").fetchall()
    assert now == cents("40000", "RUB", date(2022, 6, 15))


def test_what_has_no_rate_is_a_row_with_its_native_amount(con) -> None:
    rows = con.execute(
        "select month, source, currency, outcome, deal_count, amount from marts.unconverted_amounts order by all"
    ).fetchall()
    assert rows == [
        (date(2022, 1, 1), "hubspot", "CHF", "won", 1, Decimal("10.00")),
        (date(2022, 3, 1), "hubspot", "AED", "open", 1, Decimal("77.00")),
        (date(2022, 4, 1), "hubspot", "AED", "open", 1, Decimal("5.50")),
        (date(2022, 4, 1), "hubspot", "AED", "won", 1, Decimal("77.00")),
        (date(2022, 5, 1), "hubspot", "AED", "open", 1, Decimal("5.50")),
        (date(2022, 6, 1), "hubspot", "AED", "open", 1, Decimal("5.50")),
    ]
    counted = con.execute(
        """select month, unconverted_count, unconverted_open_count from marts.mart_sales_kpis_monthly
           where is_rollup and unconverted_count + unconverted_open_count > 0 order by 1"""
    ).fetchall()
    assert counted == [
        (date(2022, 1, 1), 1, 0),
        (date(2022, 3, 1), 0, 1),
        (date(2022, 4, 1), 1, 1),
        (date(2022, 5, 1), 0, 1),
        (date(2022, 6, 1), 0, 1),
    ]


def test_a_bank_that_is_off_counts_no_more(con, shared_chain, dbt) -> None:
    con.execute("delete from meta.configured_sources where source = 'cbr'")
    shared_chain.build(("int_bank_rates", "int_exchange_rates"))
    left = con.execute("select distinct currency from intermediate.int_exchange_rates where origin = 'cbr'").fetchall()
    assert left == []
    [(until,)] = con.execute(
        "select max(valid_to) from intermediate.int_exchange_rates where currency = 'RUB' and kind = 'spot'"
    ).fetchall()
    assert until == date(2022, 3, 16)
