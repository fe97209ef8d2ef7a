"""How many labels the queue's mix needs to be as good as random choice: macro-F1 over labels, twitter topics.

    python tests/benchmarks/label_efficiency.py --data FOLDER [--seeds 7 8 9] [--out FOLDER] [--json]

The learner is a multinomial logistic regression on sentence embeddings of the untrained encoder, which has seen none of these
labels; it is fitted again after each hour. (The shipped model has learned from these very tweets, so it cannot be the learner.)
Both begin with the same first labels, drawn at random. Then each hour brings what the budget allows: the queue draws by its
own code (`streamwatch.labelling.rates`, `rarity`) with the topic that the learner says and the doubt that its probabilities
leave, random choice draws as many uniformly. A power of 4 and a root of 0.5 are the queue's; a root of 0 is doubt alone.
Topics alone: the sentiment takes no part. The encoder runs once; its embeddings are kept in --out, and so is each finished
run, so that a second call goes on where the first one was stopped.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from data_folder import add_data_option, parse_with_data
from numpy.typing import NDArray

from streamwatch.labelling import rarity, rates
from streamwatch.labelling.chance import LOST
from streamwatch.labelling.rarity import Rarity, faded
from streamwatch.labelling.rates import Budget, Hour
from streamwatch.text.clean import model_text, stored_text

N_TEST = 3000
"""Of 16,990 tweets; the queue has the rest to choose from. A stream has more, and from 6,000 the rare topics were all taken."""
FIRST_LABELS = 200
MOST_LABELS = 2600
INVERSE_PENALTY = 20.0
"""Of the logistic regression."""
TOKENS, BATCH = 64, 64
Matrix = NDArray[np.float32]
Column = NDArray[np.int64]


def main() -> None:
    """Run what was not run, and print the curves."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    table = (
        pd.read_csv(options.data / "topic" / "twitter_financial_train.csv")
        .drop_duplicates("text")
        .sample(frac=1, random_state=1)
    )
    texts = [model_text(stored_text(text)) for text in table["text"]]
    labels = table["label"].astype("category").cat.codes.to_numpy(np.int64)
    points = _embedded(texts, options.out / "embeddings.npy")
    queues = [
        f"queue power={power} root={root} share={share}"
        for power, root, share in product(options.powers, options.roots, options.shares)
    ]
    curves: dict[str, list[list[float]]] = {arm: [] for arm in ("random", *queues)}
    for seed in options.seeds:
        for arm, runs in curves.items():
            path = options.out / f"{arm.replace(' ', '_')}_{options.per_hour}_{seed}.json"
            runs.append(_kept(path, lambda arm=arm, seed=seed: _curve(points, labels, arm, seed, options.per_hour)))
            print(f"{arm}, seed {seed}: {runs[-1][-1]:.3f}, CPU {time.process_time():.0f} s", file=sys.stderr)
    counts = list(range(FIRST_LABELS, MOST_LABELS + 1, options.per_hour))
    report = {"labels": counts, "macro_f1": curves, "needed": {arm: _needed(counts, curves, arm) for arm in queues}}
    print(json.dumps(report) if options.json else "\n".join(_lines(report)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--powers", type=float, nargs="+", default=[rates.POWER], help="of the doubt, in a weight")
    parser.add_argument("--roots", type=float, nargs="+", default=[rarity.ROOT], help="of a topic's share, in a weight")
    parser.add_argument("--per-hour", type=int, default=200, help="labels until the learner is fitted again")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25], help="uniform parts of the budget")
    parser.add_argument("--out", type=Path, default=Path("label-efficiency"), help="folder that keeps what was run")
    parser.add_argument("--json", action="store_true", help="print the curves as JSON")
    return parse_with_data(parser)


def _embedded(texts: list[str], path: Path) -> Matrix:
    """Mean-pooled states of the untrained encoder, of length 1."""
    if path.exists():
        return np.load(path)
    import torch
    from transformers import AutoModel, AutoTokenizer

    from streamwatch.models.base import find_base

    torch.set_num_threads(1)
    folder = str(find_base())
    tokens, encoder = (
        AutoTokenizer.from_pretrained(folder),
        AutoModel.from_pretrained(folder, dtype=torch.bfloat16).eval(),
    )
    points = np.zeros((len(texts), encoder.config.hidden_size), np.float32)
    order = np.argsort([len(text) for text in texts])
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        batch = tokens(
            [texts[i] for i in places], padding=True, truncation=True, max_length=TOKENS, return_tensors="pt"
        )
        with torch.inference_mode():
            states = encoder(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None]
        pooled = (states.float() * mask).sum(1) / mask.sum(1)
        points[places] = torch.nn.functional.normalize(pooled).numpy()
        if start % (10 * BATCH) == 0:
            print(f"embedded {start} of {len(texts)}", file=sys.stderr)
    np.save(path, points)
    return points


