"""What a model may learn from: no writer and no labeller stands behind more than his cap."""

from typing import Any

from streamwatch.gating.caps import Caps, capped
from streamwatch.labelling.answers import Answers
from streamwatch.labelling.examples import answer
from streamwatch.records import Answer


def said(name: str, labeller: str, **fields: Any) -> Answer:
    return answer(name, labeller, **({"sentiment": "negative", "text": f"text of {name} alone"} | fields))


def test_one_writer_brings_no_more_than_his_cap_whatever_he_floods() -> None:
    flood = [said(f"f{i}", "ana", author_hash="mallory") for i in range(900)]
    rest = [said(f"r{i}", f"l{i % 4}", author_hash=f"w{i}") for i in range(1100)]
    kept, over = capped(Answers(flood + rest))
    assert sum(document.sample.author_hash == "mallory" for document in kept) == 40 and over.writers == {"mallory": 860}
    assert len(kept) == 1140


def test_one_labeller_brings_no_more_than_half_also_when_he_is_alone() -> None:
    mine = [said(f"m{i}", "ana") for i in range(30)]
    others = [said(f"o{i}", "ben") for i in range(10)]
    caps = Caps(labeller_floor=5)
    assert capped(Answers(mine + others), caps).over.labellers == {"ana": 10}
    assert capped(Answers(mine), caps).over.labellers == {"ana": 15}


def test_a_long_day_of_one_person_is_learned_whole_and_second_opinions_make_room_for_more() -> None:
    day = [said(f"m{i}", "ana") for i in range(500)]
    assert capped(Answers(day)).over.labellers == {}
    week = [said(f"m{i}", "ana") for i in range(2000)]
    assert len(capped(Answers(week)).kept) == 1000
    assert len(capped(Answers([*week, said("other", "ben")])).kept) == 1001  # and no fewer for having a colleague
    assert len(capped(Answers([*week, *(said(f"m{i}", "ben") for i in range(500))])).kept) == 1500


def test_what_two_agreed_on_counts_against_neither() -> None:
    both = [said(f"m{i}", who) for i in range(30) for who in ("ana", "ben")]
    assert len(capped(Answers(both), Caps(labeller_floor=1, labeller_share=0.01)).kept) == 30


def test_unknown_authors_are_not_capped() -> None:
    assert len(capped(Answers(said(f"n{i}", f"l{i % 3}") for i in range(400))).kept) == 400


def test_what_stays_does_not_depend_on_the_order() -> None:
    flood = [said(f"f{i}", "ana", author_hash="mallory") for i in range(50)]
    kept = {document.id for document in capped(Answers(flood)).kept}
    assert kept == {document.id for document in capped(Answers(reversed(flood))).kept}
    assert kept != {f"f{i}" for i in range(5)}
