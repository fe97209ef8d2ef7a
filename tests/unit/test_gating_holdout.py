"""The gate and retraining draw the same line: what one measures on, the other never learns from."""

import pytest

from streamwatch.gating.holdout import held_out_of_stream, is_held_out
from streamwatch.labelling.answers import Answers
from streamwatch.labelling.examples import answer
from streamwatch.retraining.division import side
from streamwatch.retraining.known import KnownText

TEXTS = [f"Delta cancels flight {chr(97 + i)} to {place}" for i in range(20) for place in ("Boston", "Rome", "Oslo")]


def known(text: str, **fields: object) -> KnownText:
    return KnownText(id="x", text=text, published_ms=0, **({"origin": "answers", "sentiment": "negative"} | fields))


@pytest.mark.parametrize("drawn_as", ["uniform", "margin", "novel"])
def test_an_answer_is_held_out_exactly_where_retraining_does_not_learn_it(drawn_as: str) -> None:
    for text in TEXTS:
        held = is_held_out(Answers([answer("x", "ana", text=text, drawn_as=drawn_as)])["x"])
        assert held == (side(known(text, uniform=drawn_as == "uniform")) == "report")


def test_a_document_of_the_stream_is_held_out_exactly_where_retraining_does_not_learn_it() -> None:
    held = [held_out_of_stream(text) for text in TEXTS]
    assert held == [side(known(text, origin="stream", sentiment="")) == "report" for text in TEXTS]
    assert 5 < sum(held) < 30
