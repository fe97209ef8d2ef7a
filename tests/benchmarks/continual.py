"""What is forgotten when one sentiment set is learned after the other, and what retraining does about it.

    python tests/benchmarks/continual.py --data FOLDER --out FOLDER [--seeds 0 1 2] [--methods mix,plain]

Five steps: SemEval, Twitter financial, SEntFiN, airline, StockEmotions; 2,500 texts each to learn from, 1,000 to test on, two
epochs. After each step the accuracy on every set learned so far is measured: row i, column j of the matrix is the accuracy on
set j after step i. The methods differ in what else a step sees or is held by:

    plain    nothing
    ewc      springs on what mattered for the steps before (`streamwatch.retraining.elastic`, Fisher information added up)
    replay   a tenth of what was seen, by class and step (`streamwatch.retraining.reservoir`), as in retraining
    mix      that, and the network before the step as a teacher of it all: what `streamwatch retrain` does
    joint    no steps: all five sets at once, for as many texts and epochs; the bound

Backward transfer is the mean over the sets but the last of the accuracy at the end minus that right after learning the set
(Lopez-Paz and Ranzato, NIPS 2017). The networks begin with the plain encoder, and are thrown away: two of the sets may teach no
model that ships. Done pairs of method and seed are kept in --out and not run again, so a run that was killed goes on.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import torch
from data_folder import add_data_option, parse_with_data
from numpy.typing import NDArray
from scipy.stats import t as student
from torch import Tensor

from streamwatch.learning.datasets import catalogue
from streamwatch.learning.datasets.rows import read_examples
from streamwatch.learning.evaluation import pooled_states
from streamwatch.learning.methods.choose import network_to_train, plain_encoder
from streamwatch.learning.methods.lora import with_lora
from streamwatch.learning.near_copies import near_copies
from streamwatch.learning.plan import Plan
from streamwatch.models.base import find_base
from streamwatch.models.manifest import HeadEntry
from streamwatch.models.network import Network
from streamwatch.models.tokens import TokenReader
from streamwatch.records import SENTIMENTS
from streamwatch.retraining import shared_trainer
from streamwatch.retraining.company import Company
from streamwatch.retraining.elastic import Springs, fisher
from streamwatch.retraining.inputs import Inputs
from streamwatch.retraining.known import KnownText
from streamwatch.retraining.lesson import lesson
from streamwatch.retraining.replay import Store, remembered
from streamwatch.retraining.request import DEFAULT
from streamwatch.retraining.shared_trainer import SharedTrainer
from streamwatch.text.clean import text_hash

STEPS = ("semeval_tweets", "twitter_financial", "sentfin", "airline", "stockemotions")
METHODS = ("plain", "ewc", "replay", "mix", "joint")
N_TEST = 1_000
MONTH_MS = 31 * 86_400_000
"""Each step is a month of its own for the reservoir."""
HEAD = HeadEntry("sentiment", SENTIMENTS, ("market", "customer"))
PLAN = Plan(
    method="lora", rank=16, epochs=2.0, smoothing=0.0, unclear_weight=0.0, distil_weight=DEFAULT.distil_weight, patience=0,
    dropout=0.0,
)  # fmt: skip
"""Of every step. Two short epochs have no need of dropout in the encoder, and it takes a quarter of the time."""
FIRST: dict[int, tuple[Network, list[float]]] = {}
"""By seed, the network after the first step and its row of the matrix: there is nothing to forget yet, so all begin alike."""
RESULTS = "continual.jsonl"
PLOT = "continual.png"


class Result(msgspec.Struct, frozen=True):
    """The accuracies of one method and seed, a row for each step; `joint` has one row. `asked` names the settings."""

    method: str
    seed: int
    asked: str
    matrix: list[list[float]]
    memory_share: float
    cpu_s: float


class Step(msgspec.Struct, frozen=True):
    """What one set gives."""

    train: list[KnownText]
    test: list[KnownText]


def read_steps(data: Path, n_train: int, seed: int) -> list[Step]:
    """The sets, divided. The test part is the same for every seed, and holds no near copy of what is learned."""
    return [_step(data, name, number, n_train, seed) for number, name in enumerate(STEPS)]


def _step(data: Path, name: str, number: int, n_train: int, seed: int) -> Step:
    texts = sorted(_texts(data, name, number), key=lambda text: text_hash(text.text))
    n_test = min(N_TEST, max(50, n_train // 2))  # a smoke run tests little too
    test, rest = texts[:n_test], texts[n_test:]
    chosen = random.Random(seed).sample(rest, min(len(rest), n_train + n_train // 4))
    copies = near_copies([text.text for text in chosen], [text.text for text in test])
    return Step([text for text, copied in zip(chosen, copies, strict=True) if not copied][:n_train], test)


@cache
def _texts(data: Path, name: str, number: int) -> list[KnownText]:
    entry = catalogue.find(name)
    return [
        KnownText(
            id=f"{name}/{text_hash(e.text)}", text=e.text, published_ms=number * MONTH_MS, origin="answers", source=name,
            sentiment=entry.task_labels[e.label], reading=entry.domain,
        )
        for e in read_examples(data, entry)
    ]  # fmt: skip


class Learner:
    """A network that learns step by step by one method."""

    def __init__(self, method: str, base: Path, seed: int, asked: argparse.Namespace, say: "Say") -> None:
        self.method, self.base, self.asked, self.say = method, base, asked, say
        self.plan = plan = msgspec.structs.replace(PLAN, seed=seed)
        self.reader = TokenReader(base, plan.max_tokens, plan.tail_tokens)
        network = network_to_train(base, (HEAD,), plan, 1)
        network.encoder = plain_encoder(network)
        network.encoder.config._attn_implementation = "eager"  # on a CPU the quicker one to train, to the same numbers
        self.network: Network = network
        self.store, self.n_seen = Store(), 0
        self.fisher: dict[str, Tensor] = {}

    def learn(self, texts: list[KnownText], number: int) -> None:
        """One step: train on `texts` and on what the method keeps, then keep, unless it was the last."""
        self._train(texts, number)
        if number + 1 < len(STEPS):
            self._keep(texts)

    def begin_as(self, other: Network, texts: list[KnownText]) -> None:
        """The first step, which all methods but `joint` take alike, as another one has taken it."""
        self.network = deepcopy(other)
        self._keep(texts)

    def _train(self, texts: list[KnownText], number: int) -> None:
        if number:
            self.plan = msgspec.structs.replace(self.plan, **self.asked.later)
        inputs = Inputs(asked="", train=[*texts, *self._replayed()], dev=[], report=[])
        rows = self.rows(text.read for text in inputs.train)
        heard = self._heard(inputs, rows) if self.method == "mix" and number else {}
        torch.manual_seed(self.plan.seed + number)
        self.network.encoder = with_lora(self.network.encoder, self.plan.rank)  # type: ignore[arg-type]
        springs = Springs(self.network, self.fisher, self.asked.ewc) if self.fisher else None
        taught = lesson(inputs, rows, (HEAD,), heard, self.plan, once=False)
        with tempfile.TemporaryDirectory() as folder:
            trainer = SharedTrainer(
                self.network, taught, self.plan, Path(folder), "step", company=Company(), springs=springs
            )
            trainer.fit(lambda done, total, loss: self.say(f"step {number + 1}", done, total, f"loss {loss:.3f}"))
        self.network.encoder = plain_encoder(self.network)

    def rows(self, texts: Iterable[str]) -> dict[str, list[int]]:
        """Token ids by text."""
        different = list(dict.fromkeys(texts))
        return dict(zip(different, self.reader.read(different), strict=True))

    def accuracy(self, texts: Sequence[KnownText]) -> float:
        """Of the first choice among all three sentiments."""
        p = self._probabilities([text.read for text in texts], self.rows(text.read for text in texts))
        said = [SENTIMENTS[i] for i in p.argmax(1).tolist()]
        return float(np.mean([a == text.sentiment for a, text in zip(said, texts, strict=True)]))

    def _replayed(self) -> list[KnownText]:
        return list(self.store.texts.values()) if self.method in ("replay", "mix") else []

    def _heard(self, inputs: Inputs, rows: Mapping[str, list[int]]) -> dict[str, Tensor]:
        return {HEAD.name: self._probabilities([text.read for text in inputs.train], rows)}

    @torch.inference_mode()
    def _probabilities(self, texts: Sequence[str], rows: Mapping[str, list[int]]) -> Tensor:
        pooled = pooled_states(self.network, [rows[text] for text in texts], lambda *_: None, quick=True)
        return self.network.says(pooled)[HEAD.name].softmax(1).clone()

    def _keep(self, texts: list[KnownText]) -> None:
        self.n_seen += len(texts)
        if self.method in ("replay", "mix"):
            self.store = remembered(self.store, texts, since_ms=0)
        if self.method == "ewc":
            rows = list(self.rows(text.read for text in texts).values())
            of_step = fisher(
                deepcopy(self.network), rows, self.plan.seed, lambda done, n: self.say("fisher", done, n, "")
            )
            self.fisher = {name: t + self.fisher.get(name, 0) for name, t in of_step.items()}

    @property
    def memory_share(self) -> float:
        """Texts that are kept, of all that were seen."""
        return len(self._replayed()) / max(1, self.n_seen)


class Say:
    """Progress on standard error, a line every few seconds."""

    def __init__(self, name: str) -> None:
        self._name, self._next_s = name, 0.0

    def __call__(self, stage: str, done: int, total: int, remark: str) -> None:
        """`done` of `total` of a stage."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + 5
            print(f"{self._name}: {stage}, {done} of {total} {remark}", file=sys.stderr, flush=True)


