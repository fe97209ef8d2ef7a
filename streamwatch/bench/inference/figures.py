"""From what the rounds measured to the figures that are printed.

Examples:
    >>> spread([100, 100, 50], [1.0, 2.0, 1.0])
    Spread(median=50.0, low=50.0, high=100.0)
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import msgspec
import numpy as np

from streamwatch.bench.inference.rounds import Timed
from streamwatch.bench.inference.texts import LabelledSet
from streamwatch.bench.inference.variant import Opened, Said
from streamwatch.learning.metrics import macro_f1

PIPELINES = "two pipelines"
HELPED = "int8 + cascade + cache"
"""The variant of ours that answers some texts without the trunk; ratios are given with it and without."""
SAME_QUALITY = 0.005
"""Half a point of macro-F1: a variant that loses more is another classifier and not a faster one."""


class Spread(msgspec.Struct, frozen=True):
    """Documents a second over the rounds."""

    median: float
    low: float
    high: float


def spread(n_texts: Sequence[int], seconds: Sequence[float]) -> Spread:
    """Of the rates of the slices."""
    rates = [n / s for n, s in zip(n_texts, seconds, strict=True)]
    return Spread(round(median(rates), 1), round(min(rates), 1), round(max(rates), 1))


def speeds(opened: Sequence[Opened], timed: Mapping[str, Timed]) -> dict[str, Any]:
    """`ours` and `peers` (variant → documents a second), and the spread behind each."""
    spreads = {one.name: spread(timed[one.name].n_texts, timed[one.name].wall_s) for one in opened}
    of_cpu = {one.name: spread(timed[one.name].n_texts, timed[one.name].cpu_s) for one in opened}
    by_group = {
        group: {one.name: spreads[one.name].median for one in opened if one.group == group}
        for group in ("ours", "peers")
    }
    return by_group | {
        "spread": {name: [one.low, one.high] for name, one in spreads.items()},
        "documents_per_cpu_second": {name: one.median for name, one in of_cpu.items()},
    }


def ratios(ours: Mapping[str, float], peers: Mapping[str, float], quality: Mapping[str, float]) -> dict[str, Any]:
    """Our best against the two pipelines and against the best peer, without cascade and cache and with them.

    >>> found = ratios({"fp32": 2.0, "int8": 6.0, HELPED: 9.0}, {PIPELINES: 1.0, "onnxruntime int8": 5.0}, {})
    >>> found["ratio_to_two_pipelines"], found["ratio_to_best_peer"], found["ratio_to_best_peer_with_cascade_and_cache"]
    (6.0, 1.2, 1.8)
    """
    plain = {name: rate for name, rate in ours.items() if name != HELPED}
    best, peer, equal = _fastest(plain), _fastest(peers), _fastest(_of_same_quality(peers, quality))
    return {
        "best_of_ours": best,
        "best_peer": peer,
        "best_peer_of_same_quality": equal,
        "ratio_to_two_pipelines": _ratio(plain.get(best), peers.get(PIPELINES)),
        "ratio_to_best_peer": _ratio(plain.get(best), peers.get(peer)),
        "ratio_to_best_peer_of_same_quality": _ratio(plain.get(best), peers.get(equal)),
        "ratio_to_two_pipelines_with_cascade_and_cache": _ratio(ours.get(HELPED), peers.get(PIPELINES)),
        "ratio_to_best_peer_with_cascade_and_cache": _ratio(ours.get(HELPED), peers.get(peer)),
    }


def _fastest(rates: Mapping[str, float]) -> str:
    return max(rates, key=rates.__getitem__, default="")


def _of_same_quality(peers: Mapping[str, float], quality: Mapping[str, float]) -> dict[str, float]:
    """The peers whose macro-F1 is at most half a point below our fp32's; all where it was not measured."""
    least = quality.get("fp32", 0.0) - SAME_QUALITY
    return {name: rate for name, rate in peers.items() if quality.get(name, 1.0) >= least}


def _ratio(a: float | None, b: float | None) -> float | None:
    return round(a / b, 3) if a and b else None


def quality_of(one: Opened, sets: Sequence[LabelledSet]) -> dict[str, float]:
    """Macro-F1 of a variant on each labelled set; what it says beside the set's labels is simply wrong."""
    return {part.name: round(scored(one.variant.classify(part.texts)[part.task], part.labels), 4) for part in sets}


def scored(predicted: Sequence[str], labels: Sequence[str]) -> float:
    """Macro-F1 of label names.

    >>> round(scored(["a", "b", "unclear"], ["a", "b", "b"]), 3)
    0.833
    """
    names = {name: k for k, name in enumerate(dict.fromkeys([*labels, *predicted]))}
    return macro_f1(np.array([names[x] for x in labels]), np.array([names[x] for x in predicted]), len(names))


def means(by_set: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The mean over the sets, for each variant."""
    return {name: round(sum(found.values()) / len(found), 4) for name, found in by_set.items() if found}


def agreement(said: Said, reference: Said) -> dict[str, float]:
    """The share of texts of which both say the same, by task.

    >>> agreement({"topic": ["a", "b"]}, {"topic": ["a", "c"]})
    {'topic': 0.5}
    """
    return {
        task: round(float(np.mean([a == b for a, b in zip(said[task], reference[task], strict=True)])), 4)
        for task in said
    }
