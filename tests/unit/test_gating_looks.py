"""Fresh answers are used up by being asked: the more candidates they have judged, the more a further one must show."""

from pathlib import Path

import numpy as np
import pytest
from tiny_models import write_model

from streamwatch.errors import ModelError
from streamwatch.gating.accuracy import gain
from streamwatch.gating.looks import Look, asked_before, note, read_looks
from streamwatch.inference.opening import SHIPPED
from streamwatch.models.gated import keep
from streamwatch.models.registry import add
from streamwatch.models.remote import pull, push
from streamwatch.models.removal import remove

NOW = "2026-01-05T08:00:00Z"
ANSWERS = tuple(f"{i:04x}" for i in range(400))
BETTER = np.array([1.0] * 40 + [-1.0] * 20 + [0.0] * 340)  # p is about .005


def test_a_gain_that_shows_at_the_first_look_is_not_enough_at_the_fourth() -> None:
    weight = np.ones(400)
    assert [gain(BETTER, weight, asked_before=n).status for n in (0.0, 1.0, 3.0, 4.0)] == [
        "passed",
        "passed",
        "passed",
        "failed",
    ]
    assert "97.5 % confidence (asked 1.0 times before)" in gain(BETTER, weight, asked_before=1.0).says


def test_answers_that_judged_too_many_candidates_refuse_until_there_are_new_ones() -> None:
    found = gain(BETTER, np.ones(400), asked_before=6.0)
    assert (found.status, found.missing) == ("short", 80)
    looks = [Look(f"c{i}", NOW, ANSWERS) for i in range(6)]
    assert asked_before(looks, "next", [*ANSWERS, *(f"new{i}" for i in range(80))]) == 5.0


def test_equal_candidates_in_a_row_on_the_same_answers_pass_with_less_than_a_tenth() -> None:
    passed, random = 0, np.random.default_rng(1)
    for _ in range(40):
        several = random.choice([-1.0, 0.0, 1.0], size=(5, 400), p=[0.05, 0.9, 0.05])
        passed += any(gain(one, np.ones(400), asked_before=k).status == "passed" for k, one in enumerate(several))
    assert passed < 8  # four are expected at most; at 5 % each there would be nine


def test_the_same_candidate_on_the_same_answers_is_one_look_and_on_more_of_them_another(tmp_path: Path) -> None:
    for answers in (ANSWERS, ANSWERS[::-1], ANSWERS[:300]):
        note(tmp_path, Look("1f0c", NOW, answers))
    assert [len(look.answers) for look in read_looks(tmp_path)] == [400, 300]
    note(tmp_path, Look("77aa", "2026-01-06T08:00:00Z", ANSWERS))
    assert asked_before(read_looks(tmp_path), "1f0c", ANSWERS) == 0.0  # as it was when it was gated
    (tmp_path / "gates" / "77aa" / "looks.json").unlink()
    assert asked_before(read_looks(tmp_path), "77aa", ANSWERS) == 1.75


def test_looks_outlive_their_candidate_and_go_along_to_another_place(tmp_path: Path) -> None:
    write_model(tmp_path / "m")
    name = add(tmp_path / "here", tmp_path / "m")
    keep(tmp_path / "here", name, b"{}", "<!doctype html>")
    note(tmp_path / "here", Look(name, NOW, ANSWERS))
    push(tmp_path / "here", f"file://{tmp_path}/store")
    pull(tmp_path / "there", f"file://{tmp_path}/store")
    assert read_looks(tmp_path / "there") == read_looks(tmp_path / "here")
    remove(tmp_path / "here", SHIPPED, young_s=-1)
    assert [path.name for path in (tmp_path / "here" / "gates" / name).iterdir()] == ["looks.json"]
    assert asked_before(read_looks(tmp_path / "here"), "next", ANSWERS) == 1.0


def test_a_file_of_looks_that_was_spoiled_is_told_of_and_not_taken_for_none(tmp_path: Path) -> None:
    note(tmp_path, Look("1f0c", NOW, ANSWERS))
    (tmp_path / "gates" / "1f0c" / "looks.json").write_text("[")
    with pytest.raises(ModelError, match=r"looks\.json cannot be read"):
        read_looks(tmp_path)