def asked_of(method: str, arguments: argparse.Namespace) -> str:
    """The settings that a result of `method` depends on."""
    plan = PLAN if method == "mix" else msgspec.structs.replace(PLAN, distil_weight=0.0)  # the others have no teacher
    asked = f"{arguments.documents} texts, {N_TEST} tested, {msgspec.json.encode(plan).decode()}"
    if method == "joint":
        return asked
    return f"{asked}, later {arguments.later}" + (f", ewc {arguments.ewc:g}" if method == "ewc" else "")


def run(method: str, seed: int, arguments: argparse.Namespace) -> Result:
    """One method and seed."""
    began = time.process_time()
    steps = read_steps(arguments.data, arguments.documents, seed)
    learner = Learner(method, find_base(), seed, arguments, Say(f"{method}, seed {seed}"))
    matrix: list[list[float]] = []
    if method == "joint":
        learner.learn([text for step in steps for text in step.train], 0)
        matrix.append([learner.accuracy(step.test) for step in steps])
    else:
        for number, step in enumerate(steps):
            if not number and seed in FIRST:
                learner.begin_as(FIRST[seed][0], step.train)
                matrix.append(FIRST[seed][1])
                continue
            learner.learn(step.train, number)
            matrix.append([learner.accuracy(other.test) for other in steps[: number + 1]])
            if not number:
                FIRST[seed] = (deepcopy(learner.network), matrix[0])
    asked = asked_of(method, arguments)
    return Result(method, seed, asked, matrix, learner.memory_share, time.process_time() - began)


