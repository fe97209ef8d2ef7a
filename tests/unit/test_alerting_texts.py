"""One text is one voice, once in a day."""

from hypothesis import given
from hypothesis import strategies as st

from streamwatch.alerting.texts import Texts
from streamwatch.alerting.voices import voices
from streamwatch.timeline import DAY_MS, HOUR_MS
from streamwatch.trends.entry import Entry


def entry(text="t", sentiment="negative", series=("all",), author="", partition=0, offset=0):
    return Entry(text, sentiment, series, author, partition, offset)


def test_copies_in_one_bucket_are_one_voice_with_the_series_of_all():
    (voice,) = voices([entry(series=("all", "ticker:A"), offset=4), entry(series=("all", "ticker:B"), offset=9)])
    assert (voice.copies, voice.series) == (2, ("all", "ticker:A", "ticker:B"))


def test_copies_that_disagree_count_as_most_of_them_say_and_negative_when_even():
    assert voices([entry(sentiment=s) for s in ("positive", "neutral", "neutral")])[0].sentiment == "neutral"
    assert voices([entry(sentiment=s) for s in ("positive", "negative")])[0].sentiment == "negative"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["negative", "neutral"])), max_size=12), st.randoms())
def test_voices_do_not_depend_on_the_order_of_entries(texts, random):
    entries = [entry(text, sentiment, offset=i) for i, (text, sentiment) in enumerate(texts)]
    shuffled = entries.copy()
    random.shuffle(shuffled)
    assert voices(shuffled) == voices(entries)


def test_a_text_counts_again_after_the_horizon_and_not_before():
    texts = Texts(DAY_MS)
    assert texts.count("t", 0)
    assert not texts.count("t", DAY_MS)
    assert texts.count("t", DAY_MS + HOUR_MS)


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abcdef")), max_size=60), st.integers(0, 59))
def test_a_reload_anywhere_forgets_nothing(steps, split):
    whole, first = Texts(DAY_MS), Texts(DAY_MS)
    kept: dict[int, list[str]] = {}
    second, at_ms = None, 0
    for i, (hours, text) in enumerate(steps):
        at_ms += hours * HOUR_MS
        expected = whole.count(text, at_ms)
        if i == split:
            new, dropped = first.take_changes()
            kept = {hour: hashes for hour, hashes in new.items() if hour not in dropped}
            second = Texts(DAY_MS, kept)
        assert (second or first).count(text, at_ms) == expected


def test_hours_that_are_forgotten_are_named_so_that_the_store_drops_them():
    texts = Texts(DAY_MS)
    texts.count("a", 0)
    assert texts.take_changes() == ({0: ["a"]}, [])
    texts.count("b", 30 * HOUR_MS)
    assert texts.take_changes() == ({30 * HOUR_MS: ["b"]}, [0])
