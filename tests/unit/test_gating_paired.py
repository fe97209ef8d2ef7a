"""Two models over the same documents: cleaned as the worker does, in order, and drawn the same in every run."""

from collections import Counter
from pathlib import Path

import numpy as np
from tiny_models import write_model

from streamwatch.config import load
from streamwatch.gating.paired import score, score_pair, uniform
from streamwatch.inference.engine import NullEngine
from streamwatch.inference.opening import locate_in, open_located


def test_each_model_says_what_it_says_alone_and_in_the_order_of_the_texts(tiny_model: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "other", seed=5)
    settings = load(device="cpu", precision="fp32")
    engines = [open_located(locate_in(folder, settings), settings) for folder in (tiny_model, tmp_path / "other")]
    texts = ["shares fall", "the company lost a bag of profit .", "...", "profit rise"] * 3
    both = score_pair(*engines, texts)
    for engine, said in zip(engines, both, strict=True):
        [alone] = engine.classify([texts[1]])
        assert said.labels("sentiment")[1] == alone.sentiment.label and said.topic[1] == alone.topic.label
        assert said.p("sentiment")[1] == alone.sentiment.p
    assert both.read.tolist() == [True, True, False, True] * 3


def test_a_text_that_cannot_be_read_has_no_sentiment_and_the_topic_unclear() -> None:
    said = score(NullEngine(), ["今天涨停了", "Oil climbs"])
    assert np.isnan(said.sentiment[0]).all() and said.topic[0] == "unclear" and said.p("sentiment")[0] == 0
    assert said.labels("sentiment")[0] == "" and not said.negative[0]


def test_no_texts_are_no_trouble() -> None:
    both = score_pair(NullEngine(), NullEngine(), [])
    assert both.incumbent.sentiment.shape == (0, 3) and both.changed("topic").sum() == 0 and len(both.read) == 0


def test_masking_is_the_workers_own() -> None:
    said = score(NullEngine(), ["RT @jo: $AAPL falls https://t.co/x", "$AAPL falls http"])
    assert (said.sentiment[0] == said.sentiment[1]).all()


def test_the_draw_is_uniform_and_does_not_see_the_order() -> None:
    drawn = Counter(
        uniform(((f"{group}{i}-{part}", part) for i in range(1000) for part in "ab"), 500)[0] for group in range(200)
    )
    assert 60 < drawn["a"] < 140
    documents = [(f"d{i}", i) for i in range(3000)]
    assert uniform(documents, 200) == uniform(reversed(documents), 200)
    assert len(uniform(documents + documents, 200)) == 200
    assert len(uniform(documents[:5], 200)) == 5
