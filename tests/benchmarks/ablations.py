"""One row for each choice of the trainer: 6,000 documents, one epoch, one seed. A screening, no more.

    python tests/benchmarks/ablations.py --data FOLDER [--rows lora adn] [--documents 6000] [--threads 1]

FOLDER (or STREAMWATCH_DATA) holds the permissive data sets. All rows learn from the same documents and are measured on the
same reported ones; a row is a line of JSON. With one seed, differences below a point and a half are chance. Rows marked
`loadable: false` change the encoder in a way that cannot be merged into its weights: they are here to be compared, and the
worker does not load them. CPU seconds are of this process: the machine may be shared.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from streamwatch.learning.datasets import catalogue
from streamwatch.learning.evaluation import Measured, pooled_states, score
from streamwatch.learning.material import Material, TokenisedExample, read_material
from streamwatch.learning.methods.choose import network_to_train
from streamwatch.learning.metrics import accuracy, macro_f1, recall
from streamwatch.learning.plan import Plan
from streamwatch.learning.search import halve, neighbours
from streamwatch.learning.trial import lesson_of, said_on, some_texts, train_in_memory
from streamwatch.models.base import find_base
from streamwatch.models.network import Network
from streamwatch.models.tokens import TokenReader

PLAN = Plan(epochs=1.0, patience=0)
REPORTED = 1000
"""Texts of each source that a row is measured on, at most."""
BOTTLENECK = 48
"""Width of the adapters: 0.4 million parameters, as many as LoRA of rank 9."""
PREFIX = 8
N_SEARCHED = 9


class Bench(msgspec.Struct):
    """What all rows share."""

    base: Path
    material: Material
    rows: list[TokenisedExample]
    reported: list[TokenisedExample]

    def network(self, plan: Plan) -> Network:
        """A fresh network of a plan."""
        return network_to_train(self.base, self.material.heads, plan, plan.n_steps(len(self.rows)))

    def trained(self, plan: Plan) -> Network:
        """The network of a plan, trained."""
        return train_in_memory(self.network(plan), lesson_of(self.material, self.rows, plan), plan)


def changed(**settings: object) -> Plan:
    """The plan of a row."""
    return msgspec.convert(msgspec.to_builtins(PLAN) | settings, Plan)


def by_plan(**settings: object) -> Callable[[Bench], Network]:
    """A row that is a plan."""
    return lambda bench: bench.trained(changed(**settings))


def distilled(bench: Bench) -> Network:
    """A pupil of the row `full`, trained anew: born-again networks (Furlanello et al., arXiv 1805.04770)."""
    teacher = bench.trained(PLAN)
    lesson = lesson_of(bench.material, bench.rows, PLAN)
    with torch.inference_mode():
        said = teacher.eval().says(pooled_states(teacher, lesson.rows, lambda *_: None, quick=True))
    market = (lesson.asked.domain > 0)[:, None]
    p = {name: logits.softmax(1).clone() for name, logits in said.items()}
    lesson.asked.teacher = {"sentiment": p["sentiment"], "topic": p["topic"] * market}
    return train_in_memory(bench.network(PLAN), lesson, PLAN)


class Bottleneck(nn.Module):
    """A layer and an adapter behind it (Houlsby et al., arXiv 1902.00751): x + up(gelu(down(x))), at first x."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer, self.down = layer, nn.Linear(layer.out_features, BOTTLENECK)
        self.up = nn.Linear(BOTTLENECK, layer.out_features)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states: Tensor) -> Tensor:
        """The layer's output and what the adapter adds."""
        out = self.layer(states)
        return out + self.up(nn.functional.gelu(self.down(out)))


def with_bottlenecks(bench: Bench) -> Network:
    """Adapters behind both blocks of every layer, all else held fast."""
    plan = changed(learning_rate=1e-3)
    network = bench.network(plan)
    for parameter in network.encoder.parameters():
        parameter.requires_grad = False
    for layer in network.encoder.encoder.layer:
        layer.attention.output.dense = Bottleneck(layer.attention.output.dense)
        layer.output.dense = Bottleneck(layer.output.dense)
    return train_in_memory(network, lesson_of(bench.material, bench.rows, plan), plan)


