"""The first stage: a bag of hashed n-grams, a low-rank linear layer, and a threshold for each head.

    text ─ n-grams ─ mean of their rows in a table (buckets × rank) ─ linear ─ softmax of each head ─ sure of all?

It was taught to say what the trunk says (Hinton et al., arXiv 1503.02531) in the manner of fastText (Joulin et al., arXiv
1607.01759; ours adds hashed bytes and shares one table between all heads). Its answer is a function of the text alone,
bit for bit: no sum in it depends on which texts stand beside it.

Examples:
    >>> negated("Apple does not beat estimates"), negated("Apple doesn't beat"), negated("Apple beats estimates")
    (True, True, False)
"""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from streamwatch.errors import ModelError
from streamwatch.inference.cascade.features import MAX_CHARS, hashed
from streamwatch.models.manifest import file_sha256
from streamwatch.records import Label, Prediction, SentimentLabel

CASCADE_FILE = "cascade.safetensors"
FORMAT = 1
MAX_BYTES = 1_000_000
"""Of the file: all that ships with the project has 6 MB."""
LEAST_COVERAGE = 0.05
"""Share of a stream's texts from which on the setting `auto` uses it. A text costs it some 20 µs and the trunk in int8 some
1,500 µs of a core, so 2 % would pay; under 5 % nobody would notice the gain."""
DIGITS = 4

_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|can't|won't|ain't|hardly|barely|fails?|failed)\b"
    r"|n['’]t\b"
)
"""A bag of words has no order, so it cannot know what a negation is about: such texts are the trunk's."""

Floats = NDArray[np.float32]


class CascadeHead(msgspec.Struct, frozen=True):
    """A head's labels, and the probability from which on the first stage is sure of it."""

    name: str
    labels: tuple[str, ...]
    threshold: float


