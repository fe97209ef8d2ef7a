"""Terms: what marks the documents of an alert against the series' own past, whatever is written in them."""

import random
import time
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.alerting.diversity import Candidate, diverse, near_copies
from streamwatch.alerting.terms import LEAST_PAST, LOOKED_AT, N_TERMS, PRIOR, candidates, distinctive, z_score
from streamwatch.text.words import LONGEST, words

PAST = ["my flight was on time", "nice crew on my flight", "the flight left at noon", "thanks for the flight"] * 5
HOSTILE = {
    "right to left": "\u202egnp.exe\u202c שלום עולם",
    "zero width": "can\u200bcel\u200dled",
    "one word of 100 kB": "a" * 100_000,
    "one run of 100 kB": "航" * 100_000,
    "markup": "<script>alert(1)</script><b onmouseover='x'>",
    "escapes": "\x1b[31mred\x00\x07",
    "lone surrogate": "bad \ud83d half",
    "apostrophes": "'" * 50_000,
    "combining": "e" + "\u0301" * 50_000,
    "colours": "[bold]x[/bold] %s {0} $(ls)",
    "only numbers": "1 2 3 4.5 6,000 ٣ Ⅷ",
    "emoji": "👨‍👩‍👧‍👦🏳️‍🌈👍🏽" * 1000,
    "nothing": "",
}


def names(now: list[str], past: list[str] = PAST) -> list[str]:
    return [one.term for one in distinctive(now, past)]


def test_what_everybody_always_says_is_no_term():
    assert "flight" not in names(["my flight is cancelled", "cancelled my flight", "flight cancelled"] * 2)
    assert names(["my flight is cancelled", "cancelled my flight", "flight cancelled"] * 2) == ["cancelled"]


def test_the_score_is_that_of_the_paper_in_its_limit():
    """Monroe et al., eq. 16 and 22, where a term is rare in many documents: the two parts that the paper drops vanish."""
    y, n, y_past, n_past = 40, 100_000, 10, 100_000
    alpha = PRIOR * 50 / 200_000
    delta = _log_odds(y + alpha, n + PRIOR) - _log_odds(y_past + alpha, n_past + PRIOR)
    assert z_score(y, n, y_past, n_past) == pytest.approx(
        delta / (1 / (y + alpha) + 1 / (y_past + alpha)) ** 0.5, rel=1e-3
    )


def _log_odds(y: float, n: float) -> float:
    return log(y / (n - y))


@given(st.integers(0, 24), st.integers(0, 48))
def test_a_score_is_finite_and_has_the_sign_of_the_difference(y, y_past):
    z = z_score(y, 24, y_past, 48)
    assert (z > 1e-9) == (y / 24 > y_past / 48)
    assert abs(z) < 10


@pytest.mark.parametrize("n_past", [0, 1, LEAST_PAST - 1])
def test_without_enough_past_terms_are_the_words_of_most_documents(n_past):
    now = ["the flight is cancelled", "the hotel was full", "cancelled and no hotel", "they cancelled"]
    found = distinctive(now, PAST[:n_past])
    assert [(one.term, one.n_documents, one.z) for one in found] == [("cancelled", 3, None), ("hotel", 2, None)]
    assert found[0].share_of_documents == 0.75


def test_a_word_counts_once_a_document_and_one_document_makes_no_term():
    assert names(["scam scam scam scam", "the bag is lost", "no bag"]) == ["bag"]


def test_a_pair_stands_for_its_words_where_they_always_come_together():
    assert names(["stuck on hold", "on hold for hours", "an hour on hold"]) == ["on hold"]
    assert names(["bag lost", "bag gone", "bag lost", "no bag"])[0] == "bag"


def test_stop_words_stand_only_where_they_are_really_distinctive():
    assert names(["off to bed, bags", "off to work, bags"], PAST) == ["bags"]
    now = [f"that was not {word}" for word in ["right", "fair", "good", "nice", "safe", "true", "kind", "well"]] * 2
    assert "was not" in names(now)


def test_chinese_is_cut_into_pieces_and_the_longest_that_always_come_together_stay():
    now = ["航班延误了", "又是航班延误", "航班延误，没有人"]
    assert names(now, ["今天天气很好", "服务很好"] * 5) == ["航班延误"]


def test_a_short_word_is_no_part_of_a_long_one_of_another_script():
    assert set(names(["он телефон", "телефон, он", "телефон: он"])) == {"он", "телефон"}


def test_other_scripts_keep_their_vowel_signs():
    assert [word.text for word in words("उड़ान रद्द हुई")] == ["उड़ान", "रद्द", "हुई"]
    assert [word.text for word in words("die Züge fallen aus")] == ["die", "züge", "fallen", "aus"]


def test_an_emoji_can_be_a_term_and_a_ticker_cannot():
    assert names(["$ACME 😡 http://a.b/c @ann", "😡 $ACME down 12 http://a.b/d @ann"]) == ["😡"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_only_text(text):
    found = distinctive([text, f"{text} ", f"x {text}"], PAST)
    assert len(found) <= N_TERMS
    assert all(0 < len(one.term) <= 2 * LONGEST + 1 and one.n_documents <= 3 for one in found)
    assert all(one.term.isprintable() and "<" not in one.term and "[" not in one.term for one in found)


@given(st.lists(st.text(max_size=60), max_size=12), st.lists(st.text(max_size=60), max_size=12), st.randoms())
def test_terms_do_not_depend_on_the_order_of_documents(now, past, shuffling):
    again, before = list(now), list(past)
    shuffling.shuffle(again)
    shuffling.shuffle(before)
    assert distinctive(now, past) == distinctive(again, before)


@given(st.lists(st.text(alphabet="ab 的 \u200d'\u0301😡1", max_size=80), max_size=6))
def test_every_term_is_in_as_many_documents_as_it_says(now):
    for one in distinctive(now, []):
        assert one.n_documents == sum(one.term in candidates(text) for text in now)


@pytest.mark.parametrize("script", ["words", "same words", "runs", "one word"])
def test_72_documents_of_20000_characters_take_less_than_a_fifth_of_a_second(script):
    draw = random.Random(7)
    make = {
        "words": lambda: " ".join(f"w{draw.randrange(10**4)}" for _ in range(4000)),
        "same words": lambda: " ".join(f"w{i}" for i in draw.sample(range(450), 450)) * 10,
        "runs": lambda: "，".join("".join(chr(0x4E00 + draw.randrange(300)) for _ in range(9)) for _ in range(2000)),
        "one word": lambda: "x" * 20_000,
    }[script]
    now, past = [make() for _ in range(24)], [make() for _ in range(48)]
    told = [Candidate(i, text, "", i, 1, None) for i, text in enumerate(now)]
    best = min(_seconds(told, now, past) for _ in range(3))
    assert best < 0.2, f"{best:.3f} s with at most {LOOKED_AT} terms compared"


def _seconds(told: list[Candidate], now: list[str], past: list[str]) -> float:
    started = time.process_time()
    diverse(near_copies(told))
    distinctive(now, past)
    return time.process_time() - started
