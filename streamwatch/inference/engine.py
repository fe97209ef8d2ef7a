"""The interface of whatever classifies texts in two steps, and the null model.

`prepare` makes rows of texts (tokens) and `predict` makes predictions of one batch of rows, so that one thread can
tokenise while others compute, and rows of similar length can be put together in between. Whoever wants neither calls
`classify`.

Examples:
    >>> engine = NullEngine()
    >>> [first], [again] = classify(engine, ["$AAPL falls"]), classify(engine, ["$AAPL falls"])
    >>> first == again, first.model
    (True, 'null')
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from streamwatch.errors import RejectError
from streamwatch.inference.batches import padded_shape, token_batches
from streamwatch.records import SENTIMENTS, Label, Prediction, SentimentLabel
from streamwatch.text.clean import text_hash

TOPICS = (
    "analyst update", "central banks", "company and product news", "currencies", "dividend", "earnings",
    "energy and oil", "financials", "general news and opinion", "gold, metals and materials", "ipo",
    "legal and regulation", "macro", "markets", "mergers and investments", "personnel change", "politics",
    "stock commentary", "stock movement", "treasuries and corporate debt",
)  # fmt: skip
"""The 20 finance topics that the shipped model tells apart."""


UNCLEAR = "unclear"
"""The topic of a text that is about none of them."""

BATCH_TOKENS = 4096
"""Of one batch where nobody says otherwise: the setting's default, 128 tweets, with states that fit a core's cache."""

Answer = Prediction | RejectError


class Prepared(Protocol):
    """A text that an engine has read, ready for its `predict`. What else it holds is the engine's own."""

    @property
    def n_tokens(self) -> int:
        """Its length, the special tokens included: what batches are made by. 0: it costs no computing."""
        ...


class Engine(Protocol):
    """Classifies model texts. A bad text fails alone: its place in the result holds a `RejectError`.

    Both calls are safe from several threads at once. An error that they raise is about the engine as a whole (a
    `FatalError`: no memory for a single text, a device that has failed) and never about a document.
    """

    @property
    def model(self) -> str:
        """The version on every record: same version, same text, same labels."""
        ...

    def prepare(self, texts: Sequence[str]) -> Sequence[Prepared | RejectError]:
        """The row of each of `texts`, in their order."""
        ...

    def predict(self, batch: Sequence[Any]) -> list[Answer]:
        """One result for each row of one batch, in its order. The rows are this engine's own `Prepared`."""
        ...


@runtime_checkable
class Packs(Protocol):
    """What an engine has that puts rows end to end: its batches are counted by their tokens, whatever lengths they mix."""

    def n_padding(self, lengths: Sequence[int]) -> int:
        """Tokens that it computes for nothing in one batch of rows of these lengths."""
        ...


def n_padding(engine: Engine, lengths: Sequence[int]) -> int:
    """Tokens that an engine computes for nothing in one batch; it pads to the longest row unless it says otherwise.

    >>> n_padding(NullEngine(), [30, 28])
    6
    """
    if isinstance(engine, Packs):
        return engine.n_padding(lengths)
    rows, columns = padded_shape(lengths)
    return rows * columns - sum(lengths)


def classify(engine: Engine, texts: Sequence[str], batch_tokens: int = BATCH_TOKENS) -> list[Answer]:
    """One result for each of `texts`, in their order, computed in the calling thread.

    They are all held at once: a long stream comes in chunks of some thousand (`streamwatch.inference.offline`).
    """
    return in_batches(engine, texts, batch_tokens, engine.predict)


def in_batches(
    engine: Engine, texts: Sequence[str], batch_tokens: int, run: Callable[[Sequence[Any]], Sequence[Any]]
) -> list[Any]:
    """What `run` gives for the rows of each of `texts`, in their order, a batch at a time; `RejectError` for an unread one."""
    results: list[Any] = list(engine.prepare(texts))
    waiting = [i for i, row in enumerate(results) if not isinstance(row, RejectError)]
    for batch in token_batches([results[i].n_tokens for i in waiting], batch_tokens):
        chosen = [waiting[i] for i in batch]
        for i, answer in zip(chosen, run([results[i] for i in chosen]), strict=True):
            results[i] = answer
    return results


class NullRow(NamedTuple):
    """A text as the null engine reads it: not at all."""

    text: str
    n_tokens: int = 0


class NullEngine:
    """Labels by a hash of the text: always the same, at no cost.

    For tests of exact counts, and to measure what everything else costs.
    """

    model = "null"

    def prepare(self, texts: Sequence[str]) -> list[NullRow | RejectError]:
        """The texts as they are."""
        return [NullRow(text) for text in texts]

    def predict(self, batch: Sequence[NullRow]) -> list[Answer]:
        """A prediction for each row, a function of its text alone."""
        return [_labelled(int(text_hash(row.text), 16)) for row in batch]

    def classify(self, texts: Sequence[str]) -> list[Answer]:
        """A prediction for each text."""
        return classify(self, texts)


def _labelled(number: int) -> Prediction:
    sentiment = SENTIMENTS[number % 3]
    p = 0.4 + 0.6 * (number // 60 % 1000) / 1000
    rest = (1 - p) / 2
    return Prediction(
        topic=Label(label=TOPICS[number // 3 % len(TOPICS)], p=p),
        sentiment=SentimentLabel(
            label=sentiment, p=p, probabilities={s: p if s == sentiment else rest for s in SENTIMENTS}
        ),
        model=NullEngine.model,
    )
