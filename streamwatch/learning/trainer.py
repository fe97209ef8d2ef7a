"""The training loop: masked multi-task cross-entropy, AdamW, warm-up and linear decay, checkpoints.

Each example has a label of one task; the other head learns nothing from it. The loss is the weighted mean over the
labels of a batch, whichever task they are of, so a source's part is its number of examples and nothing hidden.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import msgspec
import torch
from torch import Tensor
from torch.nn import functional

from streamwatch.inference.numeric import cpu_multiplies_bf16
from streamwatch.learning.batches import epoch_batches
from streamwatch.learning.checkpoint import RunState, load_checkpoint, save_checkpoint
from streamwatch.learning.recipe import Example
from streamwatch.models.adapter import trained
from streamwatch.models.network import Network

CHECKPOINT_EVERY_S = 60.0
"""Wall clock between checkpoints: a kill costs a minute at most, and writing 8 MB costs nothing."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a run. The learning rate is high because only LoRA and the heads move.

    `max_minutes` (0: none) ends a run early with the learning rate brought down in time; such a run depends on the
    speed of its machine and cannot be repeated exactly.
    """

    epochs: float = 2.0
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.06
    max_tokens: int = 128
    max_minutes: float = 0.0
    seed: int = 7


class TokenisedExample(msgspec.Struct, frozen=True):
    """An example with the token ids of its text."""

    example: Example
    ids: list[int]


Progress = Callable[[int, int, float], None]
"""Called after each step with the steps done, all steps, and the loss."""


class Trainer:
    """Trains the free parameters of a network.

    Args:
        network: of `lora_network`.
        examples: with repetitions, as an epoch shows them.
        plan: the settings.
        folder: where checkpoints go.
        run: describes settings and data; a checkpoint of another run is refused.
    """

    def __init__(
        self, network: Network, examples: Sequence[TokenisedExample], plan: Plan, folder: Path, run: str
    ) -> None:
        self.network = network
        self.examples = examples
        self.plan = plan
        self.folder = folder
        self.run = run
        self.parameters = trained(network)
        self.optimiser = torch.optim.AdamW(
            self.parameters.values(), lr=plan.learning_rate, weight_decay=plan.weight_decay
        )
        self.lengths = [len(tokenised.ids) for tokenised in examples]
        self.steps_per_epoch = -(-len(examples) // plan.batch_size)
        self.n_steps = max(1, round(self.steps_per_epoch * plan.epochs))
        self._state = RunState()
        self._resumed_at = self._saved_at = monotonic()

    def fit(self, progress: Progress) -> None:
        """Train to the end of the plan, from the checkpoint if there is one."""
        self._state = load_checkpoint(self.folder, self.run, self.parameters, self.optimiser)
        self._resumed_at = self._saved_at = monotonic()
        self.network.train()
        while self._share_done() < 1:
            self._epoch(progress)

    def _epoch(self, progress: Progress) -> None:
        """The rest of the epoch that the next step lies in."""
        epoch, skip = divmod(self._state.step, self.steps_per_epoch)
        for batch in epoch_batches(self.lengths, self.plan.batch_size, self.plan.seed, epoch)[skip:]:
            loss = self._step([self.examples[i] for i in batch])
            self._state = RunState(self._state.step + 1, self._state.elapsed_s)
            progress(self._state.step, self.n_steps, loss)
            over = self._share_done() >= 1
            if over or monotonic() - self._saved_at > CHECKPOINT_EVERY_S:
                self._save()
            if over:
                return

    def _save(self) -> None:
        now = monotonic()
        self._state = RunState(self._state.step, self._state.elapsed_s + now - self._resumed_at)
        self._resumed_at = self._saved_at = now
        save_checkpoint(self.folder, self._state, self.run, self.parameters, self.optimiser)

    def _share_done(self) -> float:
        """How far the run is: by steps, or by its minutes where those are limited and further on."""
        by_steps = self._state.step / self.n_steps
        if not self.plan.max_minutes:
            return by_steps
        elapsed_s = self._state.elapsed_s + monotonic() - self._resumed_at
        return max(by_steps, elapsed_s / (60 * self.plan.max_minutes))

    def _step(self, batch: list[TokenisedExample]) -> float:
        """One step of AdamW; gives the loss. Dropout is seeded by the step, so that a resumed run draws the same."""
        torch.manual_seed(self.plan.seed * 1_000_003 + self._state.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.learning_rate * schedule(self._share_done(), self.plan.warmup)
        ids, mask = padded([tokenised.ids for tokenised in batch])
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_multiplies_bf16()):
            logits = self.network(ids, mask)
        loss = multitask_loss(logits["sentiment"], logits["topic"], [tokenised.example for tokenised in batch])
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        self.optimiser.step()
        return float(loss.detach())


def schedule(progress: float, warmup: float) -> float:
    """The learning rate's factor: up from 0 during the warm-up, then down to 0 in a line.

    >>> [round(schedule(p, 0.1), 2) for p in (0.0, 0.05, 0.1, 0.55, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return progress / warmup if progress < warmup else max(0.0, 1 - progress) / (1 - warmup)


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids `(n, t)` padded with 0 to the longest row, and the 0/1 mask, both int64.

    >>> padded([[101, 7, 102], [101, 102]])[1].tolist()
    [[1, 1, 1], [1, 1, 0]]
    """
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *([0] * (width - len(row)))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


def multitask_loss(sentiment: Tensor, topic: Tensor, examples: Sequence[Example]) -> Tensor:
    """The mean weighted cross-entropy over the labels of a batch; a head gets no gradient from the other's labels."""
    losses = [_head_loss(sentiment, "sentiment", examples), _head_loss(topic, "topic", examples)]
    return torch.cat(losses).sum() / len(examples)


def _head_loss(logits: Tensor, task: str, examples: Sequence[Example]) -> Tensor:
    """The weighted loss `(m,)` of the `m` examples of `task`."""
    rows = [i for i, example in enumerate(examples) if example.task == task]
    labels = torch.tensor([examples[i].label for i in rows], dtype=torch.long)
    weights = torch.tensor([examples[i].weight for i in rows])
    return functional.cross_entropy(logits[rows], labels, reduction="none") * weights
