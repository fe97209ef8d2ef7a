"""`streamwatch classify`: every line in gives one line out, in order, and the file is there whole or not at all."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streamwatch.commands.classify import classify
from streamwatch.commands.output_file import whole_file
from streamwatch.errors import ConfigError
from streamwatch.inference.opening import SHIPPED

NULL = {"STREAMWATCH_MODEL": "null"}


def run(*arguments: object, env: dict[str, str] | None = None, stdin: str | None = None) -> Result:
    return CliRunner().invoke(
        classify, [str(a) for a in arguments], env=env or NULL, input=stdin, catch_exceptions=False
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_each_line_gives_one_in_order(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "in.jsonl", *({"id": str(i), "text": f"text {i}"} for i in range(5000)))
    done = run(file, "--out", tmp_path / "out.jsonl")
    made = lines(tmp_path / "out.jsonl")
    assert [line["id"] for line in made] == [str(i) for i in range(5000)]
    assert set(made[0]) == {"id", "topic", "sentiment", "model"}
    assert set(made[0]["sentiment"]) == {"label", "p", "probabilities"}
    assert done.stderr == "5000 classified\n"


def test_what_the_model_cannot_read_has_no_sentiment_and_says_why(tmp_path: Path) -> None:
    texts = ("今天涨停了", "@jo https://t.co/x", "\u200b", "🚀", "Oil falls", "今天涨停了")
    file = jsonl(tmp_path / "in.jsonl", *({"id": str(n), "text": text} for n, text in enumerate(texts)))
    done = run(file, "--out", tmp_path / "out.jsonl")
    made = lines(tmp_path / "out.jsonl")
    assert [line.get("unread") for line in made] == [
        "other_script", "nothing_left", "nothing_left", None, None, "other_script",
    ]  # fmt: skip
    assert [line["sentiment"] is None for line in made] == [True, True, True, False, False, True]
    assert {line["topic"]["label"] for line in made if line["sentiment"] is None} == {"unclear"}
    assert "6 classified (4 of them could not be read)" in done.stderr


def test_an_unsure_sentiment_is_marked(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "in.jsonl", *({"id": str(n), "text": f"text {n}"} for n in range(50)))
    run(
        file,
        "--out",
        tmp_path / "out.jsonl",
        env={"STREAMWATCH_MODEL": "null", "STREAMWATCH_LOW_CONFIDENCE_BELOW": "0.7"},
    )
    made = lines(tmp_path / "out.jsonl")
    assert {line.get("low_confidence", False) for line in made} == {True, False}
    assert all(line.get("low_confidence", False) == (line["sentiment"]["p"] < 0.7) for line in made)


def test_bad_lines_say_why_and_disturb_no_other(tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "in.jsonl",
        {"id": "good", "text": "fine"},
        "{not json",
        {"id": "no-text"},
        {"id": "number", "text": 7},
        {"id": "blank", "text": " \t "},
        "[1]",
        {"id": "last", "text": "fine too"},
    )
    done = run(file, "--out", tmp_path / "out.jsonl")
    reasons = [line.get("error", {}).get("reason") for line in lines(tmp_path / "out.jsonl")]
    assert reasons == [None, "invalid_json", "missing_field", "wrong_type", "empty_text", "wrong_type", None]
    assert done.exit_code == 0
    assert "2 classified, 5 not (1 empty_text, 1 invalid_json, 1 missing_field, 2 wrong_type)" in done.stderr


def test_bytes_that_are_no_utf8_are_one_bad_line(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"id":"1","text":"\xff"}\n{"id":"2","text":"fine"}\n')
    run(tmp_path / "in.jsonl", "--out", tmp_path / "out.jsonl")
    first, second = lines(tmp_path / "out.jsonl")
    assert first["error"]["reason"] == "invalid_utf8"
    assert second["id"] == "2"


def test_a_line_that_is_too_large_is_refused(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "in.jsonl", {"id": "1", "text": "x" * 3000}, {"id": "2", "text": "fine"})
    run(file, "--out", tmp_path / "out.jsonl", env=NULL | {"STREAMWATCH_MAX_DOCUMENT_BYTES": "1024"})
    first, second = lines(tmp_path / "out.jsonl")
    assert first["error"]["reason"] == "too_large"
    assert "error" not in second


def test_texts_are_cleaned_as_the_worker_cleans_them(tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "in.jsonl", {"id": "1", "text": "$AAPL falls https://t.co/a"},
        {"id": "2", "text": "RT @jo: $AAPL   falls https://t.co/b"},
    )  # fmt: skip
    run(file, "--out", tmp_path / "out.jsonl")
    first, second = lines(tmp_path / "out.jsonl")
    assert {**first, "id": ""} == {**second, "id": ""}


def test_csv_with_columns_of_its_own_and_gzip_both_ways(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "in.csv.gz", "wt") as file:
        file.write('number,tweet\n7,"one, two"\n8,three\n')
    run(tmp_path / "in.csv.gz", "--out", tmp_path / "o.jsonl.gz", "--column", "text=tweet", "--column", "id=number")
    with gzip.open(tmp_path / "o.jsonl.gz", "rt") as made:
        assert [json.loads(line)["id"] for line in made] == ["7", "8"]


def test_json_lines_with_columns_of_their_own(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "in.jsonl", {"number": 7, "tweet": "up"}, "null")
    run(file, "--out", tmp_path / "out.jsonl", "--column", "text=tweet", "--column", "id=number")
    first, second = lines(tmp_path / "out.jsonl")
    assert (first["id"], second["error"]["reason"]) == ("7", "wrong_type")


def test_a_row_without_an_id_gets_one_from_its_content(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\nup\ndown\n")
    for out in ("a.jsonl", "b.jsonl"):
        run(tmp_path / "in.csv", "--out", tmp_path / out)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert len({line["id"] for line in lines(tmp_path / "a.jsonl")}) == 2


def test_standard_input_and_output(tmp_path: Path) -> None:
    done = run("-", "--out", "-", stdin='{"id":"1","text":"up"}\n')
    assert json.loads(done.stdout)["id"] == "1"


def test_a_missing_column_names_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,tweet\n1,up\n")
    with pytest.raises(ConfigError, match=r"no column text \(--column text=NAME\); columns are id, tweet"):
        run(tmp_path / "in.csv", "--out", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("name", ["absent.jsonl", "in.parquet"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        run(tmp_path / name, "--out", tmp_path / "out.jsonl")


def test_a_damaged_gzip_leaves_the_old_output(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl.gz").write_bytes(gzip.compress(b'{"id":"1","text":"up"}\n' * 900)[:-9])
    (tmp_path / "out.jsonl").write_text("old\n")
    with pytest.raises(ConfigError, match=r"in\.jsonl\.gz"):
        run(tmp_path / "in.jsonl.gz", "--out", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == "old\n"


def test_an_interrupt_leaves_no_half_written_file(tmp_path: Path) -> None:
    def interrupted() -> None:
        with whole_file(str(tmp_path / "out.jsonl")) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "in.jsonl", {"id": "1", "text": "up"})
    with pytest.raises(ConfigError, match="cannot be written"):
        run(file, "--out", tmp_path / "nowhere" / "out.jsonl")


@pytest.mark.skipif(not SHIPPED.joinpath("manifest.json").exists(), reason="no adapter is shipped yet")
def test_the_shipped_model_classifies_a_file(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "in.jsonl", {"id": "1", "text": "Oil falls"}, {"id": "2", "text": "I love this airline!"})
    run(file, "--out", tmp_path / "out.jsonl", env={"STREAMWATCH_MODEL": "default", "STREAMWATCH_DEVICE": "cpu"})
    made = lines(tmp_path / "out.jsonl")
    assert made[1]["sentiment"]["label"] == "positive"
    assert made[0]["model"].startswith("minilm-l6+")


def test_help_teaches() -> None:
    shown = run("--help").stdout
    assert "Examples:" in shown
    assert '"error"' in shown
