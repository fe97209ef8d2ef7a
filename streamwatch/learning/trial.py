"""A trial: a plan on few texts for as long as it says, in memory; for searches and screenings, never for a model.

Which texts are taken is a matter of the plan's seed, so that plans with one seed are compared on the same ones.
"""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.learning.evaluation import Measured, measured, pooled_states, score
from streamwatch.learning.job import material_of, run_name
from streamwatch.learning.material import Material, TokenisedExample, Watcher
from streamwatch.learning.methods.choose import network_to_train
from streamwatch.learning.methods.regularise import Lesson
from streamwatch.learning.objectives.targets import targets
from streamwatch.learning.objectives.total import Objective
from streamwatch.learning.plan import Plan
from streamwatch.learning.request import Request, check
from streamwatch.learning.search import halve, neighbours, trials_of
from streamwatch.learning.trainer import Trainer
from streamwatch.learning.tried import Tried
from streamwatch.models.network import Network


def some_texts(material: Material, n_texts: int, seed: int) -> list[TokenisedExample]:
    """`n_texts` of the training side, in a seeded order; all of them when there are no more."""
    return random.Random(seed).sample(material.train, min(n_texts, len(material.train)))


def lesson_of(material: Material, rows: list[TokenisedExample], plan: Plan) -> Lesson:
    """What a plan asks of some examples. Teachers are not heard."""
    asked = targets([row.example for row in rows], material.entries, material.heads, plan.unclear_weight)
    objective = Objective(material.heads, plan.smoothing, plan.distil_weight, plan.distil_temperature)
    return Lesson([row.ids for row in rows], asked, objective)


def train_in_memory(
    network: Network, lesson: Lesson, plan: Plan, stopping: Callable[[], bool] = lambda: False
) -> Network:
    """Train a network without early stopping; it stays in memory. Raises `KeyboardInterrupt` when `stopping` says so."""
    with tempfile.TemporaryDirectory() as folder:
        Trainer(network, lesson, plan, Path(folder), run="", stopping=stopping).fit(lambda *_: None)
    return network


def said_on(network: Network, rows: list[TokenisedExample], material: Material) -> list[Measured]:
    """What a network says of examples, by source."""
    pooled = pooled_states(network, [row.ids for row in rows], lambda *_: None, quick=True)
    return measured(network, pooled, rows, material.heads, material.entries)


def searched(request: Request, n_plans: int, watch: Watcher, stopping: Callable[[], bool] = lambda: False) -> Request:
    """`request` with the best of `n_plans` plans around its own, by successive halving on the dev part.

    Trials are kept in the request's folder, and a search that was interrupted goes on behind the last of them. Raises
    `ConfigError` where nothing can be judged by, `KeyboardInterrupt` when `stopping` says so.
    """
    check(request)
    material = material_of(request, watch)
    if not material.dev:
        raise ConfigError(
            "--search judges plans by the dev part, and it is empty: raise --dev-share, or give more texts"
        )
    tried = Tried(request.out, run_name(request, material))
    n_trials = trials_of(n_plans)

    def dev_score(plan: Plan, share: float) -> float:
        watch("search", tried.n, n_trials, f"rate {plan.rate:g}, batch {plan.batch_size}, {share:.0%} of the texts")
        return tried.score(plan, share, lambda: _dev_score(request, material, plan, share, stopping))

    plan = halve(neighbours(request.plan, n_plans), dev_score)
    watch("search", n_trials, n_trials, f"rate {plan.rate:g}, batch {plan.batch_size}")
    return msgspec.structs.replace(request, plan=plan)


def _dev_score(request: Request, material: Material, plan: Plan, share: float, stopping: Callable[[], bool]) -> float:
    """How well a plan does after one epoch of a share of the texts."""
    short = msgspec.structs.replace(plan, epochs=1.0, max_minutes=0.0, patience=0)
    rows = some_texts(material, round(share * len(material.train)), plan.seed)
    network = network_to_train(request.base, material.heads, short, short.n_steps(len(rows)), request.start)
    train_in_memory(network, lesson_of(material, rows, short), short, stopping)
    return score(said_on(network, material.dev, material))
