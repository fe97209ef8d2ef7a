"""The parts of retraining that are functions of their arguments: what is learned, what is kept, what is due."""

import math
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.codec import decode
from streamwatch.errors import ConfigError
from streamwatch.labelling.answers import Answers
from streamwatch.labelling.examples import answer, sample
from streamwatch.learning.objectives.distillation import teacher_loss
from streamwatch.learning.split import place
from streamwatch.models.manifest import HeadEntry
from streamwatch.records import Alert, Answer, Evidence, EvidenceDocument
from streamwatch.retraining.division import divided, side
from streamwatch.retraining.due import Last, When, is_due, parse_when, read_last, write_last
from streamwatch.retraining.forgetting import Wanted, of_alerts, of_drift, of_labels
from streamwatch.retraining.forgotten import Forgotten, is_forgotten, note, read_forgotten
from streamwatch.retraining.fresh import fresh, taken_back
from streamwatch.retraining.inputs import Inputs, frozen
from streamwatch.retraining.known import KnownText, id_hash
from streamwatch.retraining.lesson import REPLAYED, lesson
from streamwatch.retraining.replay import REPLAY_FILE, Store, change_replay, read_replay, remembered, without
from streamwatch.retraining.request import DEFAULT
from streamwatch.retraining.reservoir import drawn, room, shared_out
from streamwatch.timeline import DAY_MS, from_ms

HEADS = {"topic": ("earnings", "ipo", "unclear"), "sentiment": ("negative", "neutral", "positive")}


def known(i: int, **changes: object) -> KnownText:
    told: dict[str, object] = {
        "id": f"d{i}", "text": f"text number {i}", "published_ms": i * DAY_MS, "origin": "answers", "topic": "earnings",
        "sentiment": ("negative", "neutral", "positive")[i % 3], "author_hash": f"w{i % 5}",
    }  # fmt: skip
    return KnownText(**told | changes)  # type: ignore[arg-type]


# -- what is learned


def test_a_document_with_a_disputed_topic_still_teaches_its_sentiment() -> None:
    said = [
        answer("a", "ann", topic="earnings", sentiment="negative"),
        answer("a", "bob", topic="ipo", sentiment="negative"),
    ]
    found = fresh(Answers(said), HEADS)
    assert [(text.topic, text.sentiment) for text in found.texts] == [("", "negative")]
    assert [one.why for one in found.left_out] == ["topic: ann says earnings, bob says ipo"]


def test_none_of_these_topics_is_a_topic_that_the_model_learns() -> None:
    found = fresh(Answers([answer("a", "ann", verdict="none_of_these")]), HEADS)
    assert found.texts[0].topic == "unclear" and not found.left_out


@pytest.mark.parametrize("verdict", ["unsure", "personal_data"])
def test_who_cannot_say_teaches_nothing_and_is_listed(verdict: str) -> None:
    found = fresh(Answers([answer("a", "ann", verdict=verdict)]), HEADS)
    assert not found.texts and len(found.left_out) == 1


def test_an_answer_that_was_undone_is_no_answer() -> None:
    said = [answer("a", "ann", topic="ipo"), answer("a", "ann", verdict="undone", answered_at=from_ms(1))]
    assert fresh(Answers(said), HEADS) == fresh(Answers([]), HEADS)


def test_only_what_was_answered_after_the_time_is_fresh() -> None:
    said = [answer(f"d{i}", "ann", topic="ipo", answered_at=from_ms(i * 1000), text=f"t {i}") for i in range(4)]
    assert {text.id for text in fresh(Answers(said), HEADS, from_ms(1000)).texts} == {"d2", "d3"}


def test_a_writer_who_floods_teaches_little() -> None:
    flood = [answer(f"f{i}", "ann", topic="ipo", author_hash="w", text=f"buy {i}") for i in range(50)]
    rest = [answer(f"r{i}", "bob", topic="ipo", author_hash=f"v{i}", text=f"calm {i}") for i in range(50)]
    found = fresh(Answers(flood + rest), HEADS)
    assert sum(text.author_hash == "w" for text in found.texts) == 5 and len(found.left_out) == 45


