"""Random histories: the SQL from raw JSON to visits and transitions against a Python oracle."""

import json
from datetime import UTC, datetime, timedelta

import oracle
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from raw import pipeline

# A batch is a bag of independent deals: the test names the shortest that differs, shrinking would only cost minutes.
PROFILE = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
START = datetime(2026, 1, 1, tzinfo=UTC)
# Which pipelines are known to contain a stage: one, two, none (deleted before we came).
MEMBERS = {"a": {"p"}, "b": {"p"}, "c": {"q"}, "d": {"q"}, "s": {"p", "q"}}
STAGES = ["a", "b", "c", "d", "s", "gone"]
PROPERTY = {"stage": "dealstage", "pipeline": "pipeline"}

# Few instants, close together and far apart: ties, some ms, within two seconds, beyond.
instants = st.sampled_from([0, 1, 5, 1000, 2000, 2001, 5000, 3_600_000, 3_600_003, 7_200_000, 90_000_000])
stage_values = st.sampled_from([*STAGES, ""])
pipeline_values = st.sampled_from(["p", "q", "r"])


def sorted_history(values):
    """Oldest first; of equal instants the order drawn is the true one."""
    return st.lists(st.tuples(instants, values), max_size=6).map(lambda entries: sorted(entries, key=lambda e: e[0]))


@st.composite
def deals(draw):
    """Versions of one deal, oldest first: each shows a part of the true history (backdated entries come late, old
    ones are cut off), the last one perhaps a value that no history explains."""
    truth = {"stage": draw(sorted_history(stage_values)), "pipeline": draw(sorted_history(pipeline_values))}
    versions = []
    for number in range(draw(st.integers(1, 3))):
        history, values = {}, {}
        for field, entries in truth.items():
            kept = draw(st.lists(st.booleans(), min_size=len(entries), max_size=len(entries)))
            history[field] = [e for e, keep in zip(entries, kept, strict=True) if keep or draw(st.booleans())]
            agrees = history[field] and draw(st.integers(0, 5))
            if agrees:
                values[field] = history[field][-1][1]
            elif draw(st.booleans()):
                values[field] = draw(stage_values if field == "stage" else pipeline_values)
        updated = draw(instants) + 1_000_000 * number
        versions.append({"updated": updated, "created": -1000, "history": history, "values": values})
    if draw(st.booleans()):
        versions.append(versions[-1])
    return versions


def iso(ms: int) -> str:
    return (START + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(deal_id: int, version: dict) -> str:
    history = {
        PROPERTY[field]: [{"value": value, "timestamp": iso(at)} for at, value in reversed(entries)]
        for field, entries in version["history"].items()
    }
    values = {PROPERTY[field]: value for field, value in version["values"].items()}
    return json.dumps(
        {"id": str(deal_id), "properties": values, "propertiesWithHistory": history, "archived": False}
        | {"createdAt": iso(version["created"]), "updatedAt": iso(version["updated"])}
    )


def load(chain, batch, random) -> None:
    """Every deal's n-th version in the n-th window, its lines shuffled."""
    chain.clear()
    chain.con.execute(
        "insert into raw._windows by name select 'w' || n as window_id, n as window_seq, 'hubspot' as source, "
        "'hubspot' as vendor, 'deals' as stream, if(n = 2, 'full', 'incremental') as kind from range(2, 7) t(n)"
    )
    rows = [
        (str(deal_id), record(deal_id, version), f"w{number + 2}", number + 2, 0, 0)
        for deal_id, versions in enumerate(batch)
        for number, version in enumerate(versions)
    ]
    random.shuffle(rows)
    shape = [
        ("hubspot", deal_id, text, "2026-11-01T00:00:00Z", window, seq, part, line)
        for line, (deal_id, text, window, seq, part, _) in enumerate(rows)
    ]
    lists = [
        pipeline("p", [(s, s, "false", "0.5") for s in ("a", "b", "s")]),
        pipeline("q", [(s, s, "false", "0.5") for s in ("c", "d", "s")]),
        pipeline("r", []),
    ]
    chain.con.executemany(
        "insert into raw.hubspot__deal_pipelines values ('hubspot', ?, ?, '2026-11-01T00:00:00Z', 'w1', 1, 0, 0)",
        [(one["id"], json.dumps(one)) for one in lists],
    )
    chain.con.executemany("insert into raw.hubspot__deals values (?, ?, ?, ?, ?, ?, ?, ?)", shape)


@settings(PROFILE, max_examples=15)
@given(batch=st.lists(deals(), min_size=30, max_size=60), random=st.randoms(use_true_random=False))
def test_visits_are_what_the_oracle_says(chain, batch, random):
    load(chain, batch, random)
    chain.run()
    found: dict[int, list] = {deal_id: [] for deal_id in range(len(batch))}
    ends: dict[int, list] = {deal_id: [] for deal_id in range(len(batch))}
    rows = chain.rows(
        "select source_deal_id::int, visit_number, epoch_ms(entered_at), epoch_ms(exited_at), pipeline_key, "
        "to_stage_key from marts.fct_stage_transitions order by 1, 2"
    )
    zero = int(START.timestamp() * 1000)
    for deal_id, number, entered, exited, pipeline_key, stage_key in rows:
        assert number == len(found[deal_id]) + 1
        found[deal_id].append((entered - zero, pipeline_key.split(":")[1], stage_key.split(":")[2]))
        ends[deal_id].append(None if exited is None else exited - zero)
    differing = []
    for deal_id, versions in enumerate(batch):
        expected = oracle.visits(versions, MEMBERS)
        tiled = [at for at, _, _ in expected[1:]] + [None] * bool(expected)
        if found[deal_id] != expected or ends[deal_id] != tiled:
            differing.append((versions, expected, found[deal_id], ends[deal_id]))
    assert not differing, "deal, expected, found, ends: {}\n{}\n{}\n{}".format(
        *min(differing, key=lambda d: len(str(d[0])))
    )


def test_batches_hold_the_hard_cases(chain):
    """The generator really makes what it is there for (a property over easy cases proves nothing)."""
    seen = {"tie": 0, "reenters": 0, "pipeline change": 0, "unlisted": 0, "several versions": 0}

    @settings(PROFILE, max_examples=5)
    @given(batch=st.lists(deals(), min_size=30, max_size=60))
    def count(batch):
        for versions in batch:
            visits = oracle.visits(versions, MEMBERS)
            seen["tie"] += len({at for at, _, _ in visits}) < len(visits)
            seen["reenters"] += len({move[1:] for move in visits}) < len(visits)
            seen["pipeline change"] += len({p for _, p, _ in visits}) > 1
            seen["unlisted"] += any(s == "gone" for _, _, s in visits)
            seen["several versions"] += len(versions) > 1

    count()
    assert all(number >= 5 for number in seen.values()), seen
