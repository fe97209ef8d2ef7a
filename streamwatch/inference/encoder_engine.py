"""The engine that runs the model: tokenise, batch by length, one pass, calibrate, one result for each text.

texts ─ TokenReader ─ token_batches ─ TwoHeads ─ / temperature, softmax ─ Prediction or RejectError
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from streamwatch.errors import ModelError, RejectError
from streamwatch.inference.batches import padded_shape, token_batches
from streamwatch.inference.isolate import isolate
from streamwatch.inference.numeric import DTYPES, Placement
from streamwatch.models.manifest import Manifest
from streamwatch.models.network import TwoHeads
from streamwatch.models.tokens import TokenReader
from streamwatch.records import Label, Prediction, SentimentLabel

Row = list[int]
Probabilities = NDArray[np.float64]
OUT_OF_MEMORY = (torch.OutOfMemoryError, MemoryError)
DIGITS = 4
"""Probabilities are rounded to four digits: more would pretend, and fill the channel."""


PLAIN_TEXT = "Shares of the company rose after it raised its forecast."


class EncoderEngine:
    """Classifies with an encoder and two heads. Not for several threads at once.

    Args:
        network: merged, float32, on the CPU; it is moved and converted here.
        reader: makes token ids, cut at the manifest's length.
        manifest: of the adapter.
        placement: device and numbers.
        batch_tokens: rows × padded length of one batch at most.

    Raises:
        ModelError: when the network gives no finite numbers for a plain text: its weights are broken.
    """

    def __init__(
        self, network: TwoHeads, reader: TokenReader, manifest: Manifest, placement: Placement, batch_tokens: int
    ) -> None:
        self.model = f"minilm-l6+{manifest.short_hash}/{placement}"
        self._device = torch.device(placement.device)
        self._network = network.to(self._device).eval()
        self._network.encoder.to(DTYPES[placement.format])  # the heads stay float32: they are tiny, and decide ties
        self._reader = reader
        self._manifest = manifest
        self._batch_tokens = batch_tokens
        self._probe()

    def classify(self, texts: Sequence[str]) -> list[Prediction | RejectError]:
        """One result for each of `texts`, in their order; a bad text's is a `RejectError` and harms no other.

        Raises `ModelError` when a plain text fails too: then it is not the documents that are bad (a CUDA device that
        has failed once fails for ever), and they must not all go to dead-letter.
        """
        results = self._classify(texts)
        if any(isinstance(result, RejectError) for result in results):
            self._probe()
        return results

    def _classify(self, texts: Sequence[str]) -> list[Prediction | RejectError]:
        rows = isolate(self._reader.read, texts, OUT_OF_MEMORY) if texts else []
        results: dict[int, Prediction | RejectError] = {
            i: row for i, row in enumerate(rows) if isinstance(row, RejectError)
        }
        good = {i: row for i, row in enumerate(rows) if not isinstance(row, RejectError)}
        results.update(self._classify_rows(good))
        return [results[i] for i in range(len(texts))]

    def _classify_rows(self, rows: dict[int, Row]) -> dict[int, Prediction | RejectError]:
        keys = list(rows)
        results: dict[int, Prediction | RejectError] = {}
        for batch in token_batches([len(rows[key]) for key in keys], self._batch_tokens):
            chosen = [keys[i] for i in batch]
            predicted = isolate(self._predict, [rows[key] for key in chosen], OUT_OF_MEMORY)
            results.update(zip(chosen, predicted, strict=True))
        return results

    def _predict(self, rows: Sequence[Row]) -> list[Prediction | RejectError]:
        """Results for the rows of one batch."""
        sentiment, topic = self._probabilities(rows)
        return [self._result(s, t) for s, t in zip(sentiment, topic, strict=True)]

    @torch.inference_mode()
    def _probabilities(self, rows: Sequence[Row]) -> tuple[Probabilities, Probabilities]:
        """Calibrated probabilities of the `n` rows, `(n, 3)` and `(n, 20)`; not finite where the network's were not."""
        ids, mask = _tensors(rows)
        sentiment, topic = self._network(ids.to(self._device), mask.to(self._device))
        heat = self._manifest.temperatures
        n = len(rows)
        return _softmax(sentiment[:n] / heat.sentiment), _softmax(topic[:n] / heat.topic)

    def _result(self, sentiment: Probabilities, topic: Probabilities) -> Prediction | RejectError:
        if not (np.isfinite(sentiment).all() and np.isfinite(topic).all()):
            return RejectError("classification_failed", "the model gave no finite probabilities")
        names, topics = self._manifest.sentiments, self._manifest.topics
        p = [round(float(x), DIGITS) for x in sentiment]
        k, best = int(sentiment.argmax()), int(topic.argmax())
        return Prediction(
            topic=Label(label=topics[best], p=round(float(topic[best]), DIGITS)),
            sentiment=SentimentLabel(label=names[k], p=p[k], probabilities=dict(zip(names, p, strict=True))),
            model=self.model,
        )

    def _probe(self) -> None:
        """See that a plain text is classified (and warm up, at the start)."""
        [result] = self._classify([PLAIN_TEXT])
        if isinstance(result, RejectError):
            raise ModelError(f"the model fails on a plain text ({result.detail}): restart, or train the adapter again")


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
