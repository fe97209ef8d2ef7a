"""Who is given which document: leases, the order, and what is agreed on."""

from pathlib import Path

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.config import Settings
from streamwatch.errors import ConfigError
from streamwatch.labelling.agreement import agreement, kappa
from streamwatch.labelling.answers import Answers, key_of, read_file
from streamwatch.labelling.examples import answer, sample
from streamwatch.labelling.exports.table import write_jsonl
from streamwatch.labelling.leases import LEASE_MS, Leases
from streamwatch.labelling.queue import HOT_IN_A_ROW, in_order, mixed, next_document
from streamwatch.labelling.stats import lines, summary
from streamwatch.records import DriftSample


def drawn(**how: str) -> list[DriftSample]:
    """Samples by id, drawn as said."""
    return [sample(name, drawn_as=kind) for name, kind in how.items()]


@pytest.fixture
def leases(redis_settings: Settings) -> Leases:
    """Leases in the session's Redis."""
    return Leases(redis.Redis.from_url(redis_settings.redis), redis_settings.prefix)


# -- leases


def test_a_document_is_leased_to_one_and_given_back_by_nobody_else(leases: Leases) -> None:
    assert leases.take("d1", "ana")
    assert leases.take("d1", "ana")
    assert not leases.take("d1", "ben")
    leases.give_back("d1", "ben")
    assert leases.holders(["d1", "d2"]) == {"d1": "ana"}
    leases.give_back("d1", "ana")
    assert leases.holders(["d1"]) == leases.holders([]) == {}
    assert leases.take("d1", "ben")


def test_a_lease_ends_by_itself(leases: Leases) -> None:
    leases.take("d1", "ana")
    [name] = leases._redis.keys(f"{leases._base}*")
    assert 0 < leases._redis.pttl(name) <= LEASE_MS == 600_000


def test_two_labellers_get_different_documents_and_a_page_loaded_again_the_same(leases: Leases) -> None:
    samples = drawn(a="margin", b="margin", c="uniform")
    given = [next_document(samples, Answers(), leases, who) for who in ("ana", "ben", "ana", "cleo", "dan")]
    assert [one and one.id for one in given] == ["a", "b", "a", "c", None]


def test_what_is_answered_or_withdrawn_is_given_to_nobody(leases: Leases) -> None:
    samples = drawn(a="margin", b="uniform", c="uniform")
    answers = Answers([answer("a", "ana", topic="earnings"), answer("b", "ana", verdict="personal_data")])
    first = next_document(samples, answers, leases, "ben")
    assert first is not None
    assert first.id == "c"
    assert [one.id for one in in_order(samples, answers, "ben")] == ["c"]


# -- order


def test_a_uniform_document_is_asked_again_and_one_on_which_people_differ_a_third_time() -> None:
    samples = drawn(u="uniform", m="margin")
    answers = Answers([answer("u", "ana", topic="earnings"), answer("m", "ana", topic="earnings")])
    assert [one.id for one in in_order(samples, answers, "ben")] == ["u"]
    assert list(in_order(samples, answers, "ana")) == []
    answers.apply(answer("u", "ben", topic="markets"))
    assert [one.id for one in in_order(samples, answers, "cleo")] == ["u"]
    answers.apply(answer("u", "cleo", topic="macro"))
    assert list(in_order(samples, answers, "dan")) == []


@given(st.lists(st.sampled_from(["uniform", "margin", "novel"]), max_size=40), st.integers(0, 50))
@settings(deadline=None)
def test_every_document_comes_once_and_every_third_is_a_uniform_one(kinds: list[str], n_done: int) -> None:
    samples = [sample(f"d{n}", drawn_as=kind) for n, kind in enumerate(kinds)]
    ordered = list(mixed(samples, n_done))
    assert sorted(one.id for one in ordered) == sorted(one.id for one in samples)
    plain = [one.drawn_as == "uniform" for one in ordered]
    n_hot, n_plain = plain.count(False), plain.count(True)
    start = n_done % (HOT_IN_A_ROW + 1)
    for place in range(min(len(plain), 30)):
        hot, uniform = plain[:place].count(False), plain[:place].count(True)
        if hot < n_hot and uniform < n_plain:
            assert plain[place] == ((start + place) % (HOT_IN_A_ROW + 1) == HOT_IN_A_ROW)


