"""`streamwatch evaluate`: the JSON line, the table, and one line for each thing that can be wrong with a file."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streamwatch.commands.evaluate import evaluate
from streamwatch.errors import ConfigError
from streamwatch.inference.engine import NullEngine

NULL = {"STREAMWATCH_MODEL": "null", "STREAMWATCH_LOW_CONFIDENCE_BELOW": "0.7"}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate, [str(a) for a in arguments], env=NULL, catch_exceptions=False)


def figures(*arguments: object) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(run(*arguments, "--json").stdout.splitlines()[-1])
    return made


def labelled(path: Path, *rows: tuple[str, str]) -> Path:
    path.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows))
    return path


def right(n: int) -> list[tuple[str, str]]:
    """Texts with the label that the null model gives them."""
    said = NullEngine().classify([f"text {i}" for i in range(n)])
    return [(f"text {i}", answer.sentiment.label) for i, answer in enumerate(said)]  # type: ignore[union-attr]


def test_the_last_line_is_json_with_all_that_was_promised(tmp_path: Path) -> None:
    made = figures("--task", "sentiment", "--data", labelled(tmp_path / "a.csv", *right(300)))
    assert (made["accuracy"], made["macro_f1"], made["n"]) == (1.0, 1.0, 300)
    assert made["recall"] == {"negative": 1.0, "neutral": 1.0, "positive": 1.0}
    assert {"ece", "ece_interval", "coverage", "seconds", "n_left_out", "n_unread", "n_failed"} <= made.keys()
    assert made["confident_at"] == 0.7
    assert 0 < made["coverage"] < 1
    assert made["model"] == "null"


def test_gzip_and_json_lines_give_the_same_as_csv(tmp_path: Path) -> None:
    rows = right(50)
    plain = labelled(tmp_path / "a.csv", *rows)
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    lines = tmp_path / "a.jsonl"
    lines.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    made = [figures("--task", "sentiment", "--data", file) for file in (plain, packed, lines)]
    first, *others = [{**one, "seconds": 0, "data": ""} for one in made]
    assert others == [first, first]


def test_a_label_map_and_columns_of_other_names(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("tweet,mood,desk\nup we go,Bullish,a\ndown we go,Bearish,b\nwho knows,mixed,b\n")
    made = figures(
        "--task", "sentiment", "--data", file, "--text-column", "tweet", "--label-column", "mood", "--by", "desk",
        "--label-map", "Bullish=positive,Bearish=negative", "--label-map", "mixed=",
    )  # fmt: skip
    assert (made["n"], made["n_left_out"], sorted(made["recall"])) == (2, 1, ["negative", "positive"])
    assert {name: group["n"] for name, group in made["by"].items()} == {"a": 1, "b": 1}


def test_classes_leave_rows_out_and_never_say_another_label(tmp_path: Path) -> None:
    file = labelled(tmp_path / "a.csv", *right(300))
    made = figures("--task", "sentiment", "--data", file, "--classes", "negative,positive")
    assert made["n"] + made["n_left_out"] == 300
    assert {said for row in made["confusion"].values() for said in row} == {"negative", "positive"}
    assert made["accuracy"] == 1.0


def test_what_cannot_be_read_is_counted_and_wrong(tmp_path: Path) -> None:
    file = labelled(
        tmp_path / "a.csv", *right(8), ("@jo https://t.co/x", "neutral"), ("\u4eca\u5929\u6da8\u505c\u4e86", "positive")
    )
    made = figures("--task", "sentiment", "--data", file)
    assert (made["n"], made["n_unread"], made["accuracy"]) == (10, 2, 0.8)
    assert made["confusion"]["neutral"]["(none)"] + made["confusion"]["positive"]["(none)"] == 2


def test_a_text_that_cannot_be_read_is_about_no_topic(tmp_path: Path) -> None:
    made = figures("--task", "topic", "--data", labelled(tmp_path / "a.csv", ("...", "unclear"), ("...", "earnings")))
    assert (made["accuracy"], made["n_unread"], made["coverage"]) == (0.5, 2, 0.0)


def test_bytes_that_are_no_text_fail_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"text,label\nprofit \xff\xfe falls,negative\nprofit rises,positive\n")
    made = figures("--task", "sentiment", "--data", file)
    assert (made["n"], made["n_failed"]) == (2, 1)


def test_a_limit_reads_the_first_rows_only(tmp_path: Path) -> None:
    file = labelled(tmp_path / "a.csv", *right(20), ("text", "no such label"))
    assert figures("--task", "sentiment", "--data", file, "--limit", 20)["n"] == 20


def test_without_json_there_is_a_table_for_people(tmp_path: Path) -> None:
    done = run("--task", "sentiment", "--data", labelled(tmp_path / "a.csv", *right(60)))
    for part in (
        "accuracy 1.000",
        "macro-F1",
        "calibration error",
        "95 % interval",
        "surest",
        "as negative",
        "precision",
    ):
        assert part in done.stdout
    assert done.stderr == ""


def test_progress_never_reaches_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamwatch.commands.evaluate.SILENT_S", -1.0)
    done = run("--task", "sentiment", "--data", labelled(tmp_path / "a.csv", *right(5)), "--json")
    assert "evaluate: 100 %, 5 texts" in done.stderr
    assert len(done.stdout.splitlines()) == 1


FAULTS = {
    "unknown_label": ("text,label\na,positive\nb,bullish\n", [], "row 2: label 'bullish' is none of negative, neutral, positive"),
    "no_label": ("text,label\na,\n", [], "row 1: label '' is none of"),
    "short_row": ("text,label\na,positive\nb\n", [], "row 2 has no label"),
    "empty": ("", [], "empty, not even a header"),
    "header_only": ("text,label\n", [], "no rows to score"),
    "no_column": ("body,label\na,positive\n", [], "no column text; columns are body, label"),
    "all_left_out": ("text,label\na,neutral\n", ["--classes", "negative,positive"], "no rows to score (1 left out)"),
    "one_class": ("text,label\na,neutral\n", ["--classes", "negative"], "name two labels at least"),
    "class_unknown": ("text,label\na,neutral\n", ["--classes", "negative,happy"], "no label happy"),
    "map_unknown": ("text,label\na,b\n", ["--label-map", "b=happy"], "--label-map: no label happy"),
    "map_malformed": ("text,label\na,b\n", ["--label-map", "b"], "expected THEIRS=OURS"),
    "by_unknown": ("text,label\na,neutral\n", ["--by", "desk"], "no column desk"),
    "by_text": ("text,label\n" + "".join(f"a {i},neutral\n" for i in range(300)), ["--by", "text"], "more than 200"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_or_option_is_one_line(fault: str, tmp_path: Path) -> None:
    text, options, told = FAULTS[fault]
    file = tmp_path / "a.csv"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        run("--task", "sentiment", "--data", file, *options)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "empty"),
        ("[1]\n", "row 1: a line is list, expected an object"),
        ('{"text": "a", "label": "neutral"}\nnonsense\n', "row 2: no JSON"),
        ('{"text": 5, "label": "neutral"}\n', "row 1: the text is int"),
        ('{"text": "a", "label": "neutral"}\n{"text": "a"}\n', "row 2 has no label"),
    ],
)
def test_bad_json_lines_are_one_line(lines: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(lines)
    with pytest.raises(ConfigError, match=told):
        run("--task", "sentiment", "--data", file)


def test_damaged_and_absent_files_and_other_kinds_are_one_line(tmp_path: Path) -> None:
    damaged = tmp_path / "a.csv.gz"
    damaged.write_bytes(gzip.compress(b"text,label\n" + b"a,neutral\n" * 1000)[:-20])
    for file, told in (
        (damaged, "a.csv.gz: "),
        (tmp_path / "b.csv", "No such file"),
        (tmp_path / "c.txt", "expected a file"),
    ):
        with pytest.raises(ConfigError, match=told):
            run("--task", "sentiment", "--data", file)


def test_a_head_that_the_model_does_not_have_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--task urgency: the model has no such head; its heads are sentiment, topic"):
        run("--task", "urgency", "--data", labelled(tmp_path / "a.csv", ("a", "high")))


def test_what_is_to_be_scored_must_be_named_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--data, or use --check"):
        run("--task", "sentiment")
    with pytest.raises(ConfigError, match="choose one"):
        run("--task", "sentiment", "--check", "--data", tmp_path / "a.csv")
    with pytest.raises(ConfigError, match="sentiment and topic only"):
        run("--task", "urgency", "--check")


@pytest.mark.parametrize("task", ["sentiment", "topic"])
def test_the_check_set_runs_and_is_broken_down_by_kind(task: str) -> None:
    made = figures("--task", task, "--check")
    assert made["n"] >= 500
    assert made["n_unread"] == made["n_failed"] == 0
    assert made["data"] == "check set"
    assert made["by"]["irony"]["n"] > 0
