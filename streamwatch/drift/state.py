"""All that the monitors remember, as a struct that packs to bytes: versioned, by model version, no pickles.

Arrays are kept as their bytes (little-endian float64, float32 or int64), so that what is read again is what was written, to
the last bit: a state that was packed anywhere changes no alarm.

Examples:
    >>> MonitorState.unpacked(MonitorState().packed())
    MonitorState(version=1, models={}, last_ms=-1)
    >>> array(raw(np.array([1.5, 2.5])), "<f8").tolist()
    [1.5, 2.5]
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamwatch.detection.variance_inflation import VarianceInflation
from streamwatch.drift.sums import ModelSums
from streamwatch.errors import FatalError

VERSION = 1


class BlockState(msgspec.Struct, array_like=True):
    """Some hundred of the latest documents, by topic: see `streamwatch.drift.window`."""

    start_ms: int
    n: int
    rows: bytes


class SpreadState(msgspec.Struct, array_like=True):
    """See `streamwatch.drift.spread`."""

    pairs: bytes
    excess: bytes
    inflations: list[VarianceInflation]
    waiting: bytes


class EmbeddingState(msgspec.Struct, array_like=True):
    """See `streamwatch.drift.embedding`."""

    known: bytes
    scatter: bytes
    n_rows: float
    toward: bytes
    weight: bytes
    square: bytes
    squares: bytes
    inflations: list[VarianceInflation]
    waiting: bytes
    waiting_r: bytes


class ModelState(msgspec.Struct, array_like=True):
    """What is remembered of one model version.

    `n` counts the documents since the reference began; `waiting` are closed buckets too small for a step, from
    `waiting_ms` on.
    """

    n: int
    last_ms: int
    learnt_ms: int
    waiting_ms: int
    waiting: ModelSums
    strata: list[str]
    topics: list[str]
    counts: bytes
    log_m: bytes
    cusum: bytes
    onset_ms: bytes
    spread: SpreadState
    embedding: EmbeddingState
    blocks: list[BlockState]


class MonitorState(msgspec.Struct):
    """Of all model versions; `last_ms` is the newest bucket that was taken."""

    version: int = VERSION
    models: dict[str, ModelState] = {}
    last_ms: int = -1

    def packed(self) -> bytes:
        """As bytes."""
        return _pack(self)

    @classmethod
    def unpacked(cls, packed: bytes) -> "MonitorState":
        """Out of its bytes. Raises `FatalError` for those of another version, which says what to do."""
        try:
            state = _unpack(packed)
        except msgspec.MsgspecError as error:
            raise FatalError(
                f"the drift monitors' state cannot be read ({error}): delete it, they will learn anew"
            ) from error
        if state.version != VERSION:
            raise FatalError(f"the drift monitors' state has version {state.version}, not {VERSION}: delete it")
        return state


def raw(values: NDArray[Any]) -> bytes:
    """The bytes of an array."""
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def array(held: bytes, dtype: str, *shape: int) -> NDArray[Any]:
    """An array out of its bytes; one that may be changed."""
    made = np.frombuffer(held, dtype=dtype)
    return made.reshape(shape).copy() if shape else made.copy()


_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_unpack = msgspec.msgpack.Decoder(MonitorState).decode
