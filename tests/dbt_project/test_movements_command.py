"""`funnel movements` over a published file of random portals, against deals followed one by one in Python."""

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import movements_oracle as oracle
import movements_world as world
import pytest
from chain import Chain, ancestors

from orchestration import cli

AS_OF = datetime.fromisoformat(world.AS_OF)
TABLES = ("fct_deal_events", "fct_stage_transitions", "fct_pipeline_movements", "dim_stages", "dim_pipelines")


@pytest.fixture(scope="module")
def home(dbt, compiled, tmp_path_factory):
    """A home with a publication of three portals."""
    chain = Chain(compiled)
    world.fill(chain.con, 3)
    chain.build(ancestors(dbt.target, *TABLES))
    root = tmp_path_factory.mktemp("home")
    current = root / "published" / "current"
    current.mkdir(parents=True)
    chain.con.execute(f"attach '{current / 'funnel.duckdb'}' as file; create schema file.marts")
    for table in TABLES:
        chain.con.execute(f"create table file.marts.{table} as from marts.{table}")
    chain.con.execute("detach file")
    manifest = {"id": "p1", "as_of": AS_OF.isoformat(), "tables": {f"marts.{name}": {"rows": 1} for name in TABLES}}
    (current / "manifest.json").write_text(json.dumps(manifest))
    return root


@pytest.fixture
def ask(home, monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setenv("FUNNEL_HOME", str(home))
        capsys.readouterr()
        code = cli.main(["movements", *arguments])
        return code, capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def deals(home):
    with duckdb.connect(str(home / "published" / "current" / "funnel.duckdb"), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        return oracle.load(con)


def expected(deals, basis, since, until, pipeline=None):
    """{(currency, word): (amount, count)}; positions looked at by themselves, movements between them."""
    amounts, counts = Counter(), Counter()
    for events in deals.values():
        rows = [(at, word, amount, state) for _, at, word, amount, state in oracle.moved(basis, events)]
        starts = oracle.month_starts(world.BEGIN.date(), AS_OF)
        rows += [
            (at, word, amount, state)
            for _, at, word, amount, state in oracle.stood(basis, events, starts, AS_OF)
            if word in ("pulled_in", "pushed_out")
        ]
        rows = [row for row in rows if since <= row[0] < until]
        for word, at in (("opening", since), ("closing", until)):
            state = oracle.position(events, at)
            if state.stands and state.closes_in(basis, at.date()):
                rows.append((at, word, state.amount, state))
        for _, word, amount, state in rows:
            if pipeline in (None, state.pipeline):
                amounts[state.currency, word] += amount or Decimal(0)
                counts[state.currency, word] += 1
    return {key: (amounts[key], n) for key, n in counts.items()}


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SPANS = {
    (): (at("2026-07-01"), AS_OF),
    ("--since", "yesterday"): (at("2026-07-14"), AS_OF),
    ("--since", "yesterday", "--until", "yesterday"): (at("2026-07-14"), at("2026-07-15")),
    ("--since", "monday"): (at("2026-07-13"), AS_OF),  # as of a Wednesday
    ("--since", "7d"): (at("2026-07-08"), AS_OF),
    ("--since", "2026-06-01", "--until", "2026-06-30"): (at("2026-06-01"), at("2026-07-01")),
    ("--since", "2026-02-10T05:06:07.089Z", "--until", "2026-05-31"): (at("2026-02-10T05:06:07.089"), at("2026-06-01")),
    ("--since", "2020-01-01", "--until", "2027-01-01"): (at("2020-01-01"), AS_OF),
}


@pytest.mark.parametrize("basis", oracle.BASES)
@pytest.mark.parametrize("arguments", SPANS, ids=" ".join)
def test_any_two_instants_are_what_plain_python_says(ask, deals, arguments, basis):
    code, out = ask(*arguments, "--basis", basis, "--json")
    found = json.loads(out.out)
    since, until = SPANS[arguments]
    assert (code, at(found["since"][:-6]), at(found["until"][:-6])) == (0, since, until)
    cells = {
        (currency, word): (Decimal(cell["amount"]), cell["count"])
        for currency, table in found["currencies"].items()
        for word, cell in table.items()
        if cell["count"]
    }
    assert cells == expected(deals, basis, since, until)
    for table in found["currencies"].values():
        amounts = [Decimal(cell["amount"]) for cell in table.values()]
        assert sum(amounts[:-1]) == amounts[-1]
    assert len(cells) > 3 or basis != "all_open"


def test_one_pipeline_by_name_or_key(ask, deals):
    since, until = at("2026-02-02"), at("2026-07-13")
    words = ("--since", "2026-02-02", "--until", "2026-07-12", "--pipeline")
    code, out = ask(*words, "portal1:default", "--json")
    found = json.loads(out.out)
    assert (code, found["pipeline"]) == (0, "portal1:default")
    wanted = expected(deals, "all_open", since, until, "portal1:default")
    assert {word for _, word in wanted} >= {"pipeline_in", "pipeline_out", "owner_in"}
    for (currency, word), (amount, count) in wanted.items():
        assert found["currencies"][currency][word] == {"amount": str(amount.quantize(Decimal("0.01"))), "count": count}
    code, out = ask(*words, "Sales")
    assert code == 2
    assert "3 pipelines are called 'Sales'. Known: portal0:default (Sales)" in out.err


def test_people_see_a_table(ask, deals):
    code, out = ask("--since", "2026-06-01", "--until", "2026-06-30")
    lines = out.out.splitlines()
    amount, count = expected(deals, "all_open", at("2026-06-01"), at("2026-07-01"))["EUR", "closing"]
    assert code == 0
    assert lines[0] == "all pipelines, all_open: 2026-06-01 00:00 to 2026-07-01 00:00 (UTC)"
    euros = lines[lines.index("") + 1 :]
    assert euros[0].split() == ["EUR", "amount", "count"]
    assert euros[1].split()[0] == "opening"
    assert next(line for line in euros if line.startswith("closing")).split()[1:] == [f"{amount:,.2f}", f"{count:,}"]


def test_what_names_nothing_is_2(ask, home):
    for arguments, told in (
        (("--since", "last week"), "--since 'last week' is not known."),
        (("--since", "today", "--until", "yesterday"), "is no time"),
        (("--since", "2026-13-01"), "is not known"),
        (("--pipeline", "x'y"), "No pipelines are called 'x'y'"),
    ):
        code, out = ask(*arguments)
        assert (code, out.out) == (2, "")
        assert told in out.err
    (home / "published" / "current").rename(home / "published" / "away")
    code, out = ask()
    (home / "published" / "away").rename(home / "published" / "current")
    assert (code, "Nothing has been published yet" in out.err) == (2, True)
