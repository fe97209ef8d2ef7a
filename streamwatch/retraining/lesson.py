"""From known texts to what the training loop takes: token rows, labels of all tasks, and what the incumbent says.

Unlike a first training, one text may have labels of several tasks, and the incumbent speaks of every one: of texts that nobody
labelled it speaks alone, and beside a label it keeps what the label says nothing of.

Of the stream's texts it is heard as far as it is sure. A retraining follows a change, so many of them are of the new kind: some
hundred answers say what these are, and a thousand of them, on which the incumbent is at a loss, would teach its being at a
loss against the answers.

Beside a label it is heard according to what it knows of such texts: of a replayed one, which is of the kinds that it has learned,
most of what is taught is its word, which says more than the label and keeps a few texts from being learned by heart; of an
answered one, which was mostly drawn because it was unsure, little.

For the stream's held-out texts, which nobody labelled, the incumbent's word stands in. To judge and to calibrate by, a label
is drawn from its probabilities: the candidate that says the same has the best expected score, and temperatures fitted on
them leave it as honest as the incumbent. To compare by, its first choice is taken: the accuracy on these is how often
the candidate says what the incumbent said.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

import msgspec
import torch
from torch import Tensor

from streamwatch.learning.datasets.entry import DataSet
from streamwatch.learning.datasets.rows import NO_LABEL, Example
from streamwatch.learning.material import Material, TokenisedExample
from streamwatch.learning.methods.regularise import Lesson
from streamwatch.learning.objectives.targets import NO_DOMAIN, Targets
from streamwatch.learning.objectives.total import Objective
from streamwatch.learning.plan import Plan
from streamwatch.models.manifest import DataFile, HeadEntry
from streamwatch.retraining.inputs import Inputs
from streamwatch.retraining.known import KnownText, Origin, id_hash

MOST_REPEATS = 4
"""How often an epoch shows a text at most: more would be learning a few answers by heart."""
ANSWERS_TO_STREAM = 0.5
"""As many answers are shown as half of the stream's texts, so far as repeats reach: a third of each epoch is new."""
REPLAYED = 0.7
"""The incumbent's part beside the label of a replayed text. docs/retraining.md has what this saves of the past."""
DOMAINS = {"market": 1.0, "customer": 0.0}
PLACES: dict[Origin, str] = {"answers": "labels", "replay": "replay.parquet", "stream": "classified"}

Rows = dict[str, list[int]]
"""Token ids by the text as the model reads it."""


class PeoplesLabels(DataSet, frozen=True, kw_only=True):
    """Labels that people gave, which are called as the model's head calls them."""

    names: tuple[str, ...] = ()

    @property
    def task_labels(self) -> tuple[str, ...]:
        """The labels of the head."""
        return self.names


def repeats(texts: Iterable[KnownText]) -> dict[Origin, int]:
    """How often an epoch shows a text of each origin.

    >>> def texts(origin, n):
    ...     return [KnownText(id=f"{i}", text="", published_ms=0, origin=origin) for i in range(n)]
    >>> repeats([*texts("answers", 1000), *texts("replay", 300), *texts("stream", 5000)])
    {'answers': 2, 'replay': 4, 'stream': 1}
    """
    counts: dict[Origin, int] = {"answers": 0, "replay": 0, "stream": 0}
    for text in texts:
        counts[text.origin] += 1
    answers = _times(ANSWERS_TO_STREAM * counts["stream"], counts["answers"])
    return {"answers": answers, "replay": _times(answers * counts["answers"], counts["replay"]), "stream": 1}


def _times(wanted: float, n: int) -> int:
    return min(MOST_REPEATS, max(1, int(wanted / max(1, n))))


def lesson(
    inputs: Inputs, rows: Rows, heads: Sequence[HeadEntry], heard: Mapping[str, Tensor], plan: Plan, *, once: bool
) -> Lesson:
    """What is shown and asked. `heard` has a row for each of `inputs.sides`; `once`: nothing is repeated."""
    times = repeats(inputs.train)
    shown = [i for i, text in enumerate(inputs.train) for _ in range(1 if once else times[text.origin])]
    texts, places = [inputs.train[i] for i in shown], torch.tensor(shown)
    asked = Targets(
        labels={head.name: torch.tensor([_label(text, head) for text in texts]) for head in heads},
        lacks={head.name: torch.zeros(len(texts), len(head.labels), dtype=torch.bool) for head in heads},
        weight=torch.tensor([text.weight for text in texts]),
        domain=torch.tensor([DOMAINS.get(text.reading, NO_DOMAIN) for text in texts]),
        outside=torch.zeros(len(texts)),
        teacher={name: _heard(p[places], texts) for name, p in heard.items()},
        part=torch.tensor([REPLAYED if text.origin == "replay" else plan.distil_weight for text in texts]),
    )
    objective = Objective(heads, plan.smoothing, plan.distil_weight, plan.distil_temperature)
    return Lesson([rows[text.read] for text in texts], asked, objective)