def backward_transfer(matrix: Sequence[Sequence[float]]) -> float:
    """The mean change of the accuracy on a set from right after it was learned to the end.

    >>> round(backward_transfer([[0.9], [0.7, 0.8]]), 2)
    -0.2
    """
    return float(np.mean([matrix[-1][i] - matrix[i][i] for i in range(len(matrix) - 1)]))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half of the 95 % interval over the seeds (Student); 0 for one seed."""
    if len(values) < 2:
        return float(np.mean(values)), 0.0
    half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(half)


def table(results: Sequence[Result]) -> list[dict[str, object]]:
    """A row for each method: final accuracy, its share of joint training's, backward transfer, memory, CPU seconds."""
    joint = {r.seed: float(np.mean(r.matrix[-1])) for r in results if r.method == "joint"}
    rows = []
    for method in METHODS:
        of = [r for r in results if r.method == method]
        if not of:
            continue
        last = [float(np.mean(r.matrix[-1])) for r in of]
        rows.append({
            "method": method, "seeds": len(of), "accuracy": interval(last),
            "of_joint": interval([a / joint[r.seed] for a, r in zip(last, of, strict=True) if r.seed in joint] or [np.nan]),
            "backward_transfer": interval([backward_transfer(r.matrix) for r in of]) if method != "joint" else None,
            "memory_share": max(r.memory_share for r in of), "cpu_s": float(np.mean([r.cpu_s for r in of])),
        })  # fmt: skip
    return rows