# -- who learns from it


def test_each_text_has_one_side_and_people_speak_before_the_stream() -> None:
    texts = [known(i, uniform=True) for i in range(200)]
    copies = [
        msgspec.structs.replace(text, origin="stream", topic="", sentiment="", id=f"s{text.id}") for text in texts
    ]
    made = divided([*copies, *texts])
    assert all(text.origin == "answers" for texts in made.values() for text in texts)
    assert sum(map(len, made.values())) == 200 and len(made["report"]) == sum(place(t.read) < 5000 for t in texts)


def test_what_was_chosen_for_its_uncertainty_is_never_held_out() -> None:
    assert {side(known(i, uniform=False)) for i in range(100)} == {"train"}


def test_a_near_copy_of_a_held_out_text_is_not_learned() -> None:
    words = "the company reports a loss for the third quarter and cuts its outlook"
    held = next(t for i in range(99) if place((t := known(i, text=f"{words} again {i}", uniform=True)).read) < 5000)
    made = divided([held, known(100, text=f"{words} again", uniform=False), known(101, uniform=False)])
    assert [text.id for text in made["left out"]] == ["d100"] and [text.id for text in made["train"]] == ["d101"]


def test_of_the_stream_the_incumbent_is_heard_as_far_as_it_is_sure_and_beside_answers_always() -> None:
    heads = [HeadEntry("sentiment", HEADS["sentiment"])]
    texts = [known(0), *(known(i, origin="stream", sentiment="", topic="") for i in (1, 2))]
    said = torch.tensor([[0.4, 0.3, 0.3], [1.0, 0.0, 0.0], [0.4, 0.3, 0.3]])
    inputs = Inputs(asked="", train=texts, dev=[], report=[])
    made = lesson(inputs, {text.read: [1] for text in texts}, heads, {"sentiment": said}, DEFAULT, once=True)
    assert made.asked.teacher["sentiment"].sum(1).tolist() == pytest.approx([1.0, 1.0, 0.1])
    logits = torch.zeros(3, 3)
    assert teacher_loss(logits, made.asked.teacher["sentiment"], 1.0).tolist() == pytest.approx(
        [math.log(3), math.log(3), 0.1 * math.log(3)]
    )


def test_beside_the_label_of_a_replayed_text_the_incumbent_is_heard_most() -> None:
    heads = [HeadEntry("sentiment", HEADS["sentiment"])]
    texts = [known(0), known(1, origin="replay")]
    inputs, said = Inputs(asked="", train=texts, dev=[], report=[]), torch.full((2, 3), 1 / 3)
    made = lesson(inputs, {text.read: [1] for text in texts}, heads, {"sentiment": said}, DEFAULT, once=True)
    assert made.asked.part is not None
    assert made.asked.part.tolist() == pytest.approx([DEFAULT.distil_weight, REPLAYED])
    assert made.asked.rows(torch.tensor([1])).part == pytest.approx(REPLAYED)


# -- what is kept


@given(st.dictionaries(st.text("abc/", min_size=1), st.integers(0, 50), max_size=8), st.integers(0, 120))
def test_the_reservoir_is_full_where_it_can_be_and_no_class_has_more_for_another_having_less(
    sizes: dict[str, int], space: int
) -> None:
    kept = shared_out(sizes, space)
    assert sum(kept.values()) == min(space, sum(sizes.values()))
    least = min((kept[name] for name in sizes if kept[name] < sizes[name]), default=0)
    assert all(n <= sizes[name] for name, n in kept.items())
    assert all(n <= least + 1 for n in kept.values()) or not any(kept[n] < sizes[n] for n in sizes)


