"""The first stage: a function of the text alone, sure or silent, and never deaf to a negation, a number or a ticker."""

from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest

from streamwatch.config import load
from streamwatch.drift.always_encoded import chosen
from streamwatch.errors import ModelError, RejectError
from streamwatch.inference.batcher import Batcher
from streamwatch.inference.cascade.engine import Answered, CascadeEngine
from streamwatch.inference.cascade.features import MAX_CHARS, hashed
from streamwatch.inference.cascade.first_stage import (
    CASCADE_FILE,
    MAX_BYTES,
    CascadeCard,
    CascadeHead,
    FirstStage,
    Weights,
    may_answer,
    read_first_stage,
    write_first_stage,
)
from streamwatch.inference.cascade.fit import N_BUCKETS, RANK, fit
from streamwatch.inference.cascade.opening import with_cascade
from streamwatch.inference.cascade.thresholds import MAX_CHANGED, NEVER, Judged, answered, choose, scores
from streamwatch.inference.engine import NullEngine, classify
from streamwatch.inference.opening import SHIPPED, open_engine
from streamwatch.models.manifest import read_manifest
from streamwatch.records import Prediction
from streamwatch.text.clean import text_hash

MOODS = ("negative", "neutral", "positive")
TOPICS = ("earnings", "markets")
WORDS = {"negative": "falls", "neutral": "reports", "positive": "beats"}
ODD = ("", " ", "a", "🚀🚀", "naïve café", "$AAPL", "9", "\ud800", "x" * (MAX_CHARS + 5))


def taught_texts() -> tuple[list[str], list[np.ndarray]]:
    """Texts whose mood is in the verb and whose topic is in the noun, with soft labels that say so."""
    texts, mood, topic = [], [], []
    for n in range(60):
        for m, name in enumerate(MOODS):
            for t, noun in enumerate(("profit", "index")):
                texts.append(f"Company {n} {noun} {WORDS[name]}")
                mood.append(np.eye(3)[m] * 0.94 + 0.02)
                topic.append(np.eye(2)[t] * 0.94 + 0.03)
    return texts, [np.array(mood, dtype=np.float32), np.array(topic, dtype=np.float32)]


@pytest.fixture(scope="module")
def weights() -> Weights:
    texts, soft = taught_texts()
    return fit(texts, soft, n_buckets=1 << 12, rank=6, epochs=12)


def card(threshold: float = 0.7, coverage: float = 0.3, adapter: str = "a" * 64) -> CascadeCard:
    heads = (CascadeHead("sentiment", MOODS, threshold), CascadeHead("topic", TOPICS, threshold))
    return CascadeCard(adapter=adapter, heads=heads, coverage=coverage)


@pytest.fixture
def first(weights: Weights) -> FirstStage:
    return FirstStage(card(), weights, "0a1b2c3d")


def test_it_says_what_it_was_taught_of_texts_that_it_has_not_seen(first: FirstStage) -> None:
    said = first.answers(["Company 99 profit beats", "Company 98 index falls"], "m")
    assert [(p.sentiment.label, p.topic.label) for p in said] == [("positive", "earnings"), ("negative", "markets")]
    assert all(p.model == "m" and sum(p.sentiment.probabilities.values()) == pytest.approx(1, abs=0.001) for p in said)


def test_an_answer_is_bit_for_bit_a_function_of_its_text(first: FirstStage) -> None:
    texts = [*taught_texts()[0][:50], *ODD]
    together = first.probabilities(texts)
    for i, text in enumerate(texts):
        assert all((one[0] == part[i]).all() for one, part in zip(first.probabilities([text]), together, strict=True))
    backwards = first.probabilities(texts[::-1])
    assert all((one[::-1] == part).all() for one, part in zip(backwards, together, strict=True))


def test_every_text_has_features_however_odd_it_is() -> None:
    seen = hashed(ODD, 1 << 12)
    assert len(seen.starts) == len(ODD) and (np.diff([*seen.starts, len(seen.buckets)]) > 0).all()
    assert seen.buckets.min() >= 0 and seen.buckets.max() < 1 << 12
    assert len(hashed([], 1 << 12).starts) == 0


@pytest.mark.parametrize("changed", ["Company 7 profit falls", "Company 8 profit beats", "$AAPL profit beats"])
def test_another_word_number_or_ticker_is_another_text_to_it(first: FirstStage, changed: str) -> None:
    a, b = (first.probabilities([text])[0][0] for text in ("Company 7 profit beats", changed))
    assert (a != b).any()


@pytest.mark.parametrize(
    "text",
    [
        "does not beat",
        "doesn't beat",
        "doesn’t beat",
        "Never beats",
        "beats no estimate",
        "fails to beat",
        "CANNOT beat",
    ],
)
def test_what_is_negated_is_the_trunks(first: FirstStage, text: str) -> None:
    assert first.answers(["Company 7 profit beats", f"Company 7 profit {text}"], "m")[1] is None


