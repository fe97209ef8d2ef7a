"""The training loop: AdamW with warm-up and linear decay, an average of the weights, early stopping, checkpoints.

A run is a function of its plan and its data: a killed one that goes on from its checkpoint ends with the same bits.
"""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import msgspec
import torch

from streamwatch.learning.average import Average, put, replaced
from streamwatch.learning.batches import epoch_batches
from streamwatch.learning.checkpoint import RunState, RunTensors, load_checkpoint, save_checkpoint
from streamwatch.learning.journal import Journal, NoJournal
from streamwatch.learning.methods.adalora import ranks_of
from streamwatch.learning.methods.regularise import LOSSES, Lesson
from streamwatch.learning.optimiser import make_optimiser, schedule, set_rates
from streamwatch.learning.plan import Plan
from streamwatch.models.adapter import trained
from streamwatch.models.network import Network

CHECKPOINT_EVERY_S = 60.0
"""Wall clock between checkpoints: a kill costs a minute at most, and writing 130 MB costs a tenth of a second."""

JOURNAL_EVERY = 20
"""Steps between two numbers in the journal: 400 points an epoch are a curve."""

Progress = Callable[[int, int, float], None]
"""Called after each step with the steps done, all steps, and the loss."""


class Trainer:
    """Trains the free parameters of a network.

    Args:
        network: of `network_to_train`.
        lesson: with repetitions, as an epoch shows them.
        plan: the settings.
        folder: where checkpoints go.
        run: describes settings and data; a checkpoint of another run is refused.
        judge: the score of the network on the dev part, higher is better; None: nothing is judged.
        journal: takes the course down.
        stopping: asked after each step whether somebody wants an end; then the checkpoint is written and
            `KeyboardInterrupt` raised.
    """

    def __init__(
        self,
        network: Network,
        lesson: Lesson,
        plan: Plan,
        folder: Path,
        run: str,
        judge: Callable[[], float] | None = None,
        journal: Journal | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.network, self.lesson, self.plan, self.folder, self.run = network, lesson, plan, folder, run
        self.judge, self.journal, self.stopping = judge, journal or NoJournal(), stopping
        self.parameters = trained(network)
        self.optimiser = make_optimiser(self.parameters, plan)
        self.average = Average(self.parameters, plan.average) if plan.average else None
        self.ranks = ranks_of(network.encoder)
        self.best: dict[str, torch.Tensor] = {}
        self.lengths = [len(row) for row in lesson.rows]
        self.steps_per_epoch = -(-len(lesson.rows) // plan.batch_size)
        self.n_steps = plan.n_steps(len(lesson.rows))
        self._state = RunState()
        self._resumed_at = self._saved_at = monotonic()

    def fit(self, progress: Progress) -> None:
        """Train to the end of the plan, from the checkpoint if there is one; leaves the weights that are the model."""
        held = self._held()
        self._state = load_checkpoint(self.folder, self.run, held)
        if self.ranks and self._state.step:
            self.ranks.restore(held.method)
        self._resumed_at = self._saved_at = monotonic()
        self.network.train()
        while not self._over():
            self._epoch(progress)
        if self.best:
            put(self.parameters, self.best)
        elif self.average:
            put(self.parameters, self.average.values)

    def _held(self) -> RunTensors:
        average, method = self.average.values if self.average else {}, self.ranks.state() if self.ranks else {}
        return RunTensors(self.parameters, self.optimiser, average, self.best, method)

    def _epoch(self, progress: Progress) -> None:
        """The rest of the epoch that the next step lies in."""
        epoch, skip = divmod(self._state.step, self.steps_per_epoch)
        for batch in epoch_batches(self.lengths, self.plan.batch_size, self.plan.seed, epoch)[skip:]:
            loss = self._step(batch)
            self._state = msgspec.structs.replace(self._state, step=self._state.step + 1)
            self._judge_if_due()
            progress(self._state.step, self.n_steps, loss)
            over, asked = self._over(), self._asked()
            if over or asked or monotonic() - self._saved_at > CHECKPOINT_EVERY_S:
                self._save()
            if asked and not over:
                raise KeyboardInterrupt
            if over:
                return

    def _save(self) -> None:
        now = monotonic()
        elapsed_s = self._state.elapsed_s + now - self._resumed_at
        self._state = msgspec.structs.replace(self._state, elapsed_s=elapsed_s)
        self._resumed_at = self._saved_at = now
        save_checkpoint(self.folder, self._state, self.run, self._held())

    def _asked(self) -> bool:
        """Whether somebody wants an end."""
        return self.stopping()

    def _score(self) -> float:
        """What the dev part says of the network as it is."""
        assert self.judge is not None
        return self.judge()

    def _over(self) -> bool:
        patient = not self.plan.patience or self._state.n_without_gain < self.plan.patience
        return self._share_done() >= 1 or not patient

    def _share_done(self) -> float:
        """How far the run is: by steps, or by its minutes where those are limited and further on."""
        by_steps = self._state.step / self.n_steps
        if not self.plan.max_minutes:
            return by_steps
        elapsed_s = self._state.elapsed_s + monotonic() - self._resumed_at
        return max(by_steps, elapsed_s / (60 * self.plan.max_minutes))

    def _judge_if_due(self) -> None:
        """Ask the dev part now and then and at the end; keep the weights that it likes best."""
        every = max(1, round(self.steps_per_epoch / self.plan.evaluations))
        due = self._state.step % every == 0 or self._share_done() >= 1
        if self.judge is None or not self.plan.patience or not due:
            return
        with replaced(self.parameters, self.average.values if self.average else None):
            score = self._score()
            if score > self._state.best_score:
                self.best.update({name: p.detach().clone() for name, p in self.parameters.items()})
        self.network.train()
        gained = score > self._state.best_score
        self._state = msgspec.structs.replace(
            self._state,
            best_score=max(score, self._state.best_score),
            n_without_gain=0 if gained else self._state.n_without_gain + 1,
        )
        self.journal.note("dev/macro_f1", score, self._state.step)

    def _step(self, batch: list[int]) -> float:
        """One step of AdamW; gives the loss. Dropout is seeded by the step, so that a resumed run draws the same."""
        torch.manual_seed(self.plan.seed * 1_000_003 + self._state.step)
        factor = schedule(self._share_done(), self.plan.warmup)
        set_rates(self.optimiser, factor)
        self.optimiser.zero_grad()
        loss = self._learn(batch)
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        self.optimiser.step()
        if self.ranks:
            self.ranks.move(self._state.step)
        if self.average:
            self.average.update(self._state.step)
        return self._noted(loss, factor)

    def _learn(self, batch: list[int]) -> float:
        """Leave the gradients of a batch on the parameters; gives its loss."""
        loss = self._loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _loss(self, batch: list[int]) -> torch.Tensor:
        loss = LOSSES[self.plan.regulariser](self.network, self.lesson, batch)
        return loss + self.ranks.penalty() if self.ranks else loss

    def _noted(self, loss: float, factor: float) -> float:
        if self._state.step % JOURNAL_EVERY == 0:
            self.journal.note("train/loss", loss, self._state.step)
            self.journal.note("train/rate", self.plan.rate * factor, self._state.step)
        return loss
