"""`streamwatch detect`: one row out for each row in, onsets where they are, and one line for a file that is wrong."""

import csv
import gzip
import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from streamwatch.commands.detect import detect
from streamwatch.errors import ConfigError

HOUR_S = 3600
START_S = 1_424_131_200


def run(*arguments: object) -> Result:
    return CliRunner().invoke(detect, [str(a) for a in arguments], catch_exceptions=False)


def written(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def series(n: int = 600, burst_at: int = 500, seed: int = 1) -> list[int]:
    counts = np.random.default_rng(seed).poisson(20, n)
    counts[burst_at : burst_at + 4] += 120
    return [int(count) for count in counts]


def utc(index: int, step_s: int = HOUR_S) -> str:
    return f"{datetime.fromtimestamp(START_S + index * step_s, UTC):%Y-%m-%d %H:%M:%S}"


def file_of(path: Path, rows: list[str], header: str = "timestamp,value") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def onsets(path: Path) -> list[int]:
    return [i for i, row in enumerate(written(path)) if row["alert"] == "1"]


def test_each_row_gives_one_with_its_timestamp_as_it_was_and_the_burst_is_an_onset_once(tmp_path: Path) -> None:
    rows = [f"{utc(i)},{count}" for i, count in enumerate(series())]
    done = run(file_of(tmp_path / "f.csv", rows), "--out", tmp_path / "g.csv")
    made = written(tmp_path / "g.csv")
    assert [row["timestamp"] for row in made] == [utc(i) for i in range(600)]
    assert onsets(tmp_path / "g.csv") == [500]
    assert float(made[500]["score"]) >= 1
    assert done.stderr.startswith("600 rows (0 missing, 0 copies): 1 alerts, the first at")


@pytest.mark.parametrize(
    "form",
    [
        lambda i: f"{START_S + i * HOUR_S}",
        lambda i: f"{(START_S + i * HOUR_S) * 1000}",
        lambda i: utc(i).replace(" ", "T") + "Z",
        lambda i: utc(i + 1).replace(" ", "T") + "+01:00",
    ],
    ids=["seconds", "milliseconds", "RFC 3339", "another zone"],
)
def test_all_forms_of_time_give_the_same_scores(tmp_path: Path, form) -> None:
    counts = series()
    run(file_of(tmp_path / "a.csv", [f"{utc(i)},{c}" for i, c in enumerate(counts)]), "--out", tmp_path / "a.out")
    run(file_of(tmp_path / "b.csv", [f"{form(i)},{c}" for i, c in enumerate(counts)]), "--out", tmp_path / "b.out")
    assert [row["score"] for row in written(tmp_path / "a.out")] == [
        row["score"] for row in written(tmp_path / "b.out")
    ]


def test_the_order_of_rows_changes_no_score(tmp_path: Path) -> None:
    rows = [f"{utc(i)},{count}" for i, count in enumerate(series())]
    run(file_of(tmp_path / "a.csv", rows), "--out", tmp_path / "a.out")
    run(file_of(tmp_path / "b.csv", rows[::-1]), "--out", tmp_path / "b.out")
    assert written(tmp_path / "b.out") == written(tmp_path / "a.out")[::-1]


def test_a_copy_of_a_row_has_its_score_and_counts_for_nothing(tmp_path: Path) -> None:
    rows = [f"{utc(i)},{count}" for i, count in enumerate(series())]
    run(file_of(tmp_path / "a.csv", rows), "--out", tmp_path / "a.out")
    doubled = [row for row in rows for _ in range(2)]
    done = run(file_of(tmp_path / "b.csv", doubled), "--out", tmp_path / "b.out", "--json")
    made = written(tmp_path / "b.out")
    assert [row["score"] for row in made[::2]] == [row["score"] for row in written(tmp_path / "a.out")]
    assert [row["score"] for row in made[1::2]] == [row["score"] for row in made[::2]]
    assert json.loads(done.stdout)["copies"] == 600
    assert onsets(tmp_path / "b.out") == [1000]


def test_missing_counts_and_rows_are_no_zeros(tmp_path: Path) -> None:
    rows = [f"{utc(i)},{('', 'NaN')[i % 2] if i % 10 == 3 else count}" for i, count in enumerate(series())]
    kept = [row for i, row in enumerate(rows) if not 200 <= i < 260]
    done = run(file_of(tmp_path / "f.csv", kept), "--out", tmp_path / "g.csv", "--json")
    made = written(tmp_path / "g.csv")
    assert len(made) == 540
    assert [made[i]["timestamp"] for i in onsets(tmp_path / "g.csv")] == [utc(500)]
    told = json.loads(done.stdout)
    assert told == {"rows": 540, "missing": 54, "copies": 0, "bucket_s": 3600.0, "alerts": [utc(500)]}


def test_one_row_and_no_row_give_no_alert(tmp_path: Path) -> None:
    run(file_of(tmp_path / "one.csv", [f"{utc(0)},7"]), "--out", tmp_path / "one.out")
    assert written(tmp_path / "one.out") == [{"timestamp": utc(0), "score": "0", "alert": "0"}]
    run(file_of(tmp_path / "none.csv", []), "--out", tmp_path / "none.out")
    assert (tmp_path / "none.out").read_text() == "timestamp,score,alert\n"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2015-02-30 00:00:00,1", "line 3: '2015-02-30 00:00:00' is no time"),
        ("yesterday,1", "line 3: 'yesterday' is no time"),
        ("1e300,1", "line 3: '1e300' is no time"),
        (",1", "line 3: '' is no time"),
        ("2015-02-22,-1", "line 3: value is -1, no count"),
        ("2015-02-22,inf", "line 3: value is inf, no count"),
        ("2015-02-22,1e13", "line 3: value is 1e+13, no count"),
        ("2015-02-22,many", "line 3: value is 'many', no number"),
    ],
)
def test_what_is_no_time_or_no_count_is_one_line_that_names_its_line(tmp_path: Path, row: str, said: str) -> None:
    file = file_of(tmp_path / "f.csv", ["2015-02-21,1", row])
    with pytest.raises(ConfigError, match=said.replace("+", r"\+")):
        run(file, "--out", tmp_path / "g.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.csv"]


