"""Signatures: a function of the words alone, of 32 bits whatever the text, like only where most words are shared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.text.signature import alike, n_alike, signature

TEXT = "Sell ACME now because their heaters burn houses down and they hide every report about it from the press"
LONG = TEXT.split()


@given(st.text())
def test_any_text_has_a_signature_of_32_bits(text):
    assert 0 <= signature(text) < 2**32


@given(st.permutations(LONG))
def test_neither_order_nor_case_nor_punctuation_matter(words):
    assert signature(" ... ".join(words).upper()) == signature(" ".join(LONG))


@given(st.text(), st.text())
def test_likeness_is_symmetric_and_a_text_with_words_is_like_itself(a, b):
    assert alike(signature(a), signature(b)) == alike(signature(b), signature(a))
    assert alike(signature(a), signature(a)) == (signature(a) != 0)


def test_most_texts_with_one_word_changed_are_alike_and_unlike_ones_are_not():
    changed = [" ".join([*LONG[:i], "reportedly", *LONG[i + 1 :]]) for i in range(len(LONG))]
    assert sum(alike(signature(" ".join(LONG)), signature(text)) for text in changed) >= 0.9 * len(LONG)
    assert not alike(signature(" ".join(LONG)), signature("My flight was cancelled and nobody answers the phone"))


@pytest.mark.parametrize("text", ["", "...", "1 2 3", "http @user", "a" * 100_000])
def test_a_text_without_words_is_like_nothing(text):
    assert signature(text) == 0
    assert not alike(signature(text), signature(text))


@pytest.mark.parametrize("damaged", [-1, 2**32, 2**70 + 5])
def test_a_damaged_signature_is_no_error(damaged):
    alike(damaged, signature("some words"))


@given(st.integers(0, 2**32 - 1), st.lists(st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 2**12)), max_size=24))
def test_counting_the_alike_is_asking_for_each(one: int, others: list[int]):
    others = [*others, one, one ^ 7, one >> 8]
    assert n_alike(one, others) == sum(alike(one, other) for other in others)
