"""The retraining job: answers, replay and the stream in, a model's folder out.

    gather     answers, what was learned before, the stream's own past   work/inputs.json
    hear       what the incumbent says of all of it                      work/heard.safetensors
    weigh      what mattered to it (only with --ewc)                     work/fisher.safetensors
    train      on from the incumbent                                     work/checkpoint.safetensors
    write      the model, calibrated and measured                        manifest.json, last
    remember   what was learned, in the replay store

Each stage leaves what the next one needs, so a run that was killed goes on where it was, and ends with the same bits. Nothing is
promoted here, and nothing of the incumbent is touched.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

import msgspec
from safetensors import SafetensorError
from torch import Tensor
from transformers import PreTrainedModel

from streamwatch.errors import ConfigError
from streamwatch.gating.trained_on import write_trained_on
from streamwatch.inference.probe import stored_rows
from streamwatch.labelling.answers import Answers, Labelled
from streamwatch.learning.evaluation import pooled_states
from streamwatch.learning.job import judge_of, write_model
from streamwatch.learning.journal import Journal
from streamwatch.learning.material import Material, Watcher
from streamwatch.learning.methods.choose import network_to_train
from streamwatch.learning.methods.regularise import Lesson
from streamwatch.learning.plan import Plan
from streamwatch.learning.request import Request
from streamwatch.learning.teachers import Teacher, heads_say, heard_before
from streamwatch.models.adapter import load_network, read_adapter
from streamwatch.models.base import BASE
from streamwatch.models.manifest import MANIFEST_FILE, HeadEntry, Manifest
from streamwatch.models.network import Network
from streamwatch.models.pointer import write_whole
from streamwatch.models.tokens import TokenReader
from streamwatch.records import Classified
from streamwatch.retraining.company import Company
from streamwatch.retraining.division import side
from streamwatch.retraining.doubtful import Doubtful, doubtful, weighed
from streamwatch.retraining.elastic import Springs, fisher
from streamwatch.retraining.forgotten import is_forgotten
from streamwatch.retraining.fresh import fresh, taken_back
from streamwatch.retraining.inputs import (
    WORK,
    Inputs,
    asked_name,
    frozen,
    gathered,
    n_to_draw,
    not_gone,
)
from streamwatch.retraining.known import KnownText, id_hash
from streamwatch.retraining.lesson import Rows, lesson, material
from streamwatch.retraining.private import Spent, train_heads
from streamwatch.retraining.replay import change_replay, read_replay, remembered, without
from streamwatch.retraining.request import Retraining, check, command_line, plan_for
from streamwatch.retraining.shared_trainer import SharedTrainer
from streamwatch.retraining.stream import draw
from streamwatch.text.clean import model_text, text_hash

REVIEW = "review"
"""The folder of lists for people. They name documents by id, so they do not go into the registry with the model."""
SUMMARY_FILE = "retraining.json"
"""Numbers only: it goes into the registry."""
UNTIL = "answers_until"
"""In the manifest: the newest answer that the model has learned. The next retraining takes those after it."""


class Sources(msgspec.Struct, frozen=True):
    """Where answers and the stream come from; asked when a run begins, and not again when it goes on."""

    answers: Callable[[], Answers]
    stream: Callable[[], Iterable[Classified]]


class Outcome(msgspec.Struct, frozen=True):
    """The manifest of what was made, and what it was made of."""

    manifest: Manifest
    inputs: Inputs


class Run:
    """One retraining.

    Args:
        request: what is asked for.
        sources: of what is learned.
        since_ms: documents published before it are not remembered.
        watch: hears how it goes.
        company: the processes that share the work.
        journal: takes the course down.
        stopping: see `Trainer`.
    """

    def __init__(
        self,
        request: Retraining,
        sources: Sources,
        since_ms: int,
        watch: Watcher,
        company: Company | None = None,
        journal: Journal | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.company = company or Company()
        self.incumbent = check(request, self.company.size)
        self.request, self.sources, self.since_ms, self.watch = request, sources, since_ms, watch
        self.journal, self.stopping = journal, stopping
        self.plan = plan_for(request.plan, self.incumbent)
        self.work = request.out / WORK

    def __call__(self) -> Outcome:
        """Run to the end, or go on. Raises `ConfigError`, `ModelError`; `KeyboardInterrupt` after a checkpoint."""
        _check_out(self.request.out)
        try:
            return self._stages()
        except (OSError, SafetensorError) as error:
            _sweep(self.request.out)
            raise ConfigError(
                f"{self.request.out}: cannot be written ({error}): make room, and the same command goes on"
            ) from error

    def _stages(self) -> Outcome:
        self.work.mkdir(parents=True, exist_ok=True)
        asked = asked_name(self.request.choices, self.incumbent)
        is_gone = is_forgotten(self.request.replay)
        inputs = self.company.led(
            lambda: frozen(self.work, asked, lambda: self._gather(asked), is_gone),
            lambda: frozen(self.work, asked, _nobody),
        )
        run = sha256(msgspec.json.encode(inputs)).hexdigest()
        rows = self._rows(inputs)
        heard = self._led(lambda: heard_before(self.work, run, lambda: self._hear(inputs)))
        made = material(
            inputs, rows, self._heads(), heard, stored_rows(read_adapter(self.request.incumbent, self.incumbent))
        )
        taught = lesson(inputs, rows, made.heads, heard, self.plan, once=bool(self.request.private_epsilon))
        network, spent = self._trained(inputs, run, rows, made, taught)
        if not self.company.leads:
            return Outcome(self.incumbent, inputs)
        return Outcome(self._write(inputs, made, network, spent), inputs)

    def _led(self, work: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        return self.company.led(work, work)

    def _heads(self) -> list[HeadEntry]:
        return list(self.incumbent.heads)

    # -- gather

    def _gather(self, asked: str) -> Inputs:
        request, is_gone = self.request, is_forgotten(self.request.replay)
        answers = self.sources.answers()
        said = list(answers)
        found = fresh(said, {head.name: head.labels for head in self.incumbent.heads}, request.since)
        found = msgspec.structs.replace(found, texts=not_gone(found.texts, is_gone))
        doubts = self._doubtful(found.texts)
        found = msgspec.structs.replace(found, texts=weighed(found.texts, doubts, request.doubtful))
        ids = {text.id for text in found.texts}
        self._drop_from_replay(taken_back(answers))
        replay = [t for t in self._replay() if t.id not in ids]
        self.watch("gather", 1, 3, f"{len(found.texts)} answered documents, {len(replay)} replayed")
        n = n_to_draw(request.past, sum(side(text) == "train" for text in replay))
        stream = draw(_unanswered(self.sources.stream(), said), n) if n else []
        self.watch("gather", 2, 3, f"{len(stream)} documents of the stream")
        since = request.since.isoformat() if request.since else ""
        inputs = gathered(asked, found, not_gone([*replay, *stream], is_gone), request.past, since)
        self.watch("gather", 3, 3, f"{len(inputs.train)} to learn from")
        return msgspec.structs.replace(inputs, doubtful=doubts)

    def _drop_from_replay(self, ids: set[str]) -> None:
        """What people have taken back since it was learned is not taught once more, and does not stay there."""
        if self.request.replay is None or not ids:
            return
        hashes = {id_hash(one) for one in ids}
        change_replay(self.request.replay, lambda store: without(store, lambda document, _: document in hashes))

    def _replay(self) -> list[KnownText]:
        if self.request.replay is None:
            return []
        store = read_replay(self.request.replay)
        return [text for text in store.texts.values() if text.published_ms >= self.since_ms]

    def _doubtful(self, texts: list[KnownText]) -> list[Doubtful]:
        """Doubtful labels; none where nobody looks for them."""
        if self.request.doubtful != "list":  # what is held out for the gate may not choose what is learned
            texts = [text for text in texts if side(text) != "report"]
        if self.request.doubtful == "off" or not texts:
            return []
        rows = self._reader().read([text.read for text in texts])
        network = load_network(self.request.base, self.request.incumbent, self.incumbent)
        states = pooled_states(network, rows, lambda done, n: self.watch("doubts", done, n, f"{done} texts"))
        return doubtful(texts, states.double().numpy(), {head.name: head.labels for head in self.incumbent.heads})

    # -- hear

    def _reader(self) -> TokenReader:
        incumbent = self.incumbent
        return TokenReader(
            self.request.base, incumbent.max_tokens, incumbent.tail_tokens, incumbent.base.tokenizer_sha256
        )

    def _rows(self, inputs: Inputs) -> Rows:
        texts = list(dict.fromkeys(text.read for text in inputs.sides))
        return dict(zip(texts, self._reader().read(texts), strict=True))

    def _hear(self, inputs: Inputs) -> dict[str, Tensor]:
        """The incumbent's probabilities of every text, `(n, k)` for each head."""
        said = heads_say(
            Teacher(self.request.incumbent), self.request.base, self.incumbent, [text.read for text in inputs.sides],
            lambda done, n: self.watch("hear", done, n, f"{done} texts"),
        )  # fmt: skip
        return {name: one.p.contiguous() for name, one in said.items()}

    # -- train

    def _trained(
        self, inputs: Inputs, run: str, rows: Rows, made: Material, taught: Lesson
    ) -> tuple[Network, Spent | None]:
        if self.request.private_epsilon:
            return self._trained_privately(taught)
        network = self._network(self.plan, len(taught.rows))
        springs = self._springs(inputs, run, rows, network)
        trainer = SharedTrainer(
            network, taught, self.plan, self.work, run, judge_of(network, made), self.journal, self.stopping,
            company=self.company, springs=springs,
        )  # fmt: skip
        trainer.fit(lambda done, total, loss: self.watch("train", done, total, f"step {done}, loss {loss:.3f}"))
        return network, None

    def _network(self, plan: Plan, n: int) -> Network:
        return network_to_train(self.request.base, self._heads(), plan, plan.n_steps(n), self.request.incumbent)

    def _springs(self, inputs: Inputs, run: str, rows: Rows, network: Network) -> Springs | None:
        if not self.request.ewc:
            return None
        past = [rows[text.read] for text in inputs.train if text.origin != "answers"]
        weigh = lambda: fisher(  # noqa: E731
            load_network(self.request.base, self.request.incumbent, self.incumbent), past, self.plan.seed,
            lambda done, n: self.watch("weigh", done, n, f"{done} texts"),
        )  # fmt: skip
        folder = self.work / "fisher"
        folder.mkdir(exist_ok=True)
        return Springs(network, self._led(lambda: heard_before(folder, run, weigh)), self.request.ewc)

    def _trained_privately(self, taught: Lesson) -> tuple[Network, Spent]:
        network = self._network(msgspec.structs.replace(self.plan, method="full"), len(taught.rows))
        assert isinstance(network.encoder, PreTrainedModel)
        pooled = pooled_states(network, taught.rows, lambda done, n: self.watch("read", done, n, f"{done} texts"))
        spent = train_heads(
            network, taught, pooled.clone(), self.plan, (self.request.private_epsilon, self.request.private_delta),
            lambda done, n, loss: self.watch("train", done, n, f"step {done}, loss {loss:.3f}"),
        )  # fmt: skip
        return network, spent

    # -- write and remember

    def _write(self, inputs: Inputs, made: Material, network: Network, spent: Spent | None) -> Manifest:
        out = self.request.out
        self._write_lists(inputs)
        learned, others = _by_origin(inputs)
        write_trained_on(out, learned, others)
        write_whole(out / SUMMARY_FILE, msgspec.json.format(msgspec.json.encode(summary(inputs, spent))))
        asked = Request(
            data=self.work, out=out, base=self.request.base, entries=list(made.entries.values()), plan=self.plan,
            start=self.request.incumbent, teachers=[Teacher(self.request.incumbent)], foreign=self._own_name(),
        )  # fmt: skip
        manifest = write_model(asked, made, network, self.watch, lambda m: self._told(m, inputs, spent))
        self._remember(inputs)
        rmtree(self.work)
        return manifest

    def _own_name(self) -> str:
        """What an encoder of the incumbent's own is called; empty where it is the pinned one."""
        base = self.incumbent.base
        return "" if base == BASE else base.name.rpartition("-")[0] if base.name.count("x") else base.name

    def _told(self, manifest: Manifest, inputs: Inputs, spent: Spent | None) -> Manifest:
        more: dict[str, float | int | str] = {
            "ewc": self.request.ewc, "past": self.request.past, "doubtful": self.request.doubtful,
            UNTIL: inputs.answered_until.isoformat() if inputs.answered_until else "",
        }  # fmt: skip
        if spent is not None:
            more |= {f"private_{name}": value for name, value in msgspec.to_builtins(spent).items()}
        return msgspec.structs.replace(
            manifest,
            command=command_line(self.request),
            scripts=self.incumbent.scripts,
            hyperparameters=manifest.hyperparameters | more,
        )

    def _write_lists(self, inputs: Inputs) -> None:
        folder = self.request.out / REVIEW
        folder.mkdir(exist_ok=True)
        for name, rows in (("left_out", inputs.left_out), ("doubtful", inputs.doubtful)):
            lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
            write_whole(folder / f"{name}.jsonl", lines)

    def _remember(self, inputs: Inputs) -> None:
        if self.request.replay is None:
            return
        is_gone = is_forgotten(self.request.replay)  # somebody may have forgotten one while this trained
        learned = [text for text in (*inputs.train, *inputs.dev) if text.origin == "answers"]
        kept = not_gone(learned, is_gone)
        change_replay(self.request.replay, lambda store: remembered(without(store, is_gone), kept, self.since_ms))