def test_more_negatives_than_documents_is_an_error(tmp_path: Path) -> None:
    file = file_of(tmp_path / "f.csv", ["2015-02-21,3,4"], "timestamp,n,k")
    with pytest.raises(ConfigError, match=r"line 2: k is 4, more than n \(3\)"):
        run(file, "--out", tmp_path / "g.csv", "--mode", "share")


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = file_of(tmp_path / "f.csv", [], "time,value")
    with pytest.raises(ConfigError, match="no column timestamp; columns are time, value"):
        run(file, "--out", tmp_path / "g.csv")


def test_files_that_are_no_csv_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(b"timestamp,value\n2015-02-21,\xff\xfe\n")
    with pytest.raises(ConfigError, match="utf-8"):
        run(tmp_path / "f.csv", "--out", tmp_path / "g.csv")
    with pytest.raises(ConfigError, match="cannot be read"):
        run(tmp_path / "missing.csv", "--out", tmp_path / "g.csv")
    (tmp_path / "f.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(ConfigError, match="cannot be read"):
        run(tmp_path / "f.csv.gz", "--out", tmp_path / "g.csv")


@pytest.mark.parametrize(
    "options",
    [
        ("--false-alarms-per-week", "0"),
        ("--false-alarms-per-week", "nan"),
        ("--bucket", "0s"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: tuple[str, str]) -> None:
    with pytest.raises(ConfigError):
        run(file_of(tmp_path / "f.csv", []), "--out", tmp_path / "g.csv", *options)


def test_a_duration_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    done = run(file_of(tmp_path / "f.csv", []), "--out", tmp_path / "g.csv", "--refractory", "soon")
    assert done.exit_code == 2
    assert "no length of time" in done.stderr


def test_buckets_add_rows_up(tmp_path: Path) -> None:
    """Days of hourly rows: the alert is at the hour in which the day became unusual."""
    counts = [2 + i % 3 for i in range(24 * 60)]
    for i in range(24 * 50 + 10, 24 * 50 + 20):
        counts[i] = 60
    file = file_of(tmp_path / "f.csv", [f"{utc(i)},{count}" for i, count in enumerate(counts)])
    run(file, "--out", tmp_path / "g.csv", "--bucket", "1d")
    found = onsets(tmp_path / "g.csv")
    assert len(found) == 1
    assert 24 * 50 + 10 <= found[0] < 24 * 50 + 20


def test_after_an_onset_it_is_quiet_for_the_refractory_time(tmp_path: Path) -> None:
    counts = series()
    for i in (503, 510, 530):
        counts[i : i + 3] = [400, 900, 1500]
    file = file_of(tmp_path / "f.csv", [f"{utc(i)},{count}" for i, count in enumerate(counts)])
    run(file, "--out", tmp_path / "day.csv")
    run(file, "--out", tmp_path / "hour.csv", "--refractory", "1h")
    found = onsets(tmp_path / "day.csv")
    assert all(later - earlier >= 24 for earlier, later in pairwise(found))
    assert len(onsets(tmp_path / "hour.csv")) > len(found)


def test_where_collection_begins_there_is_no_alert(tmp_path: Path) -> None:
    counts = [0] * 300 + series(300, burst_at=250)
    file = file_of(tmp_path / "f.csv", [f"{utc(i)},{count}" for i, count in enumerate(counts)])
    run(file, "--out", tmp_path / "g.csv")
    assert onsets(tmp_path / "g.csv") == [550]


def test_a_step_is_told_once_or_twice_and_then_usual(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    counts = [*rng.poisson(20, 500), *rng.poisson(100, 500)]
    file = file_of(tmp_path / "f.csv", [f"{utc(i)},{count}" for i, count in enumerate(counts)])
    run(file, "--out", tmp_path / "g.csv")
    found = onsets(tmp_path / "g.csv")
    assert 500 in found
    assert sum(i >= 500 for i in found) <= 2


def test_a_share_that_turns_is_an_onset(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = [f"{utc(i)},40,{rng.binomial(40, 0.8 if 500 <= i < 510 else 0.2)}" for i in range(600)]
    file = file_of(tmp_path / "f.csv", rows, "timestamp,n,k")
    run(file, "--out", tmp_path / "g.csv", "--mode", "share")
    made = written(tmp_path / "g.csv")
    found = onsets(tmp_path / "g.csv")
    assert len(made) == 600
    assert len(found) == 1
    assert 500 <= found[0] <= 502


def test_volume_without_a_turn_is_no_share(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = [f"{utc(i)},{n},{rng.binomial(n, 0.2)}" for i, n in enumerate(series())]
    run(file_of(tmp_path / "f.csv", rows, "timestamp,n,k"), "--out", tmp_path / "g.csv", "--mode", "share")
    assert onsets(tmp_path / "g.csv") == []


def test_gzip_in_and_out(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "f.csv.gz", "wt") as file:
        file.write("timestamp,value\n" + "".join(f"{utc(i)},{c}\n" for i, c in enumerate(series())))
    run(tmp_path / "f.csv.gz", "--out", tmp_path / "g.csv.gz")
    with gzip.open(tmp_path / "g.csv.gz", "rt") as file:
        assert sum(row["alert"] == "1" for row in csv.DictReader(file)) == 1


def test_fewer_allowed_need_more(tmp_path: Path) -> None:
    file = file_of(tmp_path / "f.csv", [f"{utc(i)},{c}" for i, c in enumerate(series(2000, 1900))])
    found = []
    for allowed in ("10", "1", "0.01"):
        run(file, "--out", tmp_path / "g.csv", "--false-alarms-per-week", allowed)
        found.append(len(onsets(tmp_path / "g.csv")))
    assert found[0] > found[1] >= found[2] >= 1
