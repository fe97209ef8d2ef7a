"""The encoder's pass on a GPU: fixed shapes, copies beside the computing, a recorded graph for shapes that come often.

A GPU wants few large kernels, so texts are padded here, to a length out of few and a number of rows out of few (a *bucket*).
The ids go to pinned memory and are copied on a stream of their own, while the batch before computes. A bucket that has been
met often enough is recorded as a CUDA graph: then one launch replaces the some two hundred of six layers.

Which bucket a batch takes, and when one is recorded, is exercised on the CPU with another runner. **No GPU has confirmed
the rest**: neither its speed, nor that a text has the same bits in every bucket.

Examples:
    >>> bucket([5, 30], n_most=512)
    Bucket(n=8, length=32)
    >>> bucket([2] * 9, n_most=512)
    Bucket(n=16, length=16)
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from streamwatch.inference.trunks.trunk import Row
from streamwatch.models.network import mean_pool

LENGTH_GRAIN = 16
"""Lengths are padded to a multiple of this: what tensor cores want, and at most 8 lengths up to 128."""
FEWEST_ROWS = 8
"""Rows are padded to a power of two from here on: a smaller batch leaves a GPU idle anyway."""
RECORD_AFTER = 3
"""A bucket is recorded when it comes for the third time: recording costs as much as some passes, and its memory stays."""
MOST_GRAPHS = 32
"""Recorded buckets; each keeps the states of its shape."""


class Bucket(NamedTuple):
    """A shape of `n` rows of `length` tokens."""

    n: int
    length: int


Run = Callable[[Tensor, Tensor], Tensor]
"""Ids and mask `(n, length)`, int64, to pooled states `(n, width)`; on the device."""
Record = Callable[[Run, Bucket], Run]
"""Makes of a pass one that replays it for one shape."""


def bucket(lengths: Sequence[int], n_most: int) -> Bucket:
    """The smallest bucket that holds rows of `lengths`, of which there are at most `n_most`."""
    n = FEWEST_ROWS
    while n < len(lengths):
        n *= 2
    return Bucket(min(n, max(n_most, len(lengths))), -(-max(lengths) // LENGTH_GRAIN) * LENGTH_GRAIN)


class Recorded:
    """A pass that is recorded for the shapes that come often.

    >>> passes = Recorded(run=lambda ids, mask: ids * 1.0, record=lambda run, shape: lambda ids, mask: ids * 2.0)
    >>> [passes(torch.ones(8, 16), torch.ones(8, 16))[0, 0].item() for _ in range(4)]
    [1.0, 1.0, 2.0, 2.0]
    """

    def __init__(self, run: Run, record: Record) -> None:
        self._run, self._record = run, record
        self._met: dict[Bucket, int] = {}
        self._recorded: dict[Bucket, Run] = {}

    def __call__(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self._runner(Bucket(*ids.shape))(ids, mask)

    def _runner(self, shape: Bucket) -> Run:
        if shape in self._recorded:
            return self._recorded[shape]
        self._met[shape] = self._met.get(shape, 0) + 1
        if self._met[shape] < RECORD_AFTER or len(self._recorded) >= MOST_GRAPHS:
            return self._run
        self._recorded[shape] = self._record(self._run, shape)
        return self._recorded[shape]


class CudaTrunk:
    """A `Trunk` on a GPU. Several threads may call it: while one copies its ids, another's pass computes.

    Args:
        name: for the model's version.
        encoder: merged; it is moved and converted.
        dtype: of the pass.
        n_most: rows of a batch at most.
    """

    def __init__(self, name: str, encoder: nn.Module, dtype: torch.dtype, n_most: int = 512) -> None:
        self.name = name
        self._device = torch.device("cuda")
        self._encoder = encoder.to(self._device, dtype).eval()
        self._width = encoder.get_parameter("embeddings.word_embeddings.weight").shape[1]
        self._n_most = n_most
        self._copies = torch.cuda.Stream()
        self._computing = Lock()  # a recorded graph has one place for its input
        self._pass = Recorded(self._run, recorded_graph)

    @torch.inference_mode()
    def pooled(self, rows: Sequence[Row]) -> Tensor:
        """The mean state `(n, width)` of each row, float32, on the CPU."""
        if not rows:
            return torch.empty(0, self._width)
        host = padded(rows, bucket([len(row) for row in rows], self._n_most))
        with torch.cuda.stream(self._copies):
            ids, mask = (x.pin_memory().to(self._device, non_blocking=True) for x in host)
        with self._computing:
            torch.cuda.current_stream().wait_stream(self._copies)
            for x in (ids, mask):  # their memory may not be given away while this stream still reads it
                x.record_stream(torch.cuda.current_stream())
            return self._pass(ids, mask)[: len(rows)].cpu()

    def _run(self, ids: Tensor, mask: Tensor) -> Tensor:
        states = self._encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return mean_pool(states.float(), mask)


def padded(rows: Sequence[Row], shape: Bucket) -> tuple[Tensor, Tensor]:
    """Ids and mask of a bucket's shape; a row of padding has one token, so that nothing is divided by zero."""
    ids = torch.zeros(shape, dtype=torch.int64)
    mask = torch.zeros(shape, dtype=torch.int64)
    mask[len(rows) :, 0] = 1
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


def recorded_graph(run: Run, shape: Bucket) -> Run:
    """`run` as a CUDA graph of one shape, warmed on a stream of its own as torch asks for."""
    ids = torch.zeros(shape, dtype=torch.int64, device="cuda")
    mask = torch.ones_like(ids)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        run(ids, mask)
    torch.cuda.current_stream().wait_stream(side)
    graph: Any = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = run(ids, mask)

    def replay(new_ids: Tensor, new_mask: Tensor) -> Tensor:
        ids.copy_(new_ids)
        mask.copy_(new_mask)
        graph.replay()
        return out

    return replay