def plot(results: Sequence[Result], path: Path) -> None:
    """The accuracy matrices beside each other, the mean over the seeds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    methods = [m for m in METHODS if any(r.method == m for r in results)]
    figure, axes = pyplot.subplots(
        1, len(methods), figsize=(3.2 * len(methods), 3.6), squeeze=False, layout="constrained"
    )
    for ax, method in zip(axes[0], methods, strict=True):
        mean = np.mean([_square(r.matrix) for r in results if r.method == method], axis=0)
        ax.imshow(mean, vmin=0.3, vmax=0.9, cmap="viridis", aspect="auto")
        for (i, j), accuracy in np.ndenumerate(np.nan_to_num(mean)):
            if accuracy:
                ax.text(j, i, f"{100 * accuracy:.0f}", ha="center", va="center", color="white", fontsize=8)
        ax.set_title(method)
        ax.set_xticks(range(len(STEPS)), [name[:9] for name in STEPS], rotation=60, fontsize=7)
        rows = ["at once"] if method == "joint" else [f"after {i + 1}" for i in range(len(mean))]
        ax.set_yticks(range(len(mean)), rows, fontsize=7)
    figure.suptitle("Accuracy (%) on each set after each step", fontsize=10)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _square(matrix: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Rows of the same length, NaN for sets that were not learned yet."""
    return np.array([[*row, *[np.nan] * (len(STEPS) - len(row))] for row in matrix])


def done_before(path: Path, asked: Container[str]) -> list[Result]:
    """What earlier runs of the same settings have left; a line that a kill cut short is passed over."""
    found = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            found.append(msgspec.json.decode(line, type=Result))
        except msgspec.DecodeError:
            continue
    return [result for result in found if result.asked in asked]


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for results and plot; done pairs are not run again"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", default=",".join(METHODS), help=f"of {', '.join(METHODS)}")
    parser.add_argument("--documents", type=int, default=2_500, help="to learn from in each step")
    parser.add_argument("--ewc", type=float, default=1_000.0, help="strength of the springs of the method ewc")
    parser.add_argument(
        "--later", type=json.loads, default={}, metavar="JSON", help="settings of a plan for the steps after the first"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parse_with_data(parser)
    unknown = set(arguments.methods.split(",")) - set(METHODS)
    if unknown:
        parser.error(f"--methods {min(unknown)}: of {', '.join(METHODS)}")
    return arguments


def main() -> None:
    """Run what is not done yet, then print a line for each method and draw the matrices."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    shared_trainer.PARTS = 1  # there is one process: whole batches take a fifth less time than quarters
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = done_before(arguments.out / RESULTS, {asked_of(method, arguments) for method in METHODS})
    for seed in arguments.seeds:
        for method in arguments.methods.split(","):
            if not any((r.method, r.seed) == (method, seed) for r in results):
                results.append(run(method, seed, arguments))
                with (arguments.out / RESULTS).open("ab") as file:
                    file.write(b"\n" + msgspec.json.encode(results[-1]) + b"\n")
    plot(results, arguments.out / PLOT)
    for row in table(results):
        print(json.dumps(row) if arguments.json else _line(row))


def _line(row: Mapping[str, object]) -> str:
    def shown(value: object) -> str:
        return "" if value is None else f"{100 * value[0]:6.1f} ± {100 * value[1]:.1f}"  # type: ignore[index]

    return (
        f"{row['method']:7} accuracy {shown(row['accuracy'])}, of joint {shown(row['of_joint'])} %, "
        f"backward transfer {shown(row['backward_transfer']):>13}, memory {100 * float(str(row['memory_share'])):.0f} %, "
        f"{row['cpu_s']:.0f} s of CPU, {row['seeds']} seeds"
    )


if __name__ == "__main__":
    main()
