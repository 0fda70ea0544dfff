"""`funnel backtest --transitions`: files in, files out, errors that name the line."""

import csv
import json

import pytest

from benchmarks.forecast_worlds import write
from orchestration.cli import main
from tests.forecasting.lives import generated

HEADER = "deal_id,entered_at,stage,kind,amount,expected_close_date,segment\n"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("backtest") / "deals.csv.gz"
    write(generated("sparse"), path)
    return path


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_both_files_cover_origins_months_and_methods(written, tmp_path, capsys):
    assert (
        main(["backtest", "--transitions", str(written), "--out", str(tmp_path), "--origins", "2023-01:2023-12"]) == 0
    )
    assert "12 origins 2023-01 … 2023-12" in capsys.readouterr().out
    forecast, accuracy = rows(tmp_path / "forecast_monthly.csv"), rows(tmp_path / "forecast_accuracy_monthly.csv")
    totals = [r for r in forecast if r["component"] == "total"]
    assert len(totals) == 12 * 9
    ends = sorted({r["as_of_month_end"] for r in totals})
    assert (len(ends), ends[0], ends[1], ends[-1]) == (12, "2023-01-31", "2023-02-28", "2023-12-31")
    assert max(r["target_month"] for r in totals) == "2024-09-01"  # the last vintage stands, judged or not
    assert max(r["target_month"] for r in accuracy) == "2023-12-01"
    assert {r["method"] for r in accuracy} == {
        *(f"funnel_day_{day}" for day in (5, 10, 15, 20)),
        "funnel", "naive", "mean_3m", "mean_6m", "mean_12m", "seasonal_naive", "weighted_pipeline", "close_rate"
    }  # fmt: skip
    one = next(r for r in accuracy if r["method"] == "naive" and r["as_of_month_end"] == "2023-11-30")
    with_gzip = _won(written)
    assert float(one["forecast"]) == pytest.approx(with_gzip["2023-11"])
    assert float(one["actual"]) == pytest.approx(with_gzip["2023-12"])
    inside = next(r for r in accuracy if r["method"] == "funnel" and r["component"] == "total")
    said = next(r for r in totals if r["target_month"] == inside["target_month"]
                and r["as_of_month_end"] == inside["as_of_month_end"])  # fmt: skip
    covered = float(said["p10"]) <= float(inside["actual"]) <= float(said["p90"])
    assert inside["is_covered"] == str(covered).lower()
    running = [r for r in accuracy if r["method"] == "funnel_day_20" and r["horizon_months"] == "0"]
    assert [r["as_of_month_end"] for r in running] == ends
    assert all(r["target_month"] == r["as_of_month_end"][:8] + "01" for r in running)
    assert all(float(r["actual"]) == pytest.approx(with_gzip[r["target_month"][:7]]) for r in running)


def _won(path):
    import gzip

    found = {}
    with gzip.open(path, "rt") as file:
        for r in csv.DictReader(file):
            if r["kind"] == "won":
                month = r["entered_at"][:7]
                found[month] = found.get(month, 0) + float(r["amount"] or 0)
    return found


def test_twice_the_same_bytes(written, tmp_path):
    for name in ("a", "b"):
        main(["backtest", "--transitions", str(written), "--out", str(tmp_path / name), "--origins", "2023-06:2023-07"])
    for file in ("forecast_monthly.csv", "forecast_accuracy_monthly.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "no transitions"),
        ("1,2024-01-01,a,open,5,,x\n2,2024-13-01,a,open,5,,x\n", "line 3, deal 2: entered_at '2024-13-01'"),
        ("1,2024-01-01,a,gone,5,,x\n", "kind 'gone' is not open, won or lost"),
        ("1,2024-01-01,a,open,five,,x\n", "amount 'five'"),
        ("1,2024-01-01,a,open,nan,,x\n", "amount 'nan'"),
        (",2024-01-01,a,open,5,,x\n", "deal_id ''"),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_writes_nothing(tmp_path, capsys, body, said):
    path = tmp_path / "deals.csv"
    path.write_text(HEADER + body)
    assert main(["backtest", "--transitions", str(path), "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_columns_and_files_and_wrong_origins(tmp_path, capsys, written):
    path = tmp_path / "deals.csv"
    path.write_text("deal_id,stage\n1,a\n")
    assert main(["backtest", "--transitions", str(path), "--out", str(tmp_path)]) == 2
    assert "no column entered_at, kind, amount, expected_close_date, segment" in capsys.readouterr().err
    assert main(["backtest", "--transitions", str(tmp_path / "none.csv"), "--out", str(tmp_path)]) == 2
    for origins, said in (
        ("2023", "not a month"),
        ("2023-05:2023-01", "after the last"),
        ("2023-05:2031-01", "end in"),
    ):
        assert main(["backtest", "--transitions", str(written), "--out", str(tmp_path), "--origins", origins]) == 2
        assert said in capsys.readouterr().err


def test_nothing_won_says_why(tmp_path, capsys):
    path = tmp_path / "deals.csv"
    path.write_text(HEADER + "1,2024-01-01T10:00:00+02:00,a,open,5,2024-03-01,x\n")
    assert main(["backtest", "--transitions", str(path), "--out", str(tmp_path / "out"), "--json"]) == 0
    assert "nothing to forecast from" in json.loads(capsys.readouterr().out)["notes"][0]
    assert rows(tmp_path / "out" / "forecast_monthly.csv") == []