# -- what is agreed on


def test_the_newest_answer_of_each_counts_and_a_third_decides() -> None:
    answers = Answers([answer("d", "ana", topic="earnings"), answer("d", "ben", topic="markets")])
    assert (answers["d"].topic, answers["d"].conflicts) == (None, ("topic",))
    answers.apply(answer("d", "cleo", topic="markets"))
    assert (answers["d"].topic, answers["d"].conflicts) == ("markets", ())
    answers.apply(answer("d", "ben", verdict="unsure"))
    assert answers["d"].conflicts == ("topic",)
    answers.forget(key_of(answer("d", "ana")))
    assert (answers["d"].topic, len(answers)) == ("markets", 1)


def test_none_of_these_is_agreed_on_as_a_topic_is() -> None:
    answers = Answers([answer("d", who, verdict="none_of_these", sentiment="negative") for who in ("ana", "ben")])
    assert (answers["d"].topic, answers["d"].none_of_these, answers["d"].sentiment) == (None, True, "negative")


def test_personal_data_withdraws_what_others_said() -> None:
    answers = Answers([answer("d", "ana", topic="earnings"), answer("d", "ben", verdict="personal_data")])
    assert (answers["d"].topic, answers["d"].withdrawn) == (None, True)


def test_everything_undone_is_nothing_said() -> None:
    answers = Answers([answer("d", "ana", topic="earnings"), answer("d", "ana", verdict="undone")])
    assert ("d" in answers, len(answers), list(answers)) == (False, 0, [])
    assert answers.newest("d", "ana") is not None


def test_a_file_of_answers_is_folded_and_a_broken_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_bytes(write_jsonl([answer("d", "ana", topic="earnings"), answer("d", "ana", topic="markets")]))
    assert read_file(file)["d"].topic == "markets"
    file.write_bytes(file.read_bytes() + b'\n{"id":"x"}\n')
    with pytest.raises(ConfigError, match="line 4: no answer"):
        read_file(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_file(tmp_path / "none.jsonl")


# -- agreement and stats


def test_kappa_is_what_the_textbook_says() -> None:
    # Cohen's own layout: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no give .4.
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa([]) is None


def test_one_answer_alone_agrees_with_nobody() -> None:
    found = agreement(Answers([answer("d", "ana", topic="earnings")]), "topic")
    assert (found.n_pairs, found.kappa, found.agreed) == (0, None, None)


def test_stats_of_an_empty_period_are_lines_too() -> None:
    assert lines(summary([], Answers(), 20.0)) == [
        "drawn 0 (nothing), 0 in the fullest hour of event time; the budget of an hour is 20",
        "answered 0, waiting 0, withdrawn 0, with conflicts 0",
    ]


def test_novel_answers_and_unanswered_draws_do_not_mislead_estimates() -> None:
    samples = [sample(f"u{n}", inclusion_probability=0.01) for n in range(10)]
    samples += [sample(f"m{n}", drawn_as="margin", inclusion_probability=0.5) for n in range(10)]
    samples += [sample(f"n{n}", drawn_as="novel", inclusion_probability=0.01) for n in range(10)]
    said = [
        answer(one.id, "ana", sentiment="negative" if one.drawn_as == "uniform" else "positive", drawn_as=one.drawn_as,
               inclusion_probability=one.inclusion_probability)
        for one in samples if one.drawn_as != "uniform" or one.id < "u5"
    ]  # fmt: skip
    found = summary(samples, Answers(said), 20.0)
    assert found.shares["sentiment"]["negative"].share == pytest.approx(1000 / 1020)
    assert found.accuracy["sentiment"].share == pytest.approx(1000 / 1020)
    assert (found.n_waiting, found.n_answered) == (5, 25)
