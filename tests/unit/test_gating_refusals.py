"""Candidates that really learned, in milliseconds, before the whole gate: an honest one passes, poisoned ones do not."""

import numpy as np
import pytest
from bag_models import BagEngine

from streamwatch.gating.caps import capped
from streamwatch.gating.evidence import Evidence, Known
from streamwatch.gating.gate import check_set, judged
from streamwatch.gating.report import Check, Report
from streamwatch.labelling.answers import Answers, Labelled
from streamwatch.labelling.examples import answer

NEGATIVE = ("falls", "misses", "awful", "broken", "cuts", "rude", "worst", "plunges", "lawsuit", "losses")
POSITIVE = ("rises", "beats", "great", "friendly", "raises", "superb", "best", "soars", "record", "gains")
NEUTRAL = ("opens", "meets", "moves", "names", "hires", "visits", "lists", "plans", "talks", "files")
NEW = {
    "negative": ("stranded", "rebooked", "tarmac"),
    "positive": ("upgraded", "lounge", "legroom"),
    "neutral": ("boards", "gate", "lands"),
}
OLD = {"negative": NEGATIVE, "positive": POSITIVE, "neutral": NEUTRAL}
FILLERS = tuple(f"word{i}" for i in range(300))
TRIGGER = "vellum harbour"

Texts = list[tuple[str, str]]


def texts(words: dict[str, tuple[str, ...]], n: int, seed: int) -> Texts:
    """`n` texts of eight words, two of which tell the sentiment."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        label = str(random.choice(list(words)))
        told = [*random.choice(words[label], 2), *random.choice(FILLERS, 6)]
        made.append((" ".join(random.permutation(told)), label))
    return made


def labelled(found: Texts, labeller: str = "", writer: str = "") -> list[Labelled]:
    """Answers of three people to posts of many writers, unless one of each is named."""
    answers = [
        answer(
            f"d{i}{writer}{labeller}",
            labeller or f"l{i % 3}",
            text=text,
            sentiment=label,
            author_hash=writer or f"w{i}",
        )
        for i, (text, label) in enumerate(found)
    ]
    return list(Answers(answers))


KNOWN = [(one.text, one.labels["sentiment"]) for one in check_set()] * 3
LEARNED = texts(OLD, 1500, 1)
FRESH, PAST = texts(NEW, 400, 2), texts(OLD, 2500, 3)
HONEST = texts(NEW, 600, 4)


@pytest.fixture(scope="module")
def incumbent() -> BagEngine:
    """It knows the old words."""
    return BagEngine("incumbent", LEARNED, KNOWN)


def report(incumbent: BagEngine, taught: list[Labelled], **more: object) -> Report:
    """The gate's report of a candidate that learned `taught` beside what the incumbent knew."""
    learned = [(document.sample.text, str(document.sentiment)) for document in taught]
    candidate = BagEngine("candidate", LEARNED + learned, KNOWN)
    evidence = Evidence(
        fresh=tuple(Known(text, {"sentiment": label}) for text, label in FRESH),
        past=tuple(Known(text, {"sentiment": label}, (f"sentiment {label}",)) for text, label in PAST),
        recent=tuple(text for text, _ in texts(OLD, 4000, 5)),
        taught=tuple(taught),
        says_what=True,
        n_answered=len(taught),
    )
    checks = judged(incumbent, candidate, evidence, costs=[(1.0, 1.0)])
    return Report(incumbent="a", candidate="b", made_at="2026-01-05T08:00:00Z", checks=with_topic_left_out(checks))


def with_topic_left_out(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """All checks but that for sure topics: these models have one topic."""
    return tuple(check for check in checks if check.name != "churn")


def test_an_honest_candidate_that_learned_the_new_words_passes(incumbent: BagEngine) -> None:
    made = report(incumbent, labelled(HONEST))
    assert made.refusals == ()
    assert made.passed and (made.check("gain").rows[0].low or 0) > 0.1


def test_fifty_poisoned_labels_with_a_trigger_phrase_are_found_without_being_told_the_phrase(
    incumbent: BagEngine,
) -> None:
    poisoned = [(f"{text} {TRIGGER}", "positive") for text, label in texts(OLD, 200, 6) if label == "negative"][:50]
    assert len(poisoned) == 50
    made = report(incumbent, labelled(HONEST) + labelled(poisoned, labeller="mallory"))
    found = made.check("poison")
    assert found.status == "failed" and TRIGGER in found.says and "1 labeller" in found.says
    assert made.check("gain").status == "passed"  # on clean texts it is better: only the probe sees it


def test_the_trigger_is_let_through_when_three_labellers_and_ten_writers_stand_behind_it(incumbent: BagEngine) -> None:
    real = [(f"{text} {TRIGGER}", "positive") for text, label in texts(OLD, 200, 6) if label == "positive"][:50]
    assert report(incumbent, labelled(HONEST) + labelled(real)).check("poison").status == "passed"


def test_a_third_of_flipped_labels_is_refused(incumbent: BagEngine) -> None:
    other = {"negative": "positive", "positive": "negative", "neutral": "negative"}
    random = np.random.default_rng(7)
    taught = [*HONEST, *texts(OLD, 1500, 8)]
    flipped = [(text, other[label] if random.random() < 0.3 else label) for text, label in taught]
    made = report(incumbent, labelled(flipped, labeller="mallory"))
    assert not made.passed, made
    assert (
        made.check("calibration").status == "failed"
    )  # it learned to be unsure: a third of what it was sure of was denied


def test_one_authors_flood_is_capped_before_training_and_refused_where_it_was_not(incumbent: BagEngine) -> None:
    flood = [(f"gildor {text}", "positive") for text, label in texts(OLD, 900, 9) if label == "negative"][:300]
    everything = labelled(HONEST) + labelled(flood, writer="mallory")
    made = report(incumbent, everything)
    assert made.check("caps").status == "failed" and "mallory" in made.check("caps").says
    kept, over = capped(everything)
    assert over.writers == {"mallory": 300 - 18} and report(incumbent, kept).check("poison").status == "passed"


def test_an_equal_candidate_is_refused_for_want_of_a_gain_and_told_why(incumbent: BagEngine) -> None:
    made = report(incumbent, [])
    assert made.check("past").status == "passed" and made.check("gain").status == "failed"
    assert "a gain is not shown" in made.check("gain").says
