"""What a model may learn from: within the caps of writers and labellers, and nothing that the gate measures on."""

from typing import Any

from streamwatch.gating.caps import Caps, capped
from streamwatch.gating.holdout import document_hash, is_held_out, split
from streamwatch.labelling.answers import Answers
from streamwatch.labelling.examples import answer
from streamwatch.records import Answer


def said(name: str, labeller: str, **fields: Any) -> Answer:
    return answer(name, labeller, **({"sentiment": "negative", "text": f"text of {name} alone"} | fields))


def test_one_writer_brings_no_more_than_his_cap_whatever_he_floods() -> None:
    flood = [said(f"f{i}", "ana", author_hash="mallory") for i in range(900)]
    rest = [said(f"r{i}", f"l{i % 4}", author_hash=f"w{i}") for i in range(1100)]
    kept, over = capped(Answers(flood + rest))
    assert sum(document.sample.author_hash == "mallory" for document in kept) == 20 and over.writers == {"mallory": 880}
    assert len(kept) == 1120


def test_one_labeller_brings_no_more_than_half_unless_he_is_alone() -> None:
    mine = [said(f"m{i}", "ana") for i in range(30)]
    others = [said(f"o{i}", "ben") for i in range(10)]
    caps = Caps(labeller_floor=5)
    assert capped(Answers(mine + others), caps).over.labellers == {"ana": 10}
    assert capped(Answers(mine), caps).over.labellers == {}


def test_what_two_agreed_on_counts_against_neither() -> None:
    both = [said(f"m{i}", who) for i in range(30) for who in ("ana", "ben")]
    assert len(capped(Answers(both), Caps(labeller_floor=1, labeller_share=0.01)).kept) == 30


def test_unknown_authors_are_not_capped() -> None:
    assert len(capped(Answers(said(f"n{i}", f"l{i % 3}") for i in range(400))).kept) == 400


def test_what_stays_does_not_depend_on_the_order() -> None:
    flood = [said(f"f{i}", "ana", author_hash="mallory") for i in range(50)]
    kept = {document.id for document in capped(Answers(flood)).kept}
    assert kept == {document.id for document in capped(Answers(reversed(flood))).kept}
    assert kept != {f"f{i}" for i in range(10)}


def test_half_of_the_uniform_part_is_held_out_and_nothing_else() -> None:
    answers = Answers(
        said(f"{how}{i}", "ana", drawn_as=how, text=f"{how} number {chr(97 + i % 26)}{i} and word{i * 7}")
        for how in ("uniform", "margin", "novel")
        for i in range(400)
    )
    parts = split(answers)
    assert all(document.sample.drawn_as == "uniform" for document in parts.held)
    assert 150 < len(parts.held) < 250


def test_a_copy_of_a_held_out_text_is_not_learned_from_however_it_was_drawn() -> None:
    text = next(text for text in map("Delta cancels {} flights from Atlanta today".format, "abcdef") if held(text))
    answers = Answers([
        said("d1", "ana", text=text),
        said("d2", "ana", text=f"RT @jo: {text}", drawn_as="margin"),
        said("d3", "ana", text=f"{text} wow", drawn_as="novel"),
        said("d4", "ana", text="Something else entirely", drawn_as="margin"),
    ])  # fmt: skip
    parts = split(answers)
    assert [document.id for document in parts.learn] == ["d4"] and parts.n_copies == 2
    assert document_hash(answers["d1"]) == document_hash(answers["d2"])


def test_personal_data_is_in_no_part() -> None:
    parts = split(Answers([said("d1", "ana"), said("d1", "ben", verdict="personal_data")]))
    assert parts == ([], [], 0)


def held(text: str) -> bool:
    return is_held_out(Answers([said("x", "ana", text=text)])["x"])