def test_what_it_is_not_sure_of_in_every_head_is_the_trunks(weights: Weights) -> None:
    never = CascadeCard(adapter="", heads=(CascadeHead("sentiment", MOODS, 0.1), CascadeHead("topic", TOPICS, NEVER)))
    assert FirstStage(never, weights, "").answers(["Company 7 profit beats"], "m") == [None]


def test_a_text_longer_than_it_reads_is_the_trunks() -> None:
    assert may_answer("rises " * (MAX_CHARS // 6)) and not may_answer("rises " * MAX_CHARS)


def test_it_answers_before_the_engine_and_all_records_have_one_version(first: FirstStage) -> None:
    texts = ["Company 7 profit beats", "what is this about", "Company 7 profit does not beat"]
    engine = CascadeEngine(first, NullEngine())
    rows = engine.prepare(texts)
    assert [isinstance(row, Answered) for row in rows] == [True, False, False]
    assert rows[0].n_tokens == 0
    said = engine.predict(rows[::-1])[::-1]
    assert {p.model for p in said} == {"null/cascade-0a1b2c3d"}
    alone = NullEngine().classify(texts)
    assert [p.topic for p in said[1:]] == [p.topic for p in alone[1:]] and said[0].sentiment.label == "positive"


def test_the_batcher_answers_sure_texts_without_a_batch(first: FirstStage) -> None:
    class NeverAsked(NullEngine):
        def predict(self, batch: Sequence[object]) -> list[Prediction | RejectError]:
            raise AssertionError("the first stage is sure of all")

    queue: SimpleQueue[object] = SimpleQueue()
    delivered: dict[int, object] = {}
    texts = [f"Company {n} profit beats" for n in range(30)]
    with Batcher(CascadeEngine(first, NeverAsked()), queue.put, queue.put) as batcher:
        batcher.submit(enumerate(texts))
        while len(delivered) < len(texts):
            delivered.update(queue.get(timeout=10))
        assert batcher.figures().n_batches == 0


def test_a_fiftieth_of_the_texts_goes_through_the_engine_however_sure_it_is(first: FirstStage) -> None:
    texts = [f"Company {n} profit beats" for n in range(2000)]
    rows = CascadeEngine(first, NullEngine()).prepare(texts)
    assert all(said is not None for said in first.answers(texts, "m"))
    through = [text for text, row in zip(texts, rows, strict=True) if not isinstance(row, Answered)]
    assert through == [text for text in texts if chosen(text_hash(text))]
    assert 0.01 < len(through) / len(texts) < 0.03


def test_a_bad_text_fails_alone_behind_it(first: FirstStage) -> None:
    class Refuses(NullEngine):
        def predict(self, batch: Sequence[object]) -> list[Prediction | RejectError]:
            return [RejectError("classification_failed") for _ in batch]

    said = CascadeEngine(first, Refuses()).classify(["Company 7 profit beats", "a riddle"])
    assert [type(one) for one in said] == [Prediction, RejectError]


def test_who_measures_gets_all_probabilities_of_whoever_answered(first: FirstStage) -> None:
    class Telling(NullEngine):
        labels = {"sentiment": MOODS}
        scripts = ("Latin", "Greek")

        def probabilities(self, batch: Sequence[object]) -> dict[str, np.ndarray]:
            return {"sentiment": np.full((len(batch), 3), 1 / 3), "topic": np.full((len(batch), 2), 0.5)}

    engine = CascadeEngine(first, Telling())
    rows = engine.prepare(["what is this about", "Company 7 profit beats", "Company 7 profit does not beat"])
    p = engine.probabilities(rows)["sentiment"]
    assert p[[0, 2]].max() == pytest.approx(1 / 3) and p[1].argmax() == MOODS.index("positive")
    assert engine.scripts == ("Latin", "Greek") and not hasattr(engine, "n_at_once")


def test_a_first_stage_that_fails_leaves_all_texts_to_the_engine() -> None:
    class Broken:
        version = "0"

        def answers(self, texts: Sequence[str], model: str) -> list[Prediction | None]:
            raise ValueError("no")

        def of_heads(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
            raise ValueError("no")

    assert len(CascadeEngine(Broken(), NullEngine()).classify(["a", "b"])) == 2


def test_what_is_written_is_what_is_read(tmp_path: Path, weights: Weights) -> None:
    write_first_stage(tmp_path, card(), weights)
    found = read_first_stage(tmp_path)
    assert found is not None and found.card == card() and len(found.version) == 8
    assert found.answers(["Company 7 profit beats"], "m") == FirstStage(card(), weights, "").answers(
        ["Company 7 profit beats"], "m"
    )


def test_the_shipped_size_is_below_a_megabyte(tmp_path: Path) -> None:
    full = Weights(*(np.zeros(shape, dtype=np.float32) for shape in ((N_BUCKETS, RANK), (RANK, 24), (24,))))
    assert write_first_stage(tmp_path, card(), full).stat().st_size < MAX_BYTES


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"\xff" * 64])
def test_a_file_that_is_no_first_stage_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CASCADE_FILE).write_bytes(content)
    with pytest.raises(ModelError, match="train-cascade"):
        read_first_stage(tmp_path)


