"""Teachers: models whose probabilities a new model learns from, beside labels or in their place.

Several are an ensemble: the mean of their probabilities, over those that speak of a text's domain.

Examples:
    >>> parse_teacher("market=runs/finance")
    Teacher(folder=PosixPath('runs/finance'), domain='market')
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from streamwatch.learning.datasets.entry import DOMAINS, DataSet, Domain
from streamwatch.learning.datasets.rows import Example
from streamwatch.learning.evaluation import pooled_states
from streamwatch.models.adapter import load_network
from streamwatch.models.base import BASE, locate_base
from streamwatch.models.manifest import HeadEntry, Manifest, read_manifest
from streamwatch.models.tokens import TokenReader

Progress = Callable[[int, int], None]
HEARD_FILE = "heard.safetensors"


class Teacher(msgspec.Struct, frozen=True):
    """A model's folder, and the domain whose texts it speaks of; empty: of all."""

    folder: Path
    domain: Domain = ""


def parse_teacher(text: str) -> Teacher:
    """`FOLDER`, or `market=FOLDER`."""
    for domain in DOMAINS:
        if text.startswith(f"{domain}="):
            return Teacher(Path(text.removeprefix(f"{domain}=")), domain)  # type: ignore[arg-type]
    return Teacher(Path(text))


def teach(
    teachers: Sequence[Teacher],
    base: Path,
    examples: Sequence[Example],
    entries: Mapping[str, DataSet],
    heads: Sequence[HeadEntry],
    progress: Progress,
) -> dict[str, Tensor]:
    """The teachers' mean probabilities of `examples`, `(n, k)` for each head; a row of zeros where nobody speaks.

    The topics of a text of customers are nobody's to teach: teachers may not know `unclear`. Raises `ModelError`.
    """
    total = {head.name: torch.zeros(len(examples), len(head.labels)) for head in heads}
    n_speaking = {head.name: torch.zeros(len(examples), 1) for head in heads}
    for teacher in teachers:
        heard = [_speaks(teacher, entries[example.source]) for example in examples]
        said = _probabilities(teacher, base, examples, heard, progress)
        for head in heads:
            if head.name in said:
                speaks = torch.tensor(
                    [h and _teaches(head, entries[e.source]) for h, e in zip(heard, examples, strict=True)]
                )
                total[head.name] += _by_label(said[head.name], head) * speaks[:, None]
                n_speaking[head.name] += speaks[:, None]
    return {name: p / n_speaking[name].clamp_min(1) for name, p in total.items() if n_speaking[name].any()}


def _speaks(teacher: Teacher, entry: DataSet) -> bool:
    return teacher.domain in ("", entry.domain)


def _teaches(head: HeadEntry, entry: DataSet) -> bool:
    return not head.outside or entry.domain != DOMAINS[1]


def heard_before(folder: Path, run: str, hear: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """What teachers said in this run before it was interrupted, else what `hear` gives: hearing them takes minutes."""
    path = folder / HEARD_FILE
    if path.is_file():
        with safe_open(path, framework="pt") as file:
            if file.metadata()["run"] == run:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    heard = hear()
    save_file(heard, new := path.with_suffix(".new"), metadata={"run": run})
    new.replace(path)
    return heard


class Said(msgspec.Struct):
    """What a head says of texts: its labels, and their probabilities `(n, k)`."""

    labels: tuple[str, ...]
    p: Tensor


def _probabilities(
    teacher: Teacher, base: Path, examples: Sequence[Example], heard: Sequence[bool], progress: Progress
) -> dict[str, Said]:
    """What a teacher says of each example, each different text computed once; zeros for those that it is not asked of."""
    manifest = read_manifest(teacher.folder)
    texts = list(dict.fromkeys(e.text for e, asked in zip(examples, heard, strict=True) if asked))
    place = {text: i for i, text in enumerate(texts)}
    said = heads_say(teacher, base, manifest, texts, progress)
    rows = torch.tensor([place.get(example.text, 0) for example in examples])
    return {name: Said(one.labels, one.p[rows]) for name, one in said.items()} if texts else {}


@torch.inference_mode()
def heads_say(
    teacher: Teacher, base: Path, manifest: Manifest, texts: Sequence[str], progress: Progress
) -> dict[str, Said]:
    """The calibrated probabilities of all heads of a model, its base found with it or in `base`."""
    own = base if manifest.base == BASE else locate_base(teacher.folder, manifest.base)
    network = load_network(own, teacher.folder, manifest)
    rows = TokenReader(own, manifest.max_tokens, manifest.tail_tokens, manifest.base.tokenizer_sha256).read(texts)
    logits = network.says(pooled_states(network, rows, progress, quick=True))
    return {h.name: Said(h.labels, (logits[h.name] / h.temperature).softmax(1).clone()) for h in manifest.heads}


def _by_label(said: Said, head: HeadEntry) -> Tensor:
    """The teacher's probabilities `(n, k)` in the order of `head`; a label that it does not know has none."""
    made = torch.zeros(len(said.p), len(head.labels))
    for k, label in enumerate(said.labels):
        if label in head.labels:
            made[:, head.labels.index(label)] = said.p[:, k]
    return made