@given(st.permutations(range(12)))
def test_the_draw_does_not_depend_on_the_order(order: list[int]) -> None:
    hashes = [id_hash(f"d{i}") for i in range(12)]
    assert drawn({"a": [hashes[i] for i in order]}, 4) == drawn({"a": hashes}, 4)


def test_the_room_is_a_tenth_of_what_was_seen_and_never_above_fifty_thousand() -> None:
    assert [room(n) for n in (9, 10, 5_000, 10**7)] == [0, 1, 500, 50_000]


def test_learning_twice_is_counted_once_and_halves_make_the_whole() -> None:
    texts = [known(i) for i in range(300)]
    whole = remembered(Store(), texts, 0)
    assert remembered(whole, texts, 0) == whole and whole.n_seen == 300 and len(whole.texts) == 30
    halves = remembered(remembered(Store(), texts[:150], 0), texts[150:], 0)
    assert halves.n_seen == 300 and len(halves.texts) <= 30


def test_a_document_leaves_the_store_when_it_is_too_old() -> None:
    store = remembered(Store(), [known(i) for i in range(100)], since_ms=50 * DAY_MS)
    assert store.n_seen == 50 and all(text.published_ms >= 50 * DAY_MS for text in store.texts.values())


def test_the_store_comes_back_from_parquet_as_it_was(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    store = change_replay(
        tmp_path, lambda store: remembered(store, [known(i, uniform=i % 2 == 0) for i in range(100)], 0)
    )
    assert read_replay(tmp_path) == store and len(store.texts) == 10
    gone = next(iter(store.texts.values())).author_hash
    left = change_replay(tmp_path, lambda store: without(store, lambda _, author: author == gone))
    assert gone not in {one.author_hash for one in read_replay(tmp_path).seen.values()} and left.n_seen == 80


def test_a_file_that_is_no_store_is_told_of(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / REPLAY_FILE).write_bytes(b"PAR1 and no more")
    with pytest.raises(ConfigError, match="is no replay store"):
        read_replay(tmp_path)


# -- what is forgotten


def test_the_list_of_what_was_forgotten_holds_no_text_and_no_id_and_nothing_twice(tmp_path: Path) -> None:
    for _ in range(2):
        note(tmp_path, Forgotten("document", id_hash("tweet-77"), "2026-01-05T08:00:00Z", "ana"))
    assert len(read_forgotten(tmp_path)) == 1
    assert b"tweet-77" not in (tmp_path / "forgotten.jsonl").read_bytes()
    assert is_forgotten(tmp_path)(id_hash("tweet-77"), "") and not is_forgotten(None)(id_hash("tweet-77"), "")


def test_a_spoiled_line_of_the_list_lets_nobody_slip_back_in(tmp_path: Path) -> None:
    (tmp_path / "forgotten.jsonl").write_bytes(b"{oops\n")
    with pytest.raises(ConfigError, match="line 1"):
        is_forgotten(tmp_path)


def test_answers_of_a_forgotten_writer_are_undone_without_their_text() -> None:
    said = [answer("a", "ann", author_hash="w", topic="ipo"), answer("b", "ann", author_hash="v", topic="ipo")]
    writes = of_labels(Wanted(authors={"w"}), said, from_ms(5))
    undone = decode(writes[0].value or b"", Answer)
    assert [one.value is None for one in writes] == [False, True]
    assert (undone.verdict, undone.text, undone.author_hash) == ("undone", "", "")
    answers = Answers([*said, undone])
    assert "a" not in answers and "b" in answers


def test_an_answer_that_was_undone_repeats_the_text_and_is_forgotten_as_well() -> None:
    said = Answers([answer("a", "ann", verdict="undone", author_hash="w")])
    writes = of_labels(Wanted(authors={"w"}), said.records(), from_ms(5))
    assert [(one.key, one.value is None) for one in writes] == [(b"a\x1fann", False), (b"a\x1fann", True)]


def test_a_run_that_goes_on_drops_what_was_forgotten_since_and_what_it_heard_of_it(tmp_path: Path) -> None:
    inputs = Inputs(asked="this", train=[known(1), known(2)], dev=[known(3)], report=[])
    frozen(tmp_path, "this", lambda: inputs)
    (tmp_path / "heard.safetensors").write_bytes(b"of all")
    assert frozen(tmp_path, "this", lambda: inputs) == inputs and (tmp_path / "heard.safetensors").exists()
    gone = id_hash(known(2).id)
    left = frozen(tmp_path, "this", lambda: inputs, lambda document, _: document == gone)
    assert left.train == [known(1)] and not (tmp_path / "heard.safetensors").exists()
    assert frozen(tmp_path, "this", lambda: inputs) == left


def test_what_people_took_back_or_differ_on_by_now_is_not_replayed() -> None:
    said = [
        answer("a", "ann", sentiment="negative"),
        answer("b", "ann", verdict="undone"),
        answer("c", "ann", verdict="personal_data"),
        answer("d", "ann", sentiment="negative"),
        answer("d", "bob", sentiment="positive"),
    ]
    assert taken_back(Answers(said)) == {"b", "c", "d"}


def test_the_queue_and_alerts_show_a_forgotten_document_no_more() -> None:
    wanted = Wanted(ids={"a"})
    assert [one.key for one in of_drift(wanted, [sample("a"), sample("a"), sample("b")])] == [b"a"]
    shown = [
        EvidenceDocument(
            id=i, text=i, published_at=from_ms(0), sentiment="negative", channel="news", partition=0, offset=0
        )
        for i in "ab"
    ]
    alert = Alert(
        id="x", revision=3, state="resolved", rule="r", series="all", kind="negative_share", severity="info", onset=from_ms(0),
        at=from_ms(0), window_s=60, n=9, k=5, share=0.5, p0=0.1, p0_low=0.1, p0_high=0.2, k_expected=1.0, lift=5.0, score=9.0,
        threshold=1.0, evidence=Evidence(documents=tuple(shown)),
    )  # fmt: skip
    (write,), n_open = of_alerts(wanted, [alert, msgspec.structs.replace(alert, id="y", state="firing")])
    left = decode(write.value or b"", Alert)
    assert [one.id for one in left.evidence.documents] == ["b"] and (left.revision, left.k, n_open) == (4, 5, 1)


# -- what is due


def never() -> int:
    raise AssertionError("nobody asks for this")


@pytest.mark.parametrize(
    ("when", "last_ms", "due"),
    [("daily", 0, True), ("daily", 10 * DAY_MS - 1, True), ("daily", 10 * DAY_MS + 1, False)],
)
def test_daily_is_due_once_a_day_of_utc(when: str, last_ms: int, due: bool) -> None:
    assert is_due(parse_when(when), Last(last_ms), 10 * DAY_MS + 5, never, never).due is due


def test_labels_and_drift_are_due_by_what_came_since() -> None:
    assert is_due(When("labels", 200), Last(), 0, lambda: 200, never).due
    few = is_due(When("labels", 200), Last(), 0, lambda: 199, never)
    assert not few.due and few.why == "199 documents were answered since the last retraining, 200 are wanted"
    assert is_due(When("drift"), Last(5), 9, never, lambda: 6).due
    assert not is_due(When("drift"), Last(5), 9, never, lambda: 5).due


@pytest.mark.parametrize("text", ["weekly", "labels>=0", "labels>200", ""])
def test_a_condition_that_is_none_is_told_of(text: str) -> None:
    with pytest.raises(ConfigError, match="drift, daily, or labels>=N"):
        parse_when(text)


def test_the_last_retraining_is_remembered(tmp_path: Path) -> None:
    assert read_last(tmp_path) == Last()
    write_last(tmp_path, Last(5, 4))
    assert read_last(tmp_path) == Last(5, 4)
