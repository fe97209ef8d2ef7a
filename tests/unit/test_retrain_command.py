"""`streamwatch retrain` and `forget` as people and cron call them, without a broker."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from retraining_streams import answers, stream, write_jsonl

from streamwatch.commands.forget import forget
from streamwatch.commands.retrain import retrain
from streamwatch.errors import ConfigError
from streamwatch.retraining.forgotten import read_forgotten
from streamwatch.retraining.known import id_hash
from streamwatch.retraining.replay import read_replay

QUICK = ("--past", "60", "--doubtful", "off", "--rank", "2", "--epochs", "0.3", "--threads", "1")


def call(command: Any, *arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Any, ...]:
    """Options that name files of answers and documents, and a replay store."""
    said = write_jsonl(tmp_path / "answers.jsonl", answers(60))
    documents = write_jsonl(tmp_path / "stream.jsonl", stream(200))
    return ("--labels", said, "--stream", documents, "--replay", tmp_path / "replay")


def test_a_retraining_from_files_tells_what_it_made_and_is_not_due_again(
    tiny_model: Path, tmp_path: Path, files: tuple[Any, ...]
) -> None:
    asked = ("--incumbent", tiny_model, *files, *QUICK, "--when", "labels>=50")
    made = call(retrain, "--out", tmp_path / "out", *asked, "--json", "--log-dir", tmp_path / "log")
    told = json.loads(made.stdout.splitlines()[-1])
    assert told["learned"]["answers"] > 20 and (tmp_path / "out" / "manifest.json").is_file()
    assert "60 documents were answered" in made.stdout
    assert list((tmp_path / "log").glob("events*"))
    again = call(retrain, "--out", tmp_path / "again", *asked)
    assert again.exit_code == 0 and not (tmp_path / "again").exists()
    assert again.stdout == "0 documents were answered since the last retraining, 50 are wanted\n"


def test_what_a_model_has_learned_is_not_fresh_to_it(tiny_model: Path, tmp_path: Path, files: tuple[Any, ...]) -> None:
    call(retrain, "--out", tmp_path / "out", "--incumbent", tiny_model, *files, *QUICK)
    with pytest.raises(ConfigError, match="no answers since 2026-01-01T02:47:39"):
        call(retrain, "--out", tmp_path / "next", "--incumbent", tmp_path / "out", *files, *QUICK)


def test_a_time_that_is_none_and_a_line_that_is_no_answer_are_told_of(
    tiny_model: Path, tmp_path: Path, files: tuple[Any, ...]
) -> None:
    with pytest.raises(ConfigError, match="--since soon: a time as"):
        call(retrain, "--out", tmp_path / "out", "--incumbent", tiny_model, *files, "--since", "soon")
    (tmp_path / "answers.jsonl").write_text('{"schema":"label.v1"}\n')
    with pytest.raises(ConfigError, match="line 1: no answer"):
        call(retrain, "--out", tmp_path / "out", "--incumbent", tiny_model, *files, *QUICK)


def test_a_condition_needs_a_place_to_remember_the_last_run(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must remember the last retraining"):
        call(retrain, "--out", tmp_path / "out", "--incumbent", tiny_model, "--when", "daily")


def test_forgetting_takes_a_writer_out_of_the_store_and_says_who_did_it(
    tiny_model: Path, tmp_path: Path, files: tuple[Any, ...]
) -> None:
    call(retrain, "--out", tmp_path / "out", "--incumbent", tiny_model, *files, *QUICK)
    before = read_replay(tmp_path / "replay")
    one = next(iter(before.texts.values()))
    done = call(forget, "--id", one.id, "--replay", tmp_path / "replay", "--offline", "--by", "ana", "--json")
    assert json.loads(done.stdout)["replay"] == 1
    assert id_hash(one.id) not in read_replay(tmp_path / "replay").seen
    assert [(f.what, f.hash, f.by) for f in read_forgotten(tmp_path / "replay")] == [
        ("document", id_hash(one.id), "ana")
    ]
    again = call(forget, "--id", one.id, "--replay", tmp_path / "replay", "--offline", "--json")
    assert json.loads(again.stdout)["replay"] == 0 and len(read_forgotten(tmp_path / "replay")) == 1


def test_forgetting_nothing_or_nowhere_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="nothing to forget"):
        call(forget, "--replay", tmp_path)
    monkeypatch.delenv("STREAMWATCH_REGISTRY", raising=False)
    with pytest.raises(ConfigError, match="no replay store"):
        call(forget, "--id", "a", "--offline")
