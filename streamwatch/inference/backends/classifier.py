"""A Hugging Face sequence classifier as the answer to one task.

texts ─ its own tokenizer ─ head and tail of what is too long ─ its network in float32 ─ softmax ─ our labels

Its weights are safetensors, its code is that of transformers: nothing that comes with a model is run.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from streamwatch.errors import ModelError, RejectError
from streamwatch.inference.backends.loading import Loaded
from streamwatch.inference.batches import padded_shape
from streamwatch.inference.encoder_engine import DIGITS, OUT_OF_MEMORY, PLAIN_TEXT, TokenRow
from streamwatch.inference.isolate import isolate
from streamwatch.models.tokens import head_and_tail
from streamwatch.records import SENTIMENTS, Label, SentimentLabel

GPU_BATCHES = 2
"""One is computed while the next one's tokens are put together and copied."""
TAIL_SHARE = 4
"""Of a long text one token in four is of its end, as our own models are trained."""


class ClassifierBackend:
    """Answers one task by one classifier. Safe for several threads at once: nothing changes after the start.

    Args:
        task: `sentiment`, or any other.
        loaded: network, tokenizer and limits.
        meanings: what each of the network's labels is called here, by its place; those of one name add up.
        version: of files and meanings, for records.
        device: where it runs.

    Raises:
        ModelError: when a plain text cannot be classified.
    """

    def __init__(self, task: str, loaded: Loaded, meanings: Sequence[str], version: str, device: str) -> None:
        self.model = f"{version}/fp32-{device}"
        self._device = torch.device(device)
        if device == "cuda":
            self.n_at_once = GPU_BATCHES
        self._network: nn.Module = loaded.network.to(self._device)
        self._task, self._loaded = task, loaded
        self.labels = self._names = tuple(dict.fromkeys(meanings))
        self._sums = np.array([[float(name == meaning) for name in self._names] for meaning in meanings])
        self._probe()

    def prepare(self, texts: Sequence[str]) -> list[TokenRow | RejectError]:
        """The tokens of each text; a text that cannot be read has a `RejectError` and harms no other."""
        rows = isolate(self._read, texts, OUT_OF_MEMORY) if texts else []
        return [row if isinstance(row, RejectError) else TokenRow(row) for row in rows]

    def predict(self, batch: Sequence[TokenRow]) -> list[Label | RejectError]:
        """One label for each row. Raises `ModelError` when a plain text fails too: then no document is to blame."""
        results = self._results(batch)
        if any(isinstance(result, RejectError) for result in results):
            self._probe()
        return results

    def _read(self, texts: Sequence[str]) -> list[list[int]]:
        most = self._loaded.max_tokens
        encodings = self._loaded.tokenizer.encode_batch(list(texts))
        return [head_and_tail(encoding.ids, most, most // TAIL_SHARE) for encoding in encodings]

    def _results(self, batch: Sequence[TokenRow]) -> list[Label | RejectError]:
        nested = isolate(self._predict, [row.ids for row in batch], OUT_OF_MEMORY) if batch else []
        return list(nested)

    def _predict(self, rows: Sequence[list[int]]) -> list[Label | RejectError]:
        return [self._label(p) for p in self._probabilities(rows)]

    @torch.inference_mode()
    def _probabilities(self, rows: Sequence[list[int]]) -> NDArray[np.float64]:
        """`(n, k)` for the `n` rows and the `k` names; not finite where the network's logits were not."""
        ids, mask = self._tensors(rows)
        logits = self._network(input_ids=ids, attention_mask=mask).logits[: len(rows)]
        p: NDArray[np.float64] = logits.double().softmax(1).cpu().numpy()
        return p @ self._sums

    def _tensors(self, rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and their 0/1 mask, int64, padded as all batches are, within what the network reads."""
        n, width = padded_shape([len(row) for row in rows])
        ids = np.full((n, min(width, self._loaded.max_tokens)), self._loaded.pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        filling = [rows[0]] * (n - len(rows))  # whole rows: BART counts the marks of the end in each
        for i, row in enumerate([*rows, *filling]):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        return torch.from_numpy(ids).to(self._device), torch.from_numpy(mask).to(self._device)

    def _label(self, p: NDArray[np.float64]) -> Label | RejectError:
        if not np.isfinite(p).all():
            return RejectError("classification_failed", "the model gave no finite probabilities")
        best, said = int(p.argmax()), [round(min(float(x), 1.0), DIGITS) for x in p]
        if self._task != "sentiment":
            return Label(label=self._names[best], p=said[best])
        known = dict(zip(self._names, said, strict=True))
        return SentimentLabel(
            label=self._names[best], p=said[best], probabilities={name: known.get(name, 0.0) for name in SENTIMENTS}
        )

    def _probe(self) -> None:
        """See that a plain text is classified (and warm up, at the start)."""
        [result] = self._results([TokenRow(row) for row in self._read([PLAIN_TEXT])])
        if isinstance(result, RejectError):
            raise ModelError(
                f"{self.model} fails on a plain text ({result.detail}): use another model, or another revision"
            )
