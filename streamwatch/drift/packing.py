"""Spread and embedding, to their structs and back."""

import numpy as np

from streamwatch.detection.variance_inflation import VarianceInflation
from streamwatch.drift.alternatives import N_SCALES
from streamwatch.drift.embedding import DIMENSION, N_FIELDS, Embedding
from streamwatch.drift.spread import N_FIELDS as N_SPREAD_FIELDS
from streamwatch.drift.spread import Spread
from streamwatch.drift.state import EmbeddingState, SpreadState, array, raw

UPPER = np.triu_indices(DIMENSION)
"""A covariance is symmetric to the last bit: half of it is kept."""


def pack_spread(spread: Spread) -> SpreadState:
    """As it is remembered."""
    return SpreadState(raw(spread.pairs), raw(spread.excess), _copied(spread.inflations), raw(spread.waiting))


def unpack_spread(state: SpreadState) -> Spread:
    """As it was."""
    waiting = array(state.waiting, "<f8", -1, N_SPREAD_FIELDS)
    return Spread(array(state.pairs, "<f8"), array(state.excess, "<f8"), _copied(state.inflations), waiting)


def pack_embedding(held: Embedding) -> EmbeddingState:
    """As it is remembered."""
    return EmbeddingState(
        known=raw(held.known), scatter=raw(held.scatter[UPPER]), n_rows=held.n_rows, toward=raw(held.toward),
        weight=raw(held.weight), square=raw(held.square), squares=raw(held.squares),
        inflations=_copied(held.inflations), waiting=raw(held.waiting), waiting_r=raw(held.waiting_r),
    )  # fmt: skip


def unpack_embedding(state: EmbeddingState) -> Embedding:
    """As it was."""
    held = Embedding()
    held.known = array(state.known, "<f4", -1, 1 + DIMENSION)
    held.scatter[UPPER] = array(state.scatter, "<f4")
    held.scatter.T[UPPER] = held.scatter[UPPER]
    held.n_rows = state.n_rows
    held.toward = array(state.toward, "<f8", N_SCALES, DIMENSION)
    held.weight, held.square = array(state.weight, "<f8"), array(state.square, "<f8")
    held.squares = array(state.squares, "<f8", N_SCALES, 2)
    held.inflations = _copied(state.inflations)
    held.waiting, held.waiting_r = (
        array(state.waiting, "<f8", -1, N_FIELDS),
        array(state.waiting_r, "<f4", -1, DIMENSION),
    )
    return held


def _copied(inflations: list[VarianceInflation]) -> list[VarianceInflation]:
    """A state does not change when its monitors go on."""
    return [VarianceInflation(*(getattr(one, name) for name in one.__struct_fields__)) for one in inflations]