def summary(inputs: Inputs, spent: Spent | None) -> dict[str, object]:
    """What the run was made of, in numbers."""
    n_of = {side: len(getattr(inputs, side)) for side in ("train", "dev", "report")}
    origins = {o: sum(text.origin == o for text in inputs.train) for o in ("answers", "replay", "stream")}
    return {
        "sides": n_of, "learned": origins, "classes": inputs.classes, "n_left_out": len(inputs.left_out),
        "n_doubtful": len(inputs.doubtful), "answered_until": inputs.answered_until, "private": spent,
    }  # fmt: skip


def _unanswered(stream: Iterable[Classified], said: Iterable[Labelled]) -> Iterable[Classified]:
    """The stream's documents of which nobody ever spoke: those that the gate holds out must not come in by this door.

    They are left out before the draw: of a quiet desk people answer a large part, and the rest must still be enough.
    """
    spoken_of = {text_hash(model_text(one.sample.text)) for one in said}
    return (record for record in stream if _hash(record) not in spoken_of)


def _hash(record: Classified) -> str:
    """As the worker wrote it, which spares cleaning the text again."""
    return record.text_hash or text_hash(model_text(record.text))


def _by_origin(inputs: Inputs) -> tuple[list[str], list[str]]:
    """Texts whose labels are new here, and all others that the run saw; those held out for the gate are in neither."""
    seen = [*inputs.train, *inputs.dev]
    learned = [text.text for text in seen if text.origin == "answers"]
    return learned, [text.text for text in seen if text.origin != "answers"]


def _check_out(out: Path) -> None:
    if (out / MANIFEST_FILE).exists() and not (out / WORK).is_dir():
        raise ConfigError(f"{out} holds a model already: name another --out")


def _sweep(out: Path) -> None:
    """Remove what was being written when the disk was full; what is whole stays, to go on from."""
    for folder in (out, out / WORK, out / WORK / "fisher", out / REVIEW):
        for path in (*folder.glob("*.new"), *folder.glob(".*.new")):
            path.unlink(missing_ok=True)


def _nobody() -> Inputs:
    raise ConfigError("the leading process left no inputs: do all processes see the same --out?")