def _kept(path: Path, run: Callable[[], Iterable[float]]) -> list[float]:
    """The curve of one run, computed unless it was."""
    if not path.exists():
        path.write_text(json.dumps(list(run())))
    return json.loads(path.read_text())


def _curve(points: Matrix, labels: Column, arm: str, seed: int, per_hour: int) -> Iterator[float]:
    """Macro-F1 on the test documents after the first labels and after each hour."""
    order = np.random.default_rng(seed).permutation(len(labels))
    test, pool = order[:N_TEST], order[N_TEST:]
    draws = np.random.default_rng(seed + 1)
    known, rest = pool[:FIRST_LABELS], pool[FIRST_LABELS:]
    for n in range(FIRST_LABELS, MOST_LABELS + 1, per_hour):
        model = _fitted(points[known], labels[known])
        yield _macro_f1(labels[test], model.predict(points[test]), labels)
        taken = _drawn(arm, model, points[rest], n + per_hour - len(known), draws)
        known, rest = np.concatenate([known, rest[taken]]), np.delete(rest, taken)


def _fitted(points: Matrix, labels: Column) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=INVERSE_PENALTY, max_iter=100, tol=1e-3).fit(points, labels)


def _macro_f1(true: Column, said: Column, labels: Column) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(true, said, average="macro", labels=np.unique(labels), zero_division=0))


def _drawn(arm: str, model: Any, points: Matrix, wanted: int, draws: np.random.Generator) -> Column:
    """The places of what an hour brings: all that is left is one hour's stream, and the hour before held the same."""
    if arm == "random":
        return draws.choice(len(points), wanted, replace=False)
    named = dict(part.split("=") for part in arm.split()[1:])
    said = model.predict_proba(points)
    doubts = np.clip(np.rint((1 - said.max(axis=1)) * LOST), 0, LOST).astype(int)
    rarity.ROOT = float(named["root"])
    rates.WEIGHTS = tuple((doubt / LOST) ** float(named["power"]) for doubt in range(LOST + 1))
    p = _probabilities(doubts, said.argmax(axis=1), wanted, float(named["share"]))
    return np.flatnonzero(draws.random(len(points)) < p)


def _probabilities(doubts: Column, topics: Column, wanted: int, share: float) -> NDArray[np.float64]:
    """π of each document, by the queue's own code."""
    budget, before = Budget(wanted * share, wanted * (1 - share)), Hour(0)
    pairs = list(zip(doubts.tolist(), map(str, topics), strict=True))
    for pair in pairs:
        before.count(*pair)
    rare = Rarity(faded({}, before.topics))
    before.find_scale(budget.margin, rare)
    p = {(doubt, topic): rates.rates(doubt, Hour(0), before, budget, topic, rare).p for doubt, topic in set(pairs)}
    return np.array([p[pair] for pair in pairs])


def _needed(counts: list[int], curves: dict[str, list[list[float]]], arm: str) -> dict[str, list[float]]:
    """By number of random labels, the share of them that the queue needs for the same macro-F1: the mean over seeds of the
    curves, and each seed alone; nothing where the queue is never so good."""
    pairs = [
        (np.mean(curves["random"], axis=0), np.mean(curves[arm], axis=0)),
        *((np.array(a), np.array(b)) for a, b in zip(curves["random"], curves[arm], strict=True)),
    ]
    return {
        str(n): [_share(counts, a, b, i) for a, b in pairs] for i, n in enumerate(counts) if n in (1000, 1800, 2600)
    }


def _share(counts: list[int], random: Any, queue: Any, i: int) -> float:
    rising = np.maximum.accumulate(queue)
    return float(np.interp(random[i], rising, counts) / counts[i]) if rising[-1] >= random[i] else float("nan")


def _lines(report: dict[str, Any]) -> Iterator[str]:
    arms = list(report["macro_f1"])
    yield "labels  " + "  ".join(arms)
    for i, n in enumerate(report["labels"]):
        cells = [[run[i] for run in report["macro_f1"][arm]] for arm in arms]
        yield f"{n:6d}  " + "  ".join(f"{np.mean(c):.3f} ({min(c):.3f} to {max(c):.3f})" for c in cells)
    for arm, shares in report["needed"].items():
        for n, (mean, *each) in shares.items():
            yield f"{arm}: as good as {n} random labels with {mean:.0%} of them ({', '.join(f'{one:.0%}' for one in each)})"


if __name__ == "__main__":
    main()
