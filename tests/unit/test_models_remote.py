"""A registry at a URL: what is pushed is what is pulled, the pointer comes last, and no side overwrites the other."""

import json
from pathlib import Path

import fsspec
import pytest
from click.testing import CliRunner
from tiny_models import write_model

from streamwatch.commands.models_remote import pull as pull_command
from streamwatch.commands.models_remote import push as push_command
from streamwatch.errors import ConfigError, ModelError, RetryError
from streamwatch.models.gated import keep
from streamwatch.models.pointer import read_current, read_history
from streamwatch.models.registry import add, checked, listing, promote, roll_back
from streamwatch.models.remote import _fetch, pull, push

NOW = "2026-01-05T08:00:00Z"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An empty store in a folder, by its URL."""
    return f"file://{tmp_path / 'store'}"


def with_models(registry: Path, tmp_path: Path, *seeds: int) -> list[str]:
    for seed in seeds:
        write_model(tmp_path / f"m{seed}", seed=seed)
    return [add(registry, tmp_path / f"m{seed}") for seed in seeds]


def test_what_is_pushed_is_what_is_pulled(tmp_path: Path, url: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    first, second = with_models(here, tmp_path, 1, 2)
    keep(here, first, b"{}", "<!doctype html>")
    promote(here, first, NOW, force="a test")
    promote(here, second, NOW, force="a test")
    assert sorted(push(here, url)) == sorted(pull(there, url)) == sorted([first, second])
    assert read_current(there) == read_current(here) and read_history(there) == read_history(here)
    assert checked(there, first) and checked(there, second)
    assert (there / "gates" / first / "gate.html").read_text() == "<!doctype html>"
    assert push(here, url) == pull(there, url) == []


def test_a_rollback_follows_too(tmp_path: Path, url: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    [first] = with_models(here, tmp_path, 1)
    promote(here, first, NOW, force="a test")
    push(here, url)
    pull(there, url)
    roll_back(here, NOW)
    push(here, url)
    pull(there, url)
    assert read_history(there)[-1].action == "roll_back"


def test_whoever_is_behind_pulls_first(tmp_path: Path, url: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    first, second = with_models(here, tmp_path, 1, 2)
    promote(here, first, NOW, force="a test")
    push(here, url)
    [other] = with_models(there, tmp_path, 3)
    promote(there, other, NOW, force="a test")
    with pytest.raises(ConfigError, match="pull first"):
        push(there, url)
    with pytest.raises(ConfigError, match="push first"):
        pull(there, url)
    assert read_current(there) is not None and second in {entry.model for entry in listing(here)}


def test_a_model_that_was_changed_in_the_store_does_not_come_in(tmp_path: Path, url: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    [first] = with_models(here, tmp_path, 1)
    promote(here, first, NOW, force="a test")
    push(here, url)
    (tmp_path / "store" / "models" / first / "encoder" / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="is not what its id says"):
        pull(there, url)
    assert listing(there) == [] and read_current(there) is None


def test_a_model_that_is_half_sent_is_not_pulled_and_is_sent_again(tmp_path: Path, url: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    [first] = with_models(here, tmp_path, 1)
    push(here, url)
    (tmp_path / "store" / "models" / first / "manifest.json").unlink()
    assert pull(there, url) == [] and push(here, url) == [first] and pull(there, url) == [first]


def test_an_unknown_store_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="streamwatch\\[remote\\]"):
        pull(tmp_path, "nosuchstore://bucket")


def test_a_store_that_does_not_answer_may_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    write_model(tmp_path / "m", seed=1)
    add(tmp_path / "here", tmp_path / "m")
    with pytest.raises(RetryError):
        push(tmp_path / "here", f"file://{tmp_path}/file/below")


def test_what_the_id_says_nothing_of_stays_in_the_store(tmp_path: Path, url: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    [first] = with_models(here, tmp_path, 1)
    push(here, url)
    (tmp_path / "store" / "models" / first / "encoder" / "planted.bin").write_bytes(b"x")
    (tmp_path / "store" / "models" / first / "planted.pkl").write_bytes(b"x")
    assert pull(there, url) == [first]
    assert not [path for path in there.rglob("*") if path.name.startswith("planted")]


@pytest.mark.parametrize("name", ["/tmp/planted", "../planted", "a/../../planted", ""])
def test_a_name_in_a_store_does_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/registry/models/x", b"x")
    with pytest.raises(ModelError, match="leads out"):
        _fetch(files, "/registry/models/x", tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_a_gate_of_our_own_is_not_replaced_by_what_the_store_has(tmp_path: Path, url: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    [first] = with_models(here, tmp_path, 1)
    keep(here, first, b'{"theirs": 1}', "<!doctype html>")
    push(here, url)
    keep(there, first, b'{"ours": 1}', "<!doctype html>")
    pull(there, url)
    assert (there / "gates" / first / "gate.json").read_bytes() == b'{"ours": 1}'


def test_a_pointer_to_a_model_that_the_store_has_not_is_not_followed(tmp_path: Path, url: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    [first] = with_models(here, tmp_path, 1)
    promote(here, first, NOW, force="a test")
    push(here, url)
    (tmp_path / "store" / "models" / first / "manifest.json").unlink()
    with pytest.raises(ModelError, match="push again"):
        pull(there, url)
    assert read_current(there) is None


def test_the_commands_tell_programs_what_was_copied_and_what_serves(tmp_path: Path, url: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    [first] = with_models(here, tmp_path, 1)
    promote(here, first, NOW, force="a test")
    said = [
        json.loads(CliRunner().invoke(command, [url, "--registry", str(folder), "--json"]).stdout)
        for command, folder in ((push_command, here), (push_command, here), (pull_command, there))
    ]
    assert said == [
        {"sent": [first], "serves": first},
        {"sent": [], "serves": first},
        {"got": [first], "serves": first},
    ]


def test_progress_names_the_model_that_is_under_way(tmp_path: Path, url: str) -> None:
    here, heard = tmp_path / "here", []
    names = sorted(with_models(here, tmp_path, 1, 2))
    push(here, url, lambda *told: heard.append(told))
    pull(tmp_path / "there", url, lambda *told: heard.append(told))
    assert heard == [(0, 2, names[0]), (1, 2, names[1])] * 2
