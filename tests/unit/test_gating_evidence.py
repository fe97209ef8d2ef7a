"""What counts as evidence: nothing that the candidate has seen, by its letters or nearly so, and nothing that is hidden."""

import numpy as np

from streamwatch.gating.accuracy import not_worse
from streamwatch.gating.evidence import Evidence, Known, gathered
from streamwatch.gating.gate import judged
from streamwatch.gating.limits import Limits
from streamwatch.gating.phrases import tied
from streamwatch.gating.poison import probe, suspects
from streamwatch.gating.trained_on import TrainedOn
from streamwatch.inference.engine import NullEngine
from streamwatch.labelling.answers import Answers, Labelled
from streamwatch.labelling.examples import answer
from streamwatch.learning.split import place


def held_out(stem: str) -> str:
    """A text on the gate's side that begins like that."""
    return next(text for i in range(99) if place(text := f"{stem} {'abcdefghij'[i % 10]}{'xyz'[i % 3]}{i}") < 5000)


def trained(*texts: str) -> TrainedOn:
    return TrainedOn(frozenset(map(TrainedOn.hash, texts)))


def test_a_near_copy_of_what_was_learned_is_no_fresh_answer() -> None:
    copy = held_out("Delta cancels flights to Boston after storm warning today")
    other = held_out("Gold rises on weak dollar while traders wait")
    learned = "Delta cancels flights to Boston after storm warning"
    said = [
        answer("a", "ana", text=learned, sentiment="negative", drawn_as="margin"),
        answer("b", "ana", text=copy, sentiment="negative"),
        answer("c", "ana", text=other, sentiment="positive"),
    ]
    assert [one.text for one in gathered(Answers(said), trained_on=trained(learned)).fresh] == [other]


def test_answers_that_were_taken_back_after_the_training_do_not_hide_from_the_probe() -> None:
    texts = [f"planted text {i}" for i in range(12)]
    evidence = gathered(Answers(answer(f"d{i}", "mallory", text=t, verdict="undone") for i, t in enumerate(texts)),
                        trained_on=trained(*texts))  # fmt: skip
    clean = [f"clean text {i}" for i in range(200)]
    found = probe(NullEngine(), NullEngine(), evidence.taught, clean, n_unknown=evidence.n_unknown)
    assert (found.status, found.missing) == ("short", 12) and "--labels" in found.says


def labelled(texts: list[str], label: str, name: str, n_people: int) -> list[Labelled]:
    answers = (
        answer(f"{name}{i}", f"{name}{i % n_people}", text=text, sentiment=label, author_hash=f"{name}{i % n_people}")
        for i, text in enumerate(texts)
    )
    return list(Answers(answers))


def test_words_that_many_stand_behind_do_not_crowd_out_a_planted_phrase() -> None:
    words = [f"word{i}" for i in range(20)]  # each tied to its class more surely than the phrase is
    many = [f"{word} n{i}{word}" for word in words for i in range(60)]
    other = [f"other o{i} p{i}" for i in range(1200)]
    planted = [f"vellum q{i} r{i}" for i in range(12)]
    taught = [
        *labelled(many, "positive", "l", 30), *labelled(other, "neutral", "k", 30), *labelled(planted, "positive", "mallory", 1),
    ]  # fmt: skip
    assert "vellum" not in {one.phrase for one in tied([(d.sample.text, str(d.sentiment)) for d in taught])}
    assert [one.phrase for one, _ in suspects(taught, "sentiment")] == ["vellum"]


def test_documents_that_one_outweighs_do_not_show_that_the_past_is_kept() -> None:
    equal, weights = np.zeros(2500), np.ones(2500)
    weights[0] = 1e9
    assert not_worse({"topic": equal}, {"topic": np.ones(2500)}, Limits()).status == "passed"
    assert not_worse({"topic": equal}, {"topic": weights}, Limits()).status == "noted"


def test_a_task_that_nobody_labelled_is_calibrated_on_the_check_set() -> None:
    fresh = tuple(Known(f"text {i}", {"sentiment": "neutral"}) for i in range(600))
    checks = judged(NullEngine(), NullEngine(), Evidence(fresh=fresh), costs=[(1.0, 1.0)])
    [calibration] = [check for check in checks if check.name == "calibration"]
    assert {row.name for row in calibration.rows} == {"sentiment", "topic"}
