"""The arithmetic of the inference benchmark, and that whatever is not there is named and not fatal. Not how fast it is."""

import gzip
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from streamwatch.bench.inference.figures import HELPED, PIPELINES, agreement, means, ratios, scored, spread
from streamwatch.bench.inference.isolated import opened_apart
from streamwatch.bench.inference.ours import AtFullRate, PreTokenised, Remembering
from streamwatch.bench.inference.peer_model import need, sorted_batches
from streamwatch.bench.inference.rounds import run_rounds, slices
from streamwatch.bench.inference.run import Options, bench_specs, open_all, tokenising_cost
from streamwatch.bench.inference.search import fastest
from streamwatch.bench.inference.texts import of_stream, read_labelled, read_stream
from streamwatch.bench.inference.variant import Measured, Missing, Opened, Said, Spec, measured
from streamwatch.errors import ConfigError, FatalError
from streamwatch.inference.batcher import Sizes
from streamwatch.inference.engine import NullEngine
from streamwatch.learning.split import held_out

TEXTS = [f"Company {n} reports" for n in range(40)]


class Parrot:
    """Says the same of every text."""

    def __init__(self, sentiment: str) -> None:
        self.said = sentiment

    def classify(self, texts: Sequence[str]) -> Said:
        time.sleep(0.01)
        return {"sentiment": [self.said] * len(texts), "topic": ["markets"] * len(texts)}

    def measured(self, texts: Sequence[str]) -> Measured:
        return measured(self, texts)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder: a stream of 60 ids, and labelled sets."""
    for folder in ("stream", "sentiment", "topic"):
        (tmp_path / folder).mkdir()
    rows = [f"{n},2015-06-01T00:00:{n % 60:02}Z,AAPL,Company {n} reports,0" for n in range(60)]
    with gzip.open(tmp_path / "stream" / "stocknet_2014_2016.csv.gz", "wt") as file:
        file.write("\n".join(["id,published_at,ticker,text,is_retweet", *rows]))
    for path in ("sentiment/twitter_financial_train.csv", "sentiment/sentfin_train.csv"):
        (tmp_path / path).write_text("\n".join(["text,label", *(f"Firm {n} rises,positive" for n in range(100))]))
    topics = "\n".join(["text,label", *(f"Firm {n} rises,markets" for n in range(100))])
    (tmp_path / "topic/twitter_financial_train.csv").write_text(topics)
    return tmp_path


def specs() -> list[Spec]:
    def absent() -> Opened:
        need("no_such_package")
        raise AssertionError

    def null() -> Opened:
        return Opened("ours", "fp32", AtFullRate(NullEngine(), Sizes()), "null")

    def pre_tokenised() -> Opened:
        every = [*TEXTS, *(f"Company {n} reports" for n in range(60))]
        variant = AtFullRate(PreTokenised(NullEngine(), every), Sizes())
        return Opened("ours", "pre-tokenised fp32", variant, "null", counts_for_quality=False)

    return [
        Spec("ours", "fp32", null),
        Spec("ours", HELPED, lambda: Opened("ours", HELPED, Remembering(NullEngine(), Sizes()), "null")),
        Spec("ours", "pre-tokenised fp32", pre_tokenised),
        Spec("peers", PIPELINES, lambda: Opened("peers", PIPELINES, Parrot("positive"))),
        Spec("peers", "absent", absent),
    ]


def test_the_report_has_every_figure_and_names_what_is_missing(data: Path) -> None:
    options = Options(data, documents=40, rounds=4, labelled=10, search=10)
    texts = read_stream(data, 50)
    report = json.loads(msgspec.json.encode(bench_specs(specs(), texts[:40], texts[40:], options, print)))
    assert set(report["ours"]) == {"fp32", HELPED} and set(report["peers"]) == {PIPELINES}
    assert all(rate > 0 for rate in [*report["ours"].values(), *report["peers"].values()])
    assert report["ratio_to_two_pipelines"] == report["ratio_to_best_peer"] > 0
    assert report["ratio_to_best_peer_with_cascade_and_cache"] > 0
    assert set(report["macro_f1"]) == {"fp32", HELPED, PIPELINES} == set(report["agreement_with_fp32"])
    assert report["macro_f1_by_set"][PIPELINES]["sentiment/sentfin"] == 1.0
    assert report["agreement_with_fp32"]["fp32"] == {"sentiment": 1.0, "topic": 1.0}
    assert report["padding_waste"] == 0.0 and report["tokenising_cost"]["fp32"]["ratio"] > 0
    assert "pip install" in report["missing"]["absent"] and "no-such-package" in report["missing"]["absent"]
    assert report["documents"] == 40 and report["versions"]["torch"] and report["cpu"]


def test_variants_can_be_picked_by_a_part_of_their_name() -> None:
    with ExitStack() as children:
        opened, missing = open_all(specs(), ("pipelines", "absent"), children, print)
        assert [one.name for one in opened] == [PIPELINES] and list(missing) == ["absent"]


def test_a_variant_that_fails_says_so_and_leaves_no_process_behind() -> None:
    class Broken(Parrot):
        def classify(self, texts: Sequence[str]) -> Said:
            raise ValueError("no kernel")

    with opened_apart(Spec("ours", "x", lambda: Opened("ours", "x", Broken("neutral")))) as one:
        assert len(multiprocessing.active_children()) == 1
        with pytest.raises(FatalError, match=r"x: ValueError.*no kernel"):
            one.variant.classify(TEXTS)
    assert not multiprocessing.active_children()


def test_a_variant_whose_process_dies_is_no_endless_wait() -> None:
    with opened_apart(Spec("ours", "x", lambda: Opened("ours", "x", Parrot("neutral")))) as one:
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
        with pytest.raises(FatalError, match="has ended"):
            one.variant.classify(TEXTS)


def test_every_variant_gets_every_slice_and_none_is_always_first() -> None:
    order: list[str] = []

    class Noted(Parrot):
        def classify(self, texts: Sequence[str]) -> Said:
            order.append(self.said)
            return super().classify(texts)

    opened = [Opened("ours", name, Noted(name)) for name in ("a", "b")]
    timed = run_rounds(opened, TEXTS, 2, lambda _: None)
    assert order == ["a", "b", "b", "a"]
    assert timed["a"].n_texts == [20, 20] and len(timed["b"].said["topic"]) == 40


def test_slices_lose_no_text() -> None:
    assert [text for part in slices(TEXTS, 7) for text in part] == TEXTS
    assert len(slices(TEXTS, 1)) == 1 and len(slices(TEXTS, 100)) == 40


def test_a_rate_is_the_median_over_the_rounds() -> None:
    found = spread([100, 100, 100], [1.0, 4.0, 2.0])
    assert (found.low, found.median, found.high) == (25.0, 50.0, 100.0)


def test_ratios_say_what_is_with_help_and_what_without() -> None:
    ours, peers = {"fp32": 3.0, "int8": 8.0, HELPED: 12.0}, {PIPELINES: 1.0, "onnxruntime int8": 4.0}
    found = ratios(ours, peers, {})
    assert found["best_of_ours"] == "int8" and found["best_peer"] == "onnxruntime int8"
    assert found["ratio_to_two_pipelines"] == 8.0 and found["ratio_to_best_peer"] == 2.0
    assert found["ratio_to_two_pipelines_with_cascade_and_cache"] == 12.0
    assert found["ratio_to_best_peer_with_cascade_and_cache"] == 3.0


def test_a_peer_that_lost_quality_is_the_best_peer_all_the_same_and_told_apart() -> None:
    quality = {"fp32": 0.80, "fast": 0.79, PIPELINES: 0.80}
    found = ratios({"fp32": 4.0}, {PIPELINES: 1.0, "fast": 5.0}, quality)
    assert found["best_peer"] == "fast" and found["ratio_to_best_peer"] == 0.8
    assert found["best_peer_of_same_quality"] == PIPELINES and found["ratio_to_best_peer_of_same_quality"] == 4.0


def test_what_was_not_measured_has_no_ratio() -> None:
    found = ratios({"bf16": 2.0}, {}, {})
    assert found["ratio_to_two_pipelines"] is None and found["ratio_to_best_peer"] is None


def test_a_label_that_the_set_does_not_have_is_wrong_and_no_label_of_its_own() -> None:
    assert scored(["a", "a"], ["a", "a"]) == 1.0
    assert scored(["a", "unclear"], ["a", "a"]) == pytest.approx(2 / 3)
    assert means({"x": {"s": 0.5, "t": 1.0}}) == {"x": 0.75}


def test_agreement_is_told_by_task() -> None:
    one, other = {"sentiment": ["a", "b"], "topic": ["x", "y"]}, {"sentiment": ["a", "c"], "topic": ["x", "y"]}
    assert agreement(one, other) == {"sentiment": 0.5, "topic": 1.0}


def test_the_cost_of_tokenising_is_of_the_same_slices() -> None:
    opened = [Opened("ours", name, Parrot("neutral")) for name in ("int8", "pre-tokenised int8")]
    timed = run_rounds(opened, TEXTS, 2, lambda _: None)
    timed["int8"].wall_s, timed["pre-tokenised int8"].wall_s = [2.0, 1.0], [1.9, 1.0]
    assert tokenising_cost(timed)["int8"]["ratio"] == 0.975


def test_batches_hold_every_text_once_and_are_padded_no_further_than_their_longest() -> None:
    rows = [[1] * n for n in (5, 1, 9, 3, 3)]
    batches = list(sorted_batches(rows, 2))
    assert sorted(i for part, _, _ in batches for i in part) == [0, 1, 2, 3, 4]
    assert [ids.shape[1] for _, ids, _ in batches] == [9, 3, 1]
    assert all(mask.sum(1).tolist() == [len(rows[i]) for i in part] for part, _, mask in batches)


def test_the_fastest_setting_is_found_by_its_better_try() -> None:
    seconds = {"a": [1.0, 9.0], "b": [2.0, 2.0]}
    assert fastest(["a", "b"], lambda name: seconds[name].pop()) == "a"


def test_a_missing_package_is_named_with_the_command() -> None:
    with pytest.raises(Missing, match="no-such-package"):
        need("no_such_package", "json")


def test_the_stream_is_in_the_order_of_time_and_each_id_once(data: Path) -> None:
    rows = [("1", "2015-05-31", "old"), ("3", "2015-06-03", "c"), ("2", "2015-06-02", "b"), ("2", "2015-06-02", "b")]
    assert of_stream(rows, "2015-06-01", 9) == ["b", "c"]
    assert len(read_stream(data, 50)) == 50


def test_labelled_texts_are_held_out_ones(data: Path) -> None:
    sets = read_labelled(data, 10)
    assert {part.task for part in sets} == {"sentiment", "topic"}
    assert all(held_out(text) for part in sets for text in part.texts) and all(len(p.texts) <= 10 for p in sets)


def test_a_folder_without_data_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stocknet"):
        read_stream(tmp_path, 10)


def test_the_cache_answers_copies_and_the_order_stays() -> None:
    texts = ["a", "b", "a", "c", "b"] * 3
    alone, cached = AtFullRate(NullEngine(), Sizes()), Remembering(NullEngine(), Sizes())
    assert alone.classify(texts) == cached.classify(texts) == cached.classify(texts)