def _heard(said: Tensor, texts: Sequence[KnownText]) -> Tensor:
    """What the incumbent says `(n, k)`, the rows of the stream's texts times how sure it is."""
    unlabelled = torch.tensor([text.origin == "stream" for text in texts])
    return said * torch.where(unlabelled, sureness(said), torch.ones(len(texts)))[:, None]


def sureness(p: Tensor) -> Tensor:
    """How sure `(n,)` a head is of its first choice: 0 where all its labels are alike to it, 1 where it has no doubt.

    >>> sureness(torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.7, 0.1, 0.1, 0.1], [0.0, 1.0, 0.0, 0.0]])).tolist()
    [0.0, 0.5999999642372131, 1.0]
    """
    chance = 1 / p.shape[1]
    return (p.max(1).values - chance) / (1 - chance)


def _label(text: KnownText, head: HeadEntry) -> int:
    said = text.said(head.name)
    return head.labels.index(said) if said in head.labels else NO_LABEL


def material(
    inputs: Inputs, rows: Rows, heads: Sequence[HeadEntry], heard: Mapping[str, Tensor], probe: Sequence[list[int]]
) -> Material:
    """What is judged and measured on, a source for each origin, task and reading."""
    n, n_dev = len(inputs.train), len(inputs.dev)
    entries: dict[str, DataSet] = {}
    dev = _examples(inputs.dev, _rows_of(heard, n, n + n_dev), heads, rows, entries, drawn=True)
    report = _examples(inputs.report, _rows_of(heard, n + n_dev, None), heads, rows, entries, drawn=False)
    return Material(tuple(heads), entries, [], dev, report, _files(inputs), probe)


def _rows_of(heard: Mapping[str, Tensor], start: int, stop: int | None) -> dict[str, Tensor]:
    return {name: p[start:stop] for name, p in heard.items()}


def _examples(
    texts: Sequence[KnownText], heard: Mapping[str, Tensor], heads: Sequence[HeadEntry], rows: Rows,
    entries: dict[str, DataSet], *, drawn: bool,
) -> list[TokenisedExample]:  # fmt: skip
    made: list[TokenisedExample] = []
    for i, text in enumerate(texts):
        for head in heads:
            label = _label(text, head)
            if text.origin == "stream" and head.name in heard:
                label = _incumbents(text, heard[head.name][i], drawn=drawn)
            if label != NO_LABEL:
                entry = _entry(text, head)
                entries.setdefault(entry.name, entry)
                made.append(TokenisedExample(Example(text.read, entry.name, head.name, label), rows[text.read]))
    return made


def _incumbents(text: KnownText, p: Tensor, *, drawn: bool) -> int:
    """The label that stands in for a person's: the incumbent's first choice, or one drawn from what it says, by hash."""
    if not drawn:
        return int(p.argmax())
    at = int(id_hash(f"label\x1f{text.id}"), 16) / 2**64
    return min(int((p.cumsum(0) < at).sum()), len(p) - 1)


def _entry(text: KnownText, head: HeadEntry) -> PeoplesLabels:
    by = "incumbent" if text.origin == "stream" else text.origin
    reading = text.reading if head.name == "sentiment" else ""
    return PeoplesLabels(
        name=f"{by}_{reading or head.name}",
        file=PLACES[text.origin],
        task=head.name,
        domain=reading,  # type: ignore[arg-type]
        names=head.labels,
    )


def _files(inputs: Inputs) -> tuple[DataFile, ...]:
    """An entry of the manifest for each origin: how many texts, and a hash of them and of their labels."""
    made = []
    for origin, place in PLACES.items():
        learned = [text for text in (*inputs.train, *inputs.dev) if text.origin == origin]
        held = [text for text in inputs.report if text.origin == origin]
        if learned or held:
            digest = sha256(msgspec.json.encode([learned, held])).hexdigest()
            made.append(DataFile(origin, place, digest, len(learned), len(held)))
    return tuple(made)
