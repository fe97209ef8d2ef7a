"""The training job: a data folder in, an adapter folder out.

Read and split the recipe's files, train (or go on training), round to float16 as the file will hold it, fit the
temperatures and measure on the held-out texts, and write adapter and manifest.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import msgspec
import torch

from streamwatch.inference.engine import TOPICS
from streamwatch.learning.checkpoint import CHECKPOINT_FILE
from streamwatch.learning.evaluation import Measured, measure, metrics, temperatures
from streamwatch.learning.recipe import Example, Source, read_recipe, read_source
from streamwatch.learning.split import held_out
from streamwatch.learning.trainer import Plan, TokenisedExample, Trainer
from streamwatch.models.adapter import adapter_weights, lora_network, shapes, start_from, trained, write_adapter
from streamwatch.models.base import BASE
from streamwatch.models.manifest import DataFile, HeadEntry, Lora, Manifest, file_sha256, write_manifest
from streamwatch.models.network import Network
from streamwatch.models.tokens import TokenReader
from streamwatch.records import SENTIMENTS

HEADS = (HeadEntry("sentiment", SENTIMENTS), HeadEntry("topic", TOPICS))
COMMAND_OPTIONS = ("epochs", "max_minutes", "seed", "learning_rate", "batch_size", "max_tokens")


class Watcher(Protocol):
    """Hears how the job goes: a stage's name, what is done, of how much, and a remark (the loss)."""

    def __call__(self, stage: str, done: int, total: int, remark: str = "") -> None:
        """Called often; must be quick."""
        ...


class Material(msgspec.Struct, frozen=True):
    """What a run learns from and is measured on."""

    train: list[TokenisedExample]
    validation: list[TokenisedExample]
    files: tuple[DataFile, ...]


def train_adapter(data: Path, out: Path, base: Path, plan: Plan, watch: Watcher, start: Path | None = None) -> Manifest:
    """Train an adapter on the files of `data` over the encoder in `base`; write it to `out` and give its manifest.

    Begins with the weights of the adapter in `start`, if given, and goes on from the checkpoint in `out` if there is one
    of the same run. Raises `ConfigError` on bad data.
    """
    torch.manual_seed(plan.seed)
    lora = Lora()
    material = read_material(data, TokenReader(base, plan.max_tokens), watch)
    network = lora_network(base, lora, shapes(HEADS))
    parent = start_from(network, start) if start else ""
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(network, material.train, plan, out, _run_name(plan, parent, material.files))
    trainer.fit(lambda done, total, loss: watch("train", done, total, f"step {done}, loss {loss:.3f}"))
    round_to_half(network)
    measured = measure(network, material.validation, lambda done, total: watch("measure", done, total, f"{done} texts"))
    manifest = _write(out, network, lora, plan, parent, material.files, measured)
    (out / CHECKPOINT_FILE).unlink(missing_ok=True)
    return manifest


def read_material(folder: Path, reader: TokenReader, watch: Watcher) -> Material:
    """All examples of the recipe, tokenised; the held-out ones apart, the others repeated as the recipe says."""
    train: list[TokenisedExample] = []
    validation: list[TokenisedExample] = []
    files: list[DataFile] = []
    recipe = read_recipe(folder)
    for number, source in enumerate(recipe, start=1):
        learned, kept = _split(_tokenised(read_source(folder, source), reader))
        train += learned * source.repeat
        validation += kept
        files.append(_data_file(folder, source, len(learned), len(kept)))
        watch("read", number, len(recipe), source.name)
    return Material(train, validation, tuple(files))


def _tokenised(examples: Sequence[Example], reader: TokenReader) -> list[TokenisedExample]:
    rows = reader.read([example.text for example in examples])
    return [TokenisedExample(example, ids) for example, ids in zip(examples, rows, strict=True)]


def _split(examples: Sequence[TokenisedExample]) -> tuple[list[TokenisedExample], list[TokenisedExample]]:
    sides: tuple[list[TokenisedExample], list[TokenisedExample]] = ([], [])
    for tokenised in examples:
        sides[held_out(tokenised.example.text)].append(tokenised)
    return sides


def _data_file(folder: Path, source: Source, n_train: int, n_validation: int) -> DataFile:
    return DataFile(source.name, source.file, file_sha256(folder / source.file), n_train, n_validation)


def _run_name(plan: Plan, parent: str, files: tuple[DataFile, ...]) -> str:
    """A hash of everything that makes two runs the same."""
    return sha256(msgspec.json.encode([plan, parent, files, BASE])).hexdigest()


@torch.no_grad()
def round_to_half(network: Network) -> None:
    """Round the trained parameters to what float16 can hold, so that the file's numbers are the measured ones."""
    for parameter in trained(network).values():
        parameter.copy_(parameter.half().float())


def _write(
    out: Path,
    network: Network,
    lora: Lora,
    plan: Plan,
    parent: str,
    files: tuple[DataFile, ...],
    measured: Sequence[Measured],
) -> Manifest:
    heat = temperatures(measured)
    manifest = Manifest(
        base=BASE,
        adapter=write_adapter(out, adapter_weights(network)),
        lora=lora,
        max_tokens=plan.max_tokens,
        heads=tuple(msgspec.structs.replace(head, temperature=heat[head.name]) for head in HEADS),
        seed=plan.seed,
        command=_command(plan, parent),
        hyperparameters=msgspec.to_builtins(plan),
        parent=parent,
        data=files,
        metrics={f"{m.task}/{m.source}": metrics(m, heat) for m in measured},
    )
    write_manifest(out, manifest)
    return manifest


def _command(plan: Plan, parent: str) -> str:
    """The command line that asks for `plan`."""
    options = msgspec.to_builtins(plan)
    given = {name: value for name, value in options.items() if name in COMMAND_OPTIONS}
    places = "--data DIR --out DIR" + (" --start DIR" if parent else "")
    return f"streamwatch train {places}" + "".join(f" --{n.replace('_', '-')} {v}" for n, v in given.items())
