"""Make a model's first stage: ask the trunk of many texts, fit, choose thresholds, measure, write.

Nothing of the stream from `UNSEEN_FROM` on is learned from or chosen by, so that a benchmark of it measures texts that
the first stage has never seen.
"""

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch

from streamwatch.errors import ConfigError
from streamwatch.inference.cascade.first_stage import (
    CascadeCard,
    CascadeHead,
    FirstStage,
    Floats,
    may_answer,
    write_first_stage,
)
from streamwatch.inference.cascade.fit import SEED, fit
from streamwatch.inference.cascade.thresholds import NEVER, Judged, agreement, choose, coverage, scores
from streamwatch.inference.numeric import cpu_multiplies_bf16
from streamwatch.inference.opening import Located
from streamwatch.inference.trunks.opening import open_trunk
from streamwatch.learning.datasets.catalogue import find
from streamwatch.learning.datasets.rows import read_examples
from streamwatch.learning.split import DEV_SHARE, VALIDATION_SHARE, place
from streamwatch.models.adapter import load_network
from streamwatch.models.tokens import TokenReader
from streamwatch.text.clean import model_text, stored_text, text_hash

LABELLED = ("twitter_financial", "sentfin", "semeval_tweets", "twitter_financial_topics")
"""Permissive sets, large enough for thresholds; airline is never among them."""
STREAM = "stocknet"
UNSEEN_FROM = "2015-06-01"
TEACHER_ROWS = 32
"""In a batch: states that fit a core's cache."""
N_TEXTS = 60_000
Watch = Callable[[str, int, int], None]


class Known(msgspec.Struct, frozen=True):
    """A text of a set, with the label that people gave it for one task; empty task: none."""

    source: str
    text: str
    task: str = ""
    label: str = ""


def make_cascade(found: Located, data: Path, n_texts: int, watch: Watch) -> CascadeCard:
    """Write the first stage of the model in `found.folder`; gives what its file says of itself."""
    known = read_known(data, n_texts)
    texts = [one.text for one in known]
    soft = teach(found, texts, watch)
    side = np.array([_side(text) for text in texts])
    train = np.flatnonzero(side == "train")
    weights = fit([texts[i] for i in train], [part[train] for part in soft], progress=lambda a, b: watch("fit", a, b))
    draft = _card(found, NEVER, len(train))
    judge = _Judge(known, soft, FirstStage(draft, weights, ""))
    chosen = choose(judge.sets(np.flatnonzero(side == "dev")))
    card = _measured(_card(found, chosen, len(train)), chosen, judge.sets(np.flatnonzero(side == "report")))
    write_first_stage(found.folder, card, weights)
    return card


def _side(text: str) -> str:
    """As `streamwatch.learning.split` divides."""
    at = place(text) / 10_000
    return "report" if at < VALIDATION_SHARE else "dev" if at < VALIDATION_SHARE + DEV_SHARE else "train"


def read_known(data: Path, n_texts: int) -> list[Known]:
    """The texts of the labelled sets, and of the stream as many as fill `n_texts`, those with the least hashes."""
    known = [
        Known(name, example.text, find(name).task, find(name).task_labels[example.label])
        for name in LABELLED
        for example in read_examples(data, find(name))
    ]
    known = sorted(known, key=lambda one: text_hash(one.text))[: n_texts * 2 // 3]
    stream = sorted(set(_stream_texts(data / find(STREAM).file)), key=text_hash)
    return known + [Known(STREAM, text) for text in stream[: n_texts - len(known)]]


def _stream_texts(path: Path) -> Iterator[str]:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                text = model_text(stored_text(row["text"]))
                if text and row["published_at"] < UNSEEN_FROM:
                    yield text
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error


@torch.inference_mode()
def teach(found: Located, texts: Sequence[str], watch: Watch) -> list[Floats]:
    """The trunk's calibrated probabilities, `(n, k)` of each head: in bfloat16 where the CPU multiplies it, else float32."""
    manifest = found.manifest
    network = load_network(found.base, found.folder, manifest)
    trunk = open_trunk(network, "bf16" if cpu_multiplies_bf16() else "fp32")
    reader = TokenReader(found.base, manifest.max_tokens, manifest.tail_tokens, manifest.base.tokenizer_sha256)
    rows = reader.read(texts)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    soft = [np.zeros((len(rows), len(head.labels)), dtype=np.float32) for head in manifest.heads]
    for start in range(0, len(order), TEACHER_ROWS):
        part = order[start : start + TEACHER_ROWS]
        logits = network.says(trunk.pooled([rows[i] for i in part]))
        for head, p in zip(manifest.heads, soft, strict=True):
            p[part] = (logits[head.name].float() / head.temperature).softmax(1).numpy()
        watch("ask the trunk", start + len(part), len(order))
    return soft


class _Judge:
    """What trunk and first stage say of every text, by set."""

    def __init__(self, known: Sequence[Known], soft: Sequence[Floats], first: FirstStage) -> None:
        self._known, self._soft, self._heads = known, soft, first.card.heads
        p = [first.probabilities([one.text for one in known[i : i + 512]]) for i in range(0, len(known), 512)]
        self._p = [np.concatenate(parts) for parts in zip(*p, strict=True)]
        self._allowed = np.array([may_answer(one.text) for one in known])

    def sets(self, rows: np.ndarray) -> list[Judged]:
        """The sets, of the texts at `rows`."""
        names = dict.fromkeys(self._known[i].source for i in rows)
        return [self._set(name, np.array([i for i in rows if self._known[i].source == name])) for name in names]

    def _set(self, name: str, rows: np.ndarray) -> Judged:
        task = self._known[rows[0]].task
        trunk = tuple(part[rows].argmax(1) for part in self._soft)
        first = tuple(part[rows] for part in self._p)
        if not task:
            return Judged(name, trunk, first, self._allowed[rows])
        at = [head.name for head in self._heads].index(task)
        labels = np.array([self._heads[at].labels.index(self._known[i].label) for i in rows])
        return Judged(name, trunk, first, self._allowed[rows], at, labels)


def _card(found: Located, threshold: float, n_texts: int) -> CascadeCard:
    return CascadeCard(
        adapter=found.manifest.adapter.sha256,
        heads=tuple(CascadeHead(head.name, head.labels, threshold) for head in found.manifest.heads),
        n_texts=n_texts,
        seed=SEED,
    )


def _measured(card: CascadeCard, threshold: float, sets: Sequence[Judged]) -> CascadeCard:
    """With figures of texts that nothing was fitted or chosen by."""
    [stream] = [judged for judged in sets if judged.name == STREAM]
    labelled = {judged.name: scores([judged], threshold) for judged in sets if judged.labels is not None}
    return msgspec.structs.replace(
        card,
        coverage=round(coverage(stream, threshold), 4),
        agreement=round(agreement(stream, threshold), 4),
        macro_f1={name: (round(alone, 4), round(whole, 4)) for name, (alone, whole) in labelled.items()},
    )
