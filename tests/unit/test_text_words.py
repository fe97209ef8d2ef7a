"""Words: the same whichever way they are found, in any script, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.text.words import LONGEST, READ_CHARS, word_set, words

CASES = {
    "links": ("see HTTPS://A.b/C?d=1 or www.x.y now", ["see", "or", "now"]),
    "masked": ("http @user says http", ["says"]),
    "tickers": ("$AAPL $brk.b falls $5m", ["falls", "5m"]),
    "numbers": ("3 of 4.5 in 2015 at 9am, 737max", ["of", "in", "at", "9am", "737max"]),
    "apostrophes": ("don't ‘quote’ it’s rock 'n' roll", ["don't", "quote", "it's", "rock", "n", "roll"]),
    "hashtags": ("#Fail #never_again", ["fail", "never", "again"]),
    "arabic": ("تأخير الرحلة", ["تأخير", "الرحلة"]),
    "russian": ("Рейс ОТМЕНЁН", ["рейс", "отменён"]),
    "korean": ("항공편 지연", ["항공편", "지연"]),
    "japanese": ("フライト遅延", ["フライト遅延"]),
    "nothing": (" \u200b\u202e ...", []),
}
PARTS = ["http://a", "www.b", "https", "@c", "$d.e", "f'g", "_", "h_i", "7", "'", "#", "x1"]


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_words_are_what_people_would_call_so(text, expected):
    assert [word.text for word in words(text)] == expected


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=200))
def test_ascii_is_read_like_everything_else(text):
    assert word_set(text) == {word.text for word in words(text)}


@given(st.lists(st.sampled_from(PARTS), max_size=9))
def test_ascii_with_marks_is_read_like_everything_else(parts):
    for text in ("".join(parts), " ".join(parts)):
        assert word_set(text) == {word.text for word in words(text)}


@given(st.text(max_size=3000))
def test_words_are_bounded(text):
    found = list(words(text))
    assert sum(len(word.text) for word in found) <= 2 * READ_CHARS
    assert all(0 < len(word.text) <= LONGEST or word.run for word in found)
