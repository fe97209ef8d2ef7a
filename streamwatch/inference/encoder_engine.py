"""The engine that runs the model: tokenise; one pass for a batch, calibrate, one result for each row.

texts ─ TokenReader ─ `TokenRow` … batch of rows ─ Trunk ┬ heads ─ / temperature, softmax ┬ Prediction or RejectError
                                                         └ directions ─ projection ───────┘
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from streamwatch.drift.projection import directions, projections
from streamwatch.errors import ModelError, RejectError
from streamwatch.inference.engine import Answer, Packs, classify
from streamwatch.inference.isolate import isolate
from streamwatch.inference.trunks.trunk import Trunk
from streamwatch.models.manifest import HeadEntry, Manifest
from streamwatch.models.network import Network
from streamwatch.models.tokens import TokenReader
from streamwatch.records import Label, Prediction, SentimentLabel

Row = list[int]
Probabilities = NDArray[np.float64]
OUT_OF_MEMORY = (torch.OutOfMemoryError, MemoryError)
DIGITS = 4
"""Probabilities are rounded to four digits: more would pretend, and fill the channel."""
HEAD_ROWS = 16
"""Heads are given a multiple of so many rows: one to three go through other kernels, with other last bits."""
WORDS = "embeddings.word_embeddings.weight"
"""The encoder's table that tells how wide its states are."""
NOT_FINITE = RejectError("classification_failed", "the model gave no finite probabilities")
PLAIN_TEXT = "Shares of the company rose after it raised its forecast."


class TokenRow(NamedTuple):
    """A text's token ids, special tokens included."""

    ids: Row

    @property
    def n_tokens(self) -> int:
        """How many ids."""
        return len(self.ids)


class Said(NamedTuple):
    """What one pass says of a batch: calibrated probabilities `(n, k)` of each head, and the states' projections."""

    p: dict[str, Probabilities]
    projections: list[bytes]


class EncoderEngine:
    """Classifies with one encoder and its heads. Safe for several threads at once: nothing changes after the start.

    Args:
        network: merged, float32, on the CPU; only its heads are used: they stay float32, are tiny, and decide ties.
        trunk: the network's encoder in some numbers on some device.
        reader: makes token ids, cut at the manifest's length.
        manifest: of the adapter.
        batch_tokens: of one batch at most, in `classify`.

    Raises:
        ModelError: when the network gives no finite numbers for a plain text: its weights are broken.
    """

    def __init__(
        self, network: Network, trunk: Trunk, reader: TokenReader, manifest: Manifest, batch_tokens: int
    ) -> None:
        self.model = f"{manifest.version}/{trunk.name}"
        self._network = network.eval()
        self._trunk = trunk
        self._reader = reader
        self._manifest = manifest
        self.scripts = manifest.scripts
        self.labels = {head.name: head.labels for head in manifest.heads}
        self._batch_tokens = batch_tokens
        self._directions = directions(network.encoder.get_parameter(WORDS).shape[1])
        if isinstance(trunk, Packs):  # else batches are padded to their longest row
            self.n_padding = trunk.n_padding
        self._probe()

    def prepare(self, texts: Sequence[str]) -> list[TokenRow | RejectError]:
        """The tokens of each text; a text that cannot be read has a `RejectError` and harms no other."""
        rows = isolate(self._reader.read, texts, OUT_OF_MEMORY) if texts else []
        return [row if isinstance(row, RejectError) else TokenRow(row) for row in rows]

    def predict(self, batch: Sequence[TokenRow]) -> list[Answer]:
        """One result for each row, from one pass; a bad row's is a `RejectError` and harms no other.

        Raises `ModelError` when a plain text fails too: then it is not the documents that are bad (a CUDA device that
        has failed once fails for ever), and they must not all go to dead-letter.
        """
        results = self._results(batch)
        if any(isinstance(result, RejectError) for result in results):
            self._probe()
        return results

    def probabilities(self, batch: Sequence[TokenRow]) -> dict[str, Probabilities]:
        """All calibrated probabilities, `(n, k)` of each head in the order of its `labels`: for who measures.

        Not finite where the network's were not.
        """
        return self._said([row.ids for row in batch]).p

    def classify(self, texts: Sequence[str]) -> list[Answer]:
        """One result for each of `texts`, in their order."""
        return classify(self, texts, self._batch_tokens)

    def _results(self, batch: Sequence[TokenRow]) -> list[Answer]:
        return isolate(self._predict, [row.ids for row in batch], OUT_OF_MEMORY) if batch else []

    def _predict(self, rows: Sequence[Row]) -> list[Answer]:
        """Results for the rows of one batch. What can be done for all rows at once is: a row of its own costs 10 µs."""
        p, projected = self._said(rows)
        finite = np.logical_and.reduce([np.isfinite(of_head).all(1) for of_head in p.values()])
        labels = {head.name: _best(head, p[head.name]) for head in self._manifest.heads}
        of_sentiment = p["sentiment"].round(DIGITS).tolist()
        return [
            self._result({name: made[i] for name, made in labels.items()}, of_sentiment[i], projected[i])
            if finite[i]
            else NOT_FINITE
            for i in range(len(rows))
        ]

    @torch.inference_mode()
    def _said(self, rows: Sequence[Row]) -> Said:
        """What is said of the `n` rows; not finite where the network's numbers were not."""
        states, n = _filled(self._trunk.pooled(rows)), len(rows)
        logits = self._network.says(states)
        p = {head.name: _softmax(logits[head.name][:n] / head.temperature) for head in self._manifest.heads}
        return Said(p, projections(states, self._directions)[:n])

    def _result(self, labels: dict[str, Label], of_sentiment: list[float], projection: bytes) -> Answer:
        sentiment = labels.pop("sentiment")
        names = self.labels["sentiment"]
        return Prediction(
            topic=labels.pop("topic"),
            sentiment=SentimentLabel(
                label=sentiment.label, p=sentiment.p, probabilities=dict(zip(names, of_sentiment, strict=True))
            ),
            heads=labels,
            model=self.model,
            projection=projection,
        )

    def _probe(self) -> None:
        """See that a plain text is classified (and warm up, at the start)."""
        [result] = self._results([TokenRow(row) for row in self._reader.read([PLAIN_TEXT])])
        if isinstance(result, RejectError):
            raise ModelError(f"the model fails on a plain text ({result.detail}): restart, or train the adapter again")


def _best(head: HeadEntry, p: Probabilities) -> list[Label]:
    """The likeliest label of each row."""
    best = p.argmax(1)
    its_p = p[np.arange(len(p)), best].round(DIGITS).tolist()
    return [Label(label=head.labels[k], p=one) for k, one in zip(best.tolist(), its_p, strict=True)]


def _filled(pooled: torch.Tensor) -> torch.Tensor:
    """The states with rows of zeros behind them, to a multiple of `HEAD_ROWS`."""
    return torch.nn.functional.pad(pooled, (0, 0, 0, -len(pooled) % HEAD_ROWS))


def _softmax(logits: torch.Tensor) -> Probabilities:
    probabilities: Probabilities = logits.double().softmax(1).cpu().numpy()
    return probabilities