def test_weights_that_do_not_fit_the_card_are_refused(tmp_path: Path, weights: Weights) -> None:
    write_first_stage(tmp_path, card(), Weights(weights.table, weights.layer[:, :2], weights.bias))
    with pytest.raises(ModelError, match="does not fit"):
        read_first_stage(tmp_path)


def test_one_of_another_model_is_refused(tmp_path: Path, weights: Weights, tiny_adapter: Path) -> None:
    write_first_stage(tmp_path, card(), weights)
    with pytest.raises(ModelError, match="another model"):
        with_cascade(NullEngine(), "auto", tmp_path, read_manifest(tiny_adapter))


def test_without_one_auto_goes_on_and_on_says_how_to_make_it(tmp_path: Path, tiny_adapter: Path) -> None:
    engine, manifest = NullEngine(), read_manifest(tiny_adapter)
    assert with_cascade(engine, "auto", tmp_path, manifest) is engine
    with pytest.raises(ModelError, match="train-cascade"):
        with_cascade(engine, "on", tmp_path, manifest)


@pytest.mark.parametrize(
    ("wanted", "coverage", "used"), [("auto", 0.2, True), ("auto", 0.01, False), ("on", 0.01, True)]
)
def test_auto_uses_one_that_is_a_gain(
    tmp_path: Path, tiny_adapter: Path, wanted: str, coverage: float, used: bool
) -> None:
    manifest = read_manifest(tiny_adapter)
    heads = tuple(CascadeHead(head.name, head.labels, 0.9) for head in manifest.heads)
    k = sum(len(head.labels) for head in heads)
    nothing = Weights(*(np.zeros(shape, dtype=np.float32) for shape in ((16, 2), (2, k), (k,))))
    its = CascadeCard(adapter=manifest.adapter.sha256, heads=heads, coverage=coverage)
    write_first_stage(tmp_path, its, nothing)
    assert isinstance(with_cascade(NullEngine(), wanted, tmp_path, manifest), CascadeEngine) is used  # type: ignore[arg-type]


def judged(name: str, confidence: Sequence[float], right: Sequence[bool], labelled: bool = False) -> Judged:
    """A set of one head with two labels: the trunk says 0, and so does the first stage where it is right."""
    p = np.array([[c, 1 - c] if ok else [1 - c, c] for c, ok in zip(confidence, right, strict=True)], dtype=np.float32)
    zeros = np.zeros(len(p), dtype=np.int64)
    return Judged(name, (zeros,), (p,), np.ones(len(p), dtype=bool), 0 if labelled else -1, zeros if labelled else None)


def test_the_threshold_answers_as_much_as_does_no_harm() -> None:
    sure_and_right, unsure_and_wrong = [0.9] * 50, [0.7] * 50
    stream = judged("stream", sure_and_right + unsure_and_wrong, [True] * 50 + [False] * 50)
    threshold = choose([stream])
    assert 0.7 < threshold < 0.9
    assert answered(stream, threshold).sum() == 50


def test_a_labelled_set_that_would_lose_holds_the_threshold_up() -> None:
    stream = judged("stream", [0.8] * 1000, [True] * 1000)
    labelled = judged("labelled", [0.85] * 1000, [True] * 993 + [False] * 7, labelled=True)
    assert MAX_CHANGED >= 7 / 1000
    assert choose([stream]) == 0.5 and choose([stream, labelled]) > 0.85
    assert scores([labelled], NEVER) == (1.0, 1.0)


def test_where_everything_harms_nothing_is_answered() -> None:
    assert choose([judged("stream", [0.999] * 10, [False] * 10)]) == NEVER


PAIRS = (
    ("$AAPL beats estimates", "$AAPL does not beat estimates"),
    ("$AAPL beats estimates", "$AAPL misses estimates"),
    ("$AAPL beats estimates by 2%", "$AAPL beats estimates by 20%"),
    ("$AAPL beats estimates by 2%", "$TSLA beats estimates by 2%"),
    ("Company declares $0.25 dividend", "Company declares no dividend"),
    ("10-year Treasury yield rises", "10-year Treasury yield falls"),
    ("Stocks open higher, Dow up 100 points", "Stocks open lower, Dow down 100 points"),
)
"""Texts that differ in a negation, a word, a number or a ticker."""


@pytest.mark.skipif(not (SHIPPED / CASCADE_FILE).is_file(), reason="the shipped model has no first stage")
def test_the_shipped_first_stage_says_of_near_copies_what_the_trunk_says() -> None:
    found = read_first_stage(SHIPPED)
    assert found is not None
    alone = open_engine(load(cascade="off"))
    texts = [text for pair in PAIRS for text in pair]
    for mine, trunk in zip(CascadeEngine(found, alone).classify(texts), classify(alone, texts), strict=True):
        assert isinstance(mine, Prediction) and isinstance(trunk, Prediction)
        assert (mine.sentiment.label, mine.topic.label) == (trunk.sentiment.label, trunk.topic.label)
