"""The engine that runs the model: tokenise; one pass for a batch, calibrate, one result for each row.

texts ─ TokenReader ─ `TokenRow` … batch of rows ─ Network ─ / temperature, softmax ─ Prediction or RejectError
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from streamwatch.errors import ModelError, RejectError
from streamwatch.inference.batches import padded_shape
from streamwatch.inference.engine import Answer, classify
from streamwatch.inference.isolate import isolate
from streamwatch.inference.numeric import DTYPES, Placement
from streamwatch.models.manifest import HeadEntry, Manifest
from streamwatch.models.network import Network
from streamwatch.models.tokens import TokenReader
from streamwatch.records import Label, Prediction, SentimentLabel

Row = list[int]
Probabilities = NDArray[np.float64]
OUT_OF_MEMORY = (torch.OutOfMemoryError, MemoryError)
DIGITS = 4
"""Probabilities are rounded to four digits: more would pretend, and fill the channel."""
PLAIN_TEXT = "Shares of the company rose after it raised its forecast."


class TokenRow(NamedTuple):
    """A text's token ids, special tokens included."""

    ids: Row

    @property
    def n_tokens(self) -> int:
        """How many ids."""
        return len(self.ids)


class EncoderEngine:
    """Classifies with one encoder and its heads. Safe for several threads at once: nothing changes after the start.

    Args:
        network: merged, float32, on the CPU; it is moved and converted here.
        reader: makes token ids, cut at the manifest's length.
        manifest: of the adapter.
        placement: device and numbers.
        batch_tokens: rows × padded length of one batch at most, in `classify`.

    Raises:
        ModelError: when the network gives no finite numbers for a plain text: its weights are broken.
    """

    def __init__(
        self, network: Network, reader: TokenReader, manifest: Manifest, placement: Placement, batch_tokens: int
    ) -> None:
        self.model = f"{manifest.version}/{placement}"
        self._device = torch.device(placement.device)
        self._network = network.to(self._device).eval()
        self._network.encoder.to(DTYPES[placement.format])  # the heads stay float32: they are tiny, and decide ties
        self._reader = reader
        self._manifest = manifest
        self.scripts = manifest.scripts
        self.labels = {head.name: head.labels for head in manifest.heads}
        self._batch_tokens = batch_tokens
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
        return self._probabilities([row.ids for row in batch])

    def classify(self, texts: Sequence[str]) -> list[Answer]:
        """One result for each of `texts`, in their order."""
        return classify(self, texts, self._batch_tokens)

    def _results(self, batch: Sequence[TokenRow]) -> list[Answer]:
        return isolate(self._predict, [row.ids for row in batch], OUT_OF_MEMORY) if batch else []

    def _predict(self, rows: Sequence[Row]) -> list[Answer]:
        """Results for the rows of one batch."""
        p = self._probabilities(rows)
        return [self._result({name: p[name][i] for name in p}) for i in range(len(rows))]

    @torch.inference_mode()
    def _probabilities(self, rows: Sequence[Row]) -> dict[str, Probabilities]:
        """Calibrated probabilities `(n, k)` of each head for the `n` rows; not finite where the network's were not."""
        ids, mask = _tensors(rows)
        logits = self._network(ids.to(self._device), mask.to(self._device))
        heads, n = self._manifest.heads, len(rows)
        return {head.name: _softmax(logits[head.name][:n] / head.temperature) for head in heads}

    def _result(self, p: dict[str, Probabilities]) -> Answer:
        if not all(np.isfinite(row).all() for row in p.values()):
            return RejectError("classification_failed", "the model gave no finite probabilities")
        labels = {head.name: _best(head, p[head.name]) for head in self._manifest.heads}
        sentiment = labels.pop("sentiment")
        names = self._manifest.head("sentiment").labels
        all_p = [round(float(x), DIGITS) for x in p["sentiment"]]
        return Prediction(
            topic=labels.pop("topic"),
            sentiment=SentimentLabel(
                label=sentiment.label, p=sentiment.p, probabilities=dict(zip(names, all_p, strict=True))
            ),
            heads=labels,
            model=self.model,
        )

    def _probe(self) -> None:
        """See that a plain text is classified (and warm up, at the start)."""
        [result] = self._results([TokenRow(row) for row in self._reader.read([PLAIN_TEXT])])
        if isinstance(result, RejectError):
            raise ModelError(f"the model fails on a plain text ({result.detail}): restart, or train the adapter again")


def _best(head: HeadEntry, p: Probabilities) -> Label:
    k = int(p.argmax())
    return Label(label=head.labels[k], p=round(float(p[k]), DIGITS))


def _tensors(rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids padded with 0, and their 0/1 mask, both int64, of `padded_shape`."""
    ids = np.zeros(padded_shape([len(row) for row in rows]), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def _softmax(logits: torch.Tensor) -> Probabilities:
    probabilities: Probabilities = logits.double().softmax(1).cpu().numpy()
    return probabilities