class CascadeCard(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says of itself: the trunk that it repeats (SHA-256 of the adapter), its heads, how well it does.

    Attributes:
        coverage: share of texts of a stream that it never saw which it answers.
        agreement: of the texts that it answers, how many get the trunk's labels of all heads.
        macro_f1: of each labelled set: the trunk alone, and with the first stage before it.
    """

    format: int = FORMAT
    adapter: str
    heads: tuple[CascadeHead, ...]
    coverage: float = 0.0
    agreement: float = 0.0
    macro_f1: dict[str, tuple[float, float]] = {}
    n_texts: int = 0
    seed: int = 0


class Weights(msgspec.Struct, frozen=True):
    """The table `(buckets, rank)`, the layer `(rank, k)` and its bias `(k,)`; `k` labels of all heads in a row."""

    table: Floats
    layer: Floats
    bias: Floats


class FirstStage:
    """Answers what it is sure of.

    Args:
        card: its heads with their thresholds.
        weights: float32.
        version: of its file, for the model's version on records.
    """

    def __init__(self, card: CascadeCard, weights: Weights, version: str) -> None:
        self.card = card
        self.version = version
        self._weights = weights
        self._ends = np.cumsum([len(head.labels) for head in card.heads])

    def answers(self, texts: Sequence[str], model: str) -> list[Prediction | None]:
        """A prediction, marked as `model`'s, for each text that it is sure of; None for those that the trunk must read."""
        if not texts:
            return []
        p = self.probabilities(texts)
        sure = self.sure(texts, p)
        return [self._prediction(p, i, model) if sure[i] else None for i in range(len(texts))]

    def probabilities(self, texts: Sequence[str]) -> list[Floats]:
        """`(n, k)` of each head."""
        table, layer, bias = self._weights.table, self._weights.layer, self._weights.bias
        seen = hashed(texts, len(table))
        rows = table[seen.buckets] * seen.weights[:, None]
        bags = np.add.reduceat(rows, seen.starts, axis=0)
        logits = (bags[:, :, None] * layer).sum(1) + bias  # a matrix product's last bits depend on how many rows it has
        return [_softmax(part) for part in np.split(logits, self._ends[:-1], axis=1)]

    def of_heads(self, texts: Sequence[str]) -> dict[str, Floats]:
        """`probabilities`, by the heads' names."""
        return dict(zip([head.name for head in self.card.heads], self.probabilities(texts), strict=True))

    def sure(self, texts: Sequence[str], p: Sequence[Floats]) -> NDArray[np.bool_]:
        """Which texts it answers: those that it may, with all heads at their thresholds or above."""
        over = [part.max(1) >= head.threshold for part, head in zip(p, self.card.heads, strict=True)]
        return np.logical_and.reduce([np.array([may_answer(text) for text in texts]), *over])

    def _prediction(self, p: Sequence[Floats], i: int, model: str) -> Prediction:
        labels = {head.name: _best(head, part[i]) for head, part in zip(self.card.heads, p, strict=True)}
        sentiment, topic = labels.pop("sentiment"), labels.pop("topic")
        at = [head.name for head in self.card.heads].index("sentiment")
        names = self.card.heads[at].labels
        every = {name: round(float(x), DIGITS) for name, x in zip(names, p[at][i], strict=True)}
        said = SentimentLabel(label=sentiment.label, p=sentiment.p, probabilities=every)
        return Prediction(topic=topic, sentiment=said, heads=labels, model=model)


def may_answer(text: str) -> bool:
    """Whether the first stage may answer a text at all: nothing in it is negated, and nothing left unread."""
    return len(text) <= MAX_CHARS and not negated(text)


def negated(text: str) -> bool:
    """Whether a text has a word that may turn the meaning of others round."""
    return _NEGATION.search(text.lower()) is not None


def _softmax(logits: Floats) -> Floats:
    e = np.exp(logits - logits.max(1, keepdims=True))
    p: Floats = e / e.sum(1, keepdims=True)
    return p


def _best(head: CascadeHead, p: Floats) -> Label:
    k = int(p.argmax())
    return Label(label=head.labels[k], p=round(float(p[k]), DIGITS))


def write_first_stage(folder: Path, card: CascadeCard, weights: Weights) -> Path:
    """Write the file into a model's folder, float16, replaced in one step."""
    path, new = folder / CASCADE_FILE, folder / f".{CASCADE_FILE}.new"
    tensors = {name: getattr(weights, name).astype(np.float16) for name in ("table", "layer", "bias")}
    save_file(tensors, new, metadata={"card": msgspec.json.encode(card).decode()})
    new.chmod(0o644)  # safetensors makes files that only their owner can read; a worker may be another user
    new.replace(path)
    return path


def read_first_stage(folder: Path) -> FirstStage | None:
    """The first stage of a model's folder, None where it has none. Raises `ModelError` on a file that is not what it says."""
    path = folder / CASCADE_FILE
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_BYTES:
        raise ModelError(f"{path} is larger than {MAX_BYTES} bytes: make it again with `streamwatch train-cascade`")
    try:
        with safe_open(path, "numpy") as file:
            card = msgspec.json.decode((file.metadata() or {}).get("card", ""), type=CascadeCard)
            weights = Weights(*(file.get_tensor(name).astype(np.float32) for name in ("table", "layer", "bias")))
    except (SafetensorError, msgspec.DecodeError, OSError) as error:
        raise ModelError(f"{path} cannot be read ({error}): make it again with `streamwatch train-cascade`") from error
    _check(path, card, weights)
    return FirstStage(card, weights, file_sha256(path)[:8])


def _check(path: Path, card: CascadeCard, weights: Weights) -> None:
    k, n_buckets = sum(len(head.labels) for head in card.heads), len(weights.table)
    fits = (
        card.format == FORMAT
        and weights.table.ndim == 2
        and n_buckets > 1
        and n_buckets & (n_buckets - 1) == 0
        and weights.layer.shape == (weights.table.shape[1], k)
        and weights.bias.shape == (k,)
        and {"sentiment", "topic"} <= {head.name for head in card.heads}
        and all(np.isfinite(part).all() for part in (weights.table, weights.layer, weights.bias))
    )
    if not fits:
        raise ModelError(f"{path} does not fit what it says of itself: make it again with `streamwatch train-cascade`")
