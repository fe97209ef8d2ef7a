"""Which documents are shown: at least five different texts where they exist, different authors first, in any order of
arrival.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.alerting.diversity import LEAST, SHOWN, Candidate, diverse, folded, near_copies

TEXTS = [
    "cancelled again and no refund",
    "cancelled again and no refund!!",
    "cancelled again and no refund please",
    "four hours on the tarmac",
    "my bags are lost",
    "nobody answers the phone",
    "why is the app down",
    "航班延误四个小时",
    "航班延误四个小时了",
    "😡😡😡",
    "...",
    "the gate agent left",
]


def candidate(i: int, text: str, author: str = "", p: float | None = None, copies: int = 1) -> Candidate:
    return Candidate(i, text, author, 1000 * i, copies, p)


told = st.lists(
    st.builds(
        lambda text, author, p, copies: (text, author, p, copies),
        st.sampled_from(TEXTS),
        st.sampled_from(["", "ann", "bob", "cid"]),
        st.none() | st.floats(0, 1),
        st.integers(1, 9),
    ),
    max_size=24,
)


def candidates(rows: list[tuple[str, str, float | None, int]]) -> list[Candidate]:
    return [candidate(i, *row) for i, row in enumerate(rows)]


@given(told, st.randoms())
def test_what_is_shown_does_not_depend_on_the_order_of_arrival(rows, random):
    one = candidates(rows)
    other = list(one)
    random.shuffle(other)
    assert diverse(near_copies(one)) == diverse(near_copies(other))


@given(told)
def test_five_different_texts_are_shown_whenever_five_exist(rows):
    shown = diverse(near_copies(candidates(rows)))
    texts = {one.text for one in shown}
    assert len(texts) == len(shown) <= SHOWN
    assert len(texts) >= min(LEAST, len({row[0] for row in rows}))


@given(told)
def test_folding_loses_no_copy(rows):
    groups = near_copies(candidates(rows))
    assert sum(folded(group).copies for group in groups) == sum(row[3] for row in rows)
    if len(groups) <= SHOWN:
        assert sum(one.copies for one in diverse(groups)) == sum(row[3] for row in rows)


@given(told)
def test_no_author_is_shown_twice_before_everyone_was_shown_once(rows):
    one = candidates(rows)
    groups = near_copies(one)
    if len(groups) < LEAST:
        return
    shown = [c.author for c in diverse(groups)]
    firsts = {folded(group).author for group in groups if folded(group).author}
    repeated = [i for i, author in enumerate(shown) if author and author in shown[:i]]
    if repeated:
        assert firsts <= set(shown[: repeated[0]])


def test_a_chain_of_variations_is_one_group():
    words = [f"w{i}" for i in range(30)]
    chain = [candidate(i, " ".join(words[i : i + 20])) for i in range(0, 10, 2)]
    assert [len(group) for group in near_copies(chain)] == [5]


def test_the_most_negative_comes_first_and_the_next_is_far_from_it():
    rows = [("bags lost", 0.9), ("phone dead", 0.95), ("app down", 0.9), ("crew gone", 0.9)]
    shown = diverse([[candidate(i, text, p=p)] for i, (text, p) in enumerate(rows)])
    assert [one.text for one in shown][:2] == ["phone dead", "crew gone"]


@pytest.mark.parametrize("text", ["...", "1 2 3", "😡", "航", "x" * 100_000])
def test_texts_of_few_words_are_near_copies_only_of_themselves(text):
    others = ["!!!", "4 5", "🎉", "延", "y" * 100_000]
    groups = near_copies([candidate(i, one) for i, one in enumerate([text, *others, text])])
    assert sorted(map(len, groups)) == [1, 1, 1, 1, 1, 2]


def test_nothing_is_shown_of_nothing():
    assert diverse(near_copies([])) == []
