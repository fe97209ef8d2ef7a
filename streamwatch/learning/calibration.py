"""Temperature scaling (Guo et al., arXiv 1706.04599): few numbers that make a head's probabilities honest.

A head has one temperature, in the manifest. A head with two readings is first calibrated reading by reading, each on the
texts of its own domain: neutral means another thing in each, and one is surer than the other. Dividing a linear layer's
logits by a number is dividing its weights, so those two temperatures need no place in the file.

Examples:
    >>> logits = np.array([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [4.0, 0.0]])
    >>> round(fit_temperature(logits, np.array([0, 0, 0, 1])), 1)  # so sure, and right in 3 of 4
    3.6
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch import Tensor, nn

from streamwatch.learning.datasets.entry import DOMAINS, DataSet
from streamwatch.learning.evaluation import Measured, measured
from streamwatch.learning.material import TokenisedExample
from streamwatch.learning.metrics import Floats, Ints
from streamwatch.learning.objectives.outputs import Mixed, gated_head, outputs
from streamwatch.models.manifest import HeadEntry
from streamwatch.models.network import Network

FEWEST = 30
"""Texts that a temperature is fitted on at least: of fewer the fit would be of chance. Then it stays as it was."""


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """The temperature that minimises the log loss of `logits` (n, k) on `labels` (n,); 1 when there are none.

    Searched between .2 and 5 on the log scale: beyond that the head is broken and no temperature mends it.
    """
    if len(labels) == 0:
        return 1.0
    found = minimize_scalar(
        lambda t: _log_loss(logits / np.exp(t), labels), bounds=(np.log(0.2), np.log(5.0)), method="bounded"
    )
    return float(np.exp(found.x))


def _log_loss(logits: Floats, labels: Ints) -> float:
    return float(-np.mean(log_softmax(logits, axis=1)[np.arange(len(labels)), labels]))


def with_temperatures(
    heads: Sequence[HeadEntry], parts: Sequence[Measured], entries: Mapping[str, DataSet]
) -> tuple[HeadEntry, ...]:
    """`heads` with the temperature that fits the measured texts of their task; as it was where there are too few.

    Sets that lack labels do not take part: what they call positive another reader may have called neutral.
    """
    return tuple(msgspec.structs.replace(head, temperature=_temperature(head, parts, entries)) for head in heads)


def _temperature(head: HeadEntry, parts: Sequence[Measured], entries: Mapping[str, DataSet]) -> float:
    of_task = [part for part in parts if part.task == head.name and not entries[part.source].lacks]
    if sum(len(part.labels) for part in of_task) < FEWEST:
        return head.temperature
    return fit_temperature(np.concatenate([p.logits for p in of_task]), np.concatenate([p.labels for p in of_task]))


@torch.no_grad()
def calibrate_readings(
    network: Network,
    pooled: Tensor,
    examples: Sequence[TokenisedExample],
    heads: Sequence[HeadEntry],
    entries: Mapping[str, DataSet],
) -> None:
    """Divide each reading's layer by the temperature that fits the texts of its domain."""
    network.eval()
    said = outputs(network, pooled)
    for head in heads:
        mixed, gated = said[head.name], gated_head(network.heads[head.name])
        if gated is None or not isinstance(mixed, Mixed):
            continue
        for domain, logits, layer in zip(
            DOMAINS, (mixed.first, mixed.second), (gated.first, gated.second), strict=True
        ):
            _cool(layer, logits, head, domain, examples, entries)


def _cool(
    layer: nn.Linear,
    logits: Tensor,
    head: HeadEntry,
    domain: str,
    examples: Sequence[TokenisedExample],
    entries: Mapping[str, DataSet],
) -> None:
    rows = [
        i
        for i, row in enumerate(examples)
        if (entry := entries[row.example.source]).task == head.name and entry.domain == domain and not entry.lacks
    ]
    if len(rows) < FEWEST:
        return
    labels = np.array([examples[i].example.label for i in rows])
    temperature = fit_temperature(logits[rows].double().numpy(), labels)
    layer.weight.div_(temperature)
    layer.bias.div_(temperature)


def calibrated(
    network: Network,
    pooled: Tensor,
    examples: Sequence[TokenisedExample],
    heads: Sequence[HeadEntry],
    entries: Mapping[str, DataSet],
) -> tuple[HeadEntry, ...]:
    """`heads` with their temperatures, the network's readings calibrated before; all from the dev part given."""
    if not examples:
        return tuple(heads)
    calibrate_readings(network, pooled, examples, heads, entries)
    return with_temperatures(heads, measured(network, pooled, examples, heads, entries), entries)