def with_prefix(bench: Bench) -> Network:
    """Prefix tuning (Li and Liang, arXiv 2101.00190) by peft: learned keys and values before every text."""
    from peft import PrefixTuningConfig, TaskType, get_peft_model

    plan = changed(learning_rate=1e-2)
    network = bench.network(plan)
    config = PrefixTuningConfig(task_type=TaskType.FEATURE_EXTRACTION, num_virtual_tokens=PREFIX)
    network.encoder = get_peft_model(network.encoder, config)
    return train_in_memory(network, lesson_of(bench.material, bench.rows, plan), plan)


def searched(bench: Bench) -> Network:
    """The best of nine plans by successive halving on the dev part, then trained as the others."""

    def dev_score(plan: Plan, share: float) -> float:
        rows = some_texts(bench.material, round(share * len(bench.rows)), plan.seed)
        network = network_to_train(bench.base, bench.material.heads, plan, plan.n_steps(len(rows)))
        train_in_memory(network, lesson_of(bench.material, rows, plan), plan)
        return score(said_on(network, bench.material.dev[::4], bench.material))

    return bench.trained(halve(neighbours(PLAN, N_SEARCHED), dev_score))


ROWS: dict[str, Callable[[Bench], Network]] = {
    "full": by_plan(),
    "lora": by_plan(method="lora"),
    "adalora": by_plan(method="adalora"),
    "adn": by_plan(norm="adn"),
    "layers_dropped": by_plan(layers="0,1,2,3"),
    "units_pruned": by_plan(units=768),
    "head_ensemble": by_plan(head_members=3),
    "fgm": by_plan(regulariser="fgm"),
    "r_drop": by_plan(regulariser="r_drop"),
    "distillation": distilled,
    "bottleneck_adapters": with_bottlenecks,
    "prefix": with_prefix,
    "search": searched,
}
NOT_LOADABLE = ("bottleneck_adapters", "prefix")


def main() -> None:
    """Run the rows and print each as it comes."""
    options = _options()
    torch.set_num_threads(options.threads)
    bench = _bench(Path(options.data), options.documents)
    for name in options.rows:
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        network = ROWS[name](bench)
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        found = figures(said_on(network, bench.reported, bench.material))
        row = {"row": name, "screening": True, "loadable": name not in NOT_LOADABLE, **found}
        print(json.dumps(row | {"cpu_s": round(cpu_s), "wall_s": round(wall_s)}), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("STREAMWATCH_DATA", "."))
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--documents", type=int, default=6000)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def _bench(data: Path, n_documents: int) -> Bench:
    base = find_base()
    reader = TokenReader(base, PLAN.max_tokens, PLAN.tail_tokens)
    material = read_material(data, catalogue.permissive(), reader, PLAN, lambda *_: None)
    by_source: dict[str, list[TokenisedExample]] = {}
    for row in material.report:
        by_source.setdefault(row.example.source, []).append(row)
    reported = [row for rows in by_source.values() for row in rows[:REPORTED]]
    return Bench(base, material, some_texts(material, n_documents, PLAN.seed), reported)


def figures(parts: list[Measured]) -> dict[str, float]:
    """Accuracy and macro-F1 of the financial sets, macro recall of the tweets as TweetEval has it."""
    made: dict[str, float] = {}
    for part in parts:
        predicted, n_labels = part.logits.argmax(1), part.logits.shape[1]
        if part.source in ("twitter_financial", "sentfin", "twitter_financial_topics"):
            made[f"{part.source}.accuracy"] = accuracy(part.labels, predicted)
            made[f"{part.source}.macro_f1"] = macro_f1(part.labels, predicted, n_labels)
        if part.source == "semeval_tweets":
            recalls = [recall(part.labels, predicted, k) for k in range(n_labels)]
            made["semeval_tweets.macro_recall"] = float(np.mean(recalls))
    return {name: round(value, 3) for name, value in made.items()}


if __name__ == "__main__":
    main()
