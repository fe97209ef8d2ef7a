"""The engine: order, independence of the batch, and failures that stay with their text."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from streamwatch.errors import ModelError, RejectError
from streamwatch.inference.encoder_engine import EncoderEngine
from streamwatch.inference.numeric import Format, place
from streamwatch.inference.trunks.opening import open_trunk
from streamwatch.inference.trunks.trunk import Row, Trunk
from streamwatch.models.adapter import load_network
from streamwatch.models.manifest import read_manifest
from streamwatch.models.tokens import TokenReader
from streamwatch.records import PROJECTION_BYTES, Prediction

TEXTS = (
    "Profit rose.",
    "My bag is lost again, third time this year, and nobody at the desk can tell me where it is or when it comes 😡",
    "The central bank leaves rates where they are",
    "$AAPL",
    "Crude climbs after a surprise fall in stocks, and refiners in Texas say that they expect more of it in June",
    "Thanks @user for the quick help, superb!",
    "Company 7 reports quarterly profit",
)


def opened(folder: Path, base: Path, number_format: Format = "fp32", batch_tokens: int = 4096) -> EncoderEngine:
    manifest = read_manifest(folder)
    reader = TokenReader(base, manifest.max_tokens)
    network = load_network(base, folder, manifest)
    return EncoderEngine(network, open_trunk(network, number_format), reader, manifest, batch_tokens)


@pytest.fixture(scope="module")
def shared_engine(tiny_adapter: Path, base_folder: Path) -> EncoderEngine:
    return opened(tiny_adapter, base_folder)


@pytest.fixture
def engine(tiny_adapter: Path, base_folder: Path) -> EncoderEngine:
    """An engine that the test may break."""
    return opened(tiny_adapter, base_folder)


def predictions(engine: EncoderEngine, texts: tuple[str, ...] | list[str]) -> list[Prediction]:
    results = engine.classify(texts)
    assert all(isinstance(result, Prediction) for result in results)
    return [result for result in results if isinstance(result, Prediction)]


def refuse_more_rows_than(most: int, engine: EncoderEngine) -> None:
    """Make the trunk run out of memory as torch does."""

    def hook(rows: Sequence[Row]) -> None:
        if len(rows) > most:
            raise torch.OutOfMemoryError("out of memory")

    engine._trunk = Hooked(engine._trunk, hook)


class Hooked:
    """A trunk before which something happens."""

    def __init__(self, trunk: Trunk, hook: Callable[[Sequence[Row]], None]) -> None:
        self.name, self._trunk, self._hook = trunk.name, trunk, hook

    def pooled(self, rows: Sequence[Row]) -> torch.Tensor:
        self._hook(rows)
        return self._trunk.pooled(rows)


def token_of(word: str, engine: EncoderEngine) -> int:
    return engine._reader.read([word])[0][1]


def test_results_stand_in_the_order_of_the_texts(shared_engine: EncoderEngine) -> None:
    forwards = predictions(shared_engine, TEXTS)
    backwards = predictions(shared_engine, TEXTS[::-1])
    assert forwards == backwards[::-1]
    assert len({p.sentiment.p for p in forwards}) > 1


@pytest.mark.parametrize("number_format", ["fp32", "bf16"])
def test_a_prediction_is_bit_for_bit_a_function_of_its_text(
    tiny_adapter: Path, base_folder: Path, number_format: Format
) -> None:
    engine = opened(tiny_adapter, base_folder, number_format)
    rows = engine._reader.read(TEXTS)
    together = engine._said(rows).p["sentiment"]
    for row, expected in zip(rows, together, strict=True):
        alone = engine._said([row]).p["sentiment"]
        if number_format == "fp32" or place("cpu").format == "bf16":  # where bfloat16 is emulated, near is enough
            assert (alone[0] == expected).all()
        assert alone[0] == pytest.approx(expected, abs=0.02)


def test_a_small_budget_gives_the_same_labels_as_a_large_one(
    tiny_adapter: Path, base_folder: Path, shared_engine: EncoderEngine
) -> None:
    assert predictions(opened(tiny_adapter, base_folder, batch_tokens=128), TEXTS) == predictions(shared_engine, TEXTS)


def test_probabilities_are_of_all_labels_and_the_best_is_named(shared_engine: EncoderEngine) -> None:
    for made in predictions(shared_engine, TEXTS):
        assert sum(made.sentiment.probabilities.values()) == pytest.approx(1, abs=0.001)
        assert made.sentiment.p == max(made.sentiment.probabilities.values())
        assert made.sentiment.probabilities[made.sentiment.label] == made.sentiment.p
        assert 0 < made.topic.p <= 1


def test_the_version_names_adapter_format_and_device(shared_engine: EncoderEngine, tiny_adapter: Path) -> None:
    assert shared_engine.model == f"minilm-l6+{read_manifest(tiny_adapter).short_hash}/fp32-cpu"
    assert predictions(shared_engine, TEXTS[:1])[0].model == shared_engine.model


def test_no_texts_give_no_results(shared_engine: EncoderEngine) -> None:
    assert shared_engine.classify([]) == []


def test_an_empty_text_has_a_prediction_too(shared_engine: EncoderEngine) -> None:
    assert len(predictions(shared_engine, [""])) == 1


def test_a_long_text_is_cut_at_the_manifests_length(shared_engine: EncoderEngine) -> None:
    [long, longer] = predictions(shared_engine, ["rising " * 200, "rising " * 20_000])
    assert long == longer


def test_a_row_that_is_not_finite_becomes_an_error_alone(engine: EncoderEngine) -> None:
    with torch.no_grad():
        engine._network.encoder.embeddings.word_embeddings.weight[token_of("crude", engine)] = float("nan")
    results = engine.classify(TEXTS)
    failed = [text for text, result in zip(TEXTS, results, strict=True) if isinstance(result, RejectError)]
    assert failed == [TEXTS[4]]
    assert results[4].reason == "classification_failed"


def test_a_text_that_makes_the_network_raise_fails_alone(engine: EncoderEngine) -> None:
    bad = token_of("texas", engine)

    def hook(rows: Sequence[Row]) -> None:
        if any(bad in row for row in rows):
            raise IndexError("index out of range in self")

    engine._trunk = Hooked(engine._trunk, hook)
    results = engine.classify(TEXTS)
    assert [isinstance(result, RejectError) for result in results] == [i == 4 for i in range(len(TEXTS))]
    assert "index out of range" in results[4].detail


def test_a_text_that_cannot_be_tokenised_fails_alone(shared_engine: EncoderEngine) -> None:
    results = shared_engine.classify(["fine", "half a pair \ud800", "fine too"])
    assert [type(result) for result in results] == [Prediction, RejectError, Prediction]


def test_out_of_memory_splits_the_batch_and_loses_nothing(engine: EncoderEngine, shared_engine: EncoderEngine) -> None:
    refuse_more_rows_than(2, engine)
    assert predictions(engine, TEXTS * 3) == predictions(shared_engine, TEXTS * 3)


def test_no_memory_for_a_single_text_stops_the_worker_and_blames_no_document(engine: EncoderEngine) -> None:
    refuse_more_rows_than(0, engine)
    with pytest.raises(ModelError, match="give the worker more"):
        engine.classify(TEXTS)


def test_a_device_that_fails_for_every_text_stops_the_worker_and_blames_no_document(engine: EncoderEngine) -> None:
    def hook(_: Sequence[Row]) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    engine._trunk = Hooked(engine._trunk, hook)
    with pytest.raises(ModelError, match="unspecified launch failure"):
        engine.classify(TEXTS)


def test_broken_weights_are_refused_when_the_engine_opens(tiny_adapter: Path, base_folder: Path) -> None:
    manifest = read_manifest(tiny_adapter)
    network = load_network(base_folder, tiny_adapter, manifest)
    with torch.no_grad():
        next(network.heads["sentiment"].parameters()).fill_(float("nan"))
    with pytest.raises(ModelError, match="fails on a plain text"):
        EncoderEngine(network, open_trunk(network, "fp32"), TokenReader(base_folder, 48), manifest, 4096)


def test_cuda_is_refused_in_one_line_where_there_is_none() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ModelError, match="use auto or cpu"):
        place("cuda")
    assert place("auto").device == "cpu"


@pytest.mark.parametrize("number_format", ["fp32", "bf16"])
def test_a_projection_is_bit_for_bit_a_function_of_its_text(
    tiny_adapter: Path, base_folder: Path, number_format: Format
) -> None:
    engine = opened(tiny_adapter, base_folder, number_format)
    rows = engine._reader.read(TEXTS)
    together = engine._said(rows).projections
    assert [len(one) for one in together] == [PROJECTION_BYTES] * len(TEXTS)
    if number_format == "fp32" or place("cpu").format == "bf16":
        assert [engine._said([row]).projections[0] for row in rows] == together


def test_other_texts_have_other_projections_and_each_prediction_carries_its_own(shared_engine: EncoderEngine) -> None:
    forwards = predictions(shared_engine, TEXTS)
    assert len({p.projection for p in forwards}) == len(TEXTS)
    assert [p.projection for p in predictions(shared_engine, TEXTS[::-1])] == [p.projection for p in forwards[::-1]]
