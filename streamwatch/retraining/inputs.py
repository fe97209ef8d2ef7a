"""All that a retraining learns from, gathered once and kept on disk: what comes in while it runs changes nothing.

A run that was killed goes on from the same answers, though there may be more by then; that is what makes its model the
same, bit by bit. The file lies in the run's folder of work and goes with it when the run is done, since it holds texts.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.learning.split import Side
from streamwatch.models.manifest import Manifest
from streamwatch.models.pointer import write_whole
from streamwatch.retraining.division import divided
from streamwatch.retraining.doubtful import Doubtful
from streamwatch.retraining.fresh import ALONE, Fresh, LeftOut, class_counts
from streamwatch.retraining.known import KnownText, id_hash
from streamwatch.retraining.stream import check_enough

WORK = "work"
"""The folder of a run's own in its --out. `models add` leaves it behind."""
INPUTS_FILE = "inputs.json"
DRAWN = 2
"""Documents drawn for each that is wanted: a third is held out, and some are all but the same as a held-out text."""
MOST_MEASURED = 500
"""Documents of the stream on which the candidate is compared with the incumbent in the manifest; the gate does it properly."""
MOST_JUDGED = 300
"""Documents of the stream that judge while it trains: a macro-F1 of them is two points wide."""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """The texts by side, and what was said on the way.

    `asked` names the request. `left_out` and `doubtful` name documents by id: they are for the people who label.
    """

    asked: str
    train: list[KnownText]
    dev: list[KnownText]
    report: list[KnownText]
    left_out: list[LeftOut] = []
    doubtful: list[Doubtful] = []
    classes: dict[str, int] = {}
    answered_until: datetime | None = None

    @property
    def sides(self) -> list[KnownText]:
        """All texts: train, dev, report, in this order."""
        return [*self.train, *self.dev, *self.report]

    @property
    def remarks(self) -> list[str]:
        """What somebody should know who reads the log."""
        made = []
        if self.left_out:
            made.append(
                f"{len(self.left_out)} answered documents are left out, or for one task: see review/left_out.jsonl"
            )
        if self.doubtful:
            made.append(f"{len(self.doubtful)} labels are doubtful: see review/doubtful.jsonl")
        alone = [name for name, n in self.classes.items() if n == ALONE]
        if alone:
            made.append(f"one example only, learned but not measured: {', '.join(alone)}")
        if not any(text.uniform and text.origin == "answers" for text in self.report):
            made.append("no uniformly drawn answer is held out: the gate cannot measure the gain")
        return made


def n_to_draw(n_past: int, n_replay: int) -> int:
    """How many documents of the stream to draw, so that `n_past` guard the past with `n_replay` that are replayed.

    >>> n_to_draw(5000, 0), n_to_draw(5000, 6000)
    (10000, 0)
    """
    return DRAWN * max(0, n_past - n_replay)


def gathered(asked: str, found: Fresh, past: Sequence[KnownText], n_past: int, since: str) -> Inputs:
    """The inputs of `found` answers and of the past. Raises `ConfigError` where there is nothing to learn, or no past."""
    if not found.texts:
        raise ConfigError(_nothing(found, since))
    by_side = divided([*found.texts, *past])
    _check_sides(by_side)
    train = _at_most(by_side["train"], n_past)
    check_enough(sum(text.origin != "answers" for text in train), n_past)
    return Inputs(
        asked=asked,
        train=train,
        dev=_at_most(by_side["dev"], MOST_JUDGED),
        report=_at_most(by_side["report"], MOST_MEASURED),
        left_out=found.left_out,
        classes=class_counts(found.texts),
        answered_until=found.answered_until,
    )


def _nothing(found: Fresh, since: str) -> str:
    if found.left_out:
        why = found.left_out[0]
        return f"none of {len(found.left_out)} answered documents can be learned: {why.id}: {why.why}, and so on"
    return f"no answers{f' since {since}' if since else ''}: let people label (streamwatch labels), or set --since further back"


def _check_sides(by_side: dict[Side, list[KnownText]]) -> None:
    if not any(text.origin == "answers" for text in by_side["train"]):
        raise ConfigError(
            "all answers are held out for the gate: there are too few to learn from, let people label more"
        )
    if not by_side["dev"] or not by_side["report"]:
        raise ConfigError(
            "nothing to judge by: neither an answer that was drawn uniformly nor documents of the stream; let the workers "
            "run, or name recorded documents with --stream FILE"
        )


def _at_most(texts: list[KnownText], n_stream: int) -> list[KnownText]:
    """`texts` with no more than `n_stream` of the stream's, which come by hash: the first are a uniform draw too."""
    stream = [text for text in texts if text.origin == "stream"][:n_stream]
    return [*(text for text in texts if text.origin != "stream"), *stream]


IsGone = Callable[[str, str], bool]
"""Whether a document with these hashes, of its id and of its writer, was forgotten."""


def frozen(
    folder: Path, asked: str, gather: Callable[[], Inputs], is_gone: IsGone = lambda document, author: False
) -> Inputs:
    """The inputs that lie in `folder`, else those that `gather` gives, then kept there.

    What was forgotten since they were gathered is taken out first, and what was made of them then begins anew. Raises
    `ConfigError` when those there are of another request.
    """
    path = folder / INPUTS_FILE
    if path.is_file():
        inputs = msgspec.json.decode(path.read_bytes(), type=Inputs)
        if inputs.asked != asked:
            raise ConfigError(
                f"{folder.parent} holds a run that asked for other things: repeat those, or name another --out"
            )
        return _without_gone(folder, inputs, is_gone)
    inputs = gather()
    write_whole(path, msgspec.json.encode(inputs))
    return inputs


def _without_gone(folder: Path, inputs: Inputs, is_gone: IsGone) -> Inputs:
    left = {name: not_gone(getattr(inputs, name), is_gone) for name in ("train", "dev", "report")}
    if sum(map(len, left.values())) == len(inputs.sides):
        return inputs
    made = msgspec.structs.replace(inputs, **left)
    for path in folder.rglob("*.safetensors"):  # heard and learned of them
        path.unlink(missing_ok=True)
    write_whole(folder / INPUTS_FILE, msgspec.json.encode(made))
    return made


def not_gone(texts: Iterable[KnownText], is_gone: IsGone) -> list[KnownText]:
    """`texts` without those that were forgotten."""
    return [text for text in texts if not is_gone(id_hash(text.id), text.author_hash)]


def asked_name(choices: object, incumbent: Manifest) -> str:
    """A name for what is asked of whom."""
    return sha256(msgspec.json.encode([choices, incumbent.version, incumbent.adapter.sha256])).hexdigest()
