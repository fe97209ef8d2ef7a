"""The training job: a request in, a model's folder out.

Read and divide the data, hear the teachers, train (or go on training), write the weights as small as they ship, and measure
what was written: temperatures on the dev part, metrics on the reported one, by which nothing was chosen.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import torch
from torch import Tensor
from transformers import BertModel

from streamwatch.errors import ConfigError
from streamwatch.inference.probe import probe_tensors
from streamwatch.learning.calibration import calibrated
from streamwatch.learning.checkpoint import CHECKPOINT_FILE
from streamwatch.learning.datasets.entry import scripts
from streamwatch.learning.evaluation import measured, metrics, pooled_states, score
from streamwatch.learning.journal import Journal
from streamwatch.learning.material import Material, Watcher, read_material
from streamwatch.learning.methods.choose import network_to_train
from streamwatch.learning.methods.regularise import Lesson
from streamwatch.learning.objectives.targets import targets
from streamwatch.learning.objectives.total import Objective
from streamwatch.learning.precisions import measure_precisions, scale_tensors, scales_of
from streamwatch.learning.request import Request, check, command_line
from streamwatch.learning.teachers import HEARD_FILE, heard_before, teach
from streamwatch.learning.trainer import Trainer
from streamwatch.learning.tried import SEARCH_FILE
from streamwatch.learning.written import Written, write_weights
from streamwatch.models.adapter import head_weights, load_network, read_adapter, write_adapter
from streamwatch.models.base import BASE, TOKENIZER_FILE, locate_base
from streamwatch.models.manifest import Manifest, file_sha256, read_manifest, write_manifest
from streamwatch.models.network import Network
from streamwatch.models.tokens import TokenReader


def train_adapter(
    request: Request, watch: Watcher, journal: Journal | None = None, stopping: Callable[[], bool] = lambda: False
) -> Manifest:
    """Train what `request` asks for, write it to its folder and give its manifest.

    Goes on from the checkpoint in that folder if there is one of the same run. Raises `ConfigError` on bad data,
    `ModelError` on a bad teacher or start, `KeyboardInterrupt` after a checkpoint when `stopping` says so.
    """
    check(request)
    plan, material = request.plan, material_of(request, watch)
    if request.release:
        _check_files(request, material)
    network = network_to_train(request.base, material.heads, plan, plan.n_steps(len(material.train)), request.start)
    request.out.mkdir(parents=True, exist_ok=True)
    run = run_name(request, material)
    lesson = _lesson(request, material, run, watch)
    trainer = Trainer(network, lesson, plan, request.out, run, judge_of(network, material), journal, stopping)
    trainer.fit(lambda done, total, loss: watch("train", done, total, f"step {done}, loss {loss:.3f}"))
    manifest = write_model(request, material, network, watch)
    for name in (CHECKPOINT_FILE, HEARD_FILE, SEARCH_FILE):
        (request.out / name).unlink(missing_ok=True)
    return manifest


def material_of(request: Request, watch: Watcher) -> Material:
    """The texts of a request, read and divided, as tokens. Raises `ConfigError`."""
    plan = request.plan
    own = file_sha256(request.base / TOKENIZER_FILE) if request.foreign else ""
    reader = TokenReader(request.base, plan.max_tokens, plan.tail_tokens, own)
    return read_material(request.data, request.entries, reader, plan, watch)


def _check_files(request: Request, material: Material) -> None:
    """What ships learned from files that somebody looked at, and no others. Raises `ConfigError`."""
    for entry, file in zip(request.entries, material.files, strict=True):
        if entry.sha256 != file.sha256:
            raise ConfigError(f"{file.file} is not the file that {entry.name} means (SHA-256 {file.sha256[:8]}…)")


def _lesson(request: Request, material: Material, run: str, watch: Watcher) -> Lesson:
    plan = request.plan
    examples = [row.example for row in material.train]
    asked = targets(examples, material.entries, material.heads, plan.unclear_weight)
    if request.teachers:
        asked.teacher = heard_before(request.out, run, lambda: teach(
            request.teachers, request.base, examples, material.entries, material.heads,
            lambda done, total: watch("teach", done, total, f"{done} texts"),
        ))  # fmt: skip
    objective = Objective(material.heads, plan.smoothing, plan.distil_weight, plan.distil_temperature)
    return Lesson([row.ids for row in material.train], asked, objective)


def judge_of(network: Network, material: Material) -> Callable[[], float] | None:
    """The score on the dev part; None when it is empty."""
    if not material.dev:
        return None

    def judge() -> float:
        pooled = pooled_states(network, [row.ids for row in material.dev], lambda *_: None, quick=True)
        return score(measured(network, pooled, material.dev, material.heads, material.entries))

    return judge


def run_name(request: Request, material: Material) -> str:
    """A hash of everything that makes two runs the same."""
    encoder = request.foreign or BASE
    parts = [request.plan, list(request.entries), _parent(request), _teacher_hashes(request), material.files, encoder]
    return sha256(msgspec.json.encode(parts)).hexdigest()


def _parent(request: Request) -> str:
    return read_manifest(request.start).adapter.sha256 if request.start else ""


def _teacher_hashes(request: Request) -> list[str]:
    return [f"{t.domain}:{read_manifest(t.folder).adapter.sha256[:16]}" for t in request.teachers]


def measure_again(request: Request, watch: Watcher) -> Manifest:
    """Fit the temperatures of the model in the request's folder and measure it anew, without training.

    For a model whose manifest lacks what a newer version measures. Its weights, its command and what it learned from stay.
    """
    check(request)
    return _complete(request, material_of(request, watch), read_manifest(request.out), watch)


def write_model(
    request: Request,
    material: Material,
    network: Network,
    watch: Watcher,
    told: Callable[[Manifest], Manifest] = lambda manifest: manifest,
) -> Manifest:
    """Write the weights, load what was written, calibrate and measure that. `told` says more in the manifest."""
    judge = judge_of(network, material)
    trained_score = judge() if judge else 0.0
    written = write_weights(network, request.base, request.out, request.plan, request.foreign)
    manifest = _manifest(request, material, written)
    manifest.hyperparameters["dev_macro_f1_trained"] = round(trained_score, 4)
    return _complete(request, material, told(manifest), watch)


def _complete(request: Request, material: Material, manifest: Manifest, watch: Watcher) -> Manifest:
    """Give the model that is written its temperatures, int8 scales and metrics."""
    loaded = load_network(locate_base_of(request, manifest), request.out, manifest)
    rows = [*material.dev, *material.report]
    pooled = pooled_states(loaded, [r.ids for r in rows], lambda done, n: watch("measure", done, n, f"{done} texts"))
    if material.dev:
        parts = measured(loaded, pooled[: len(material.dev)], material.dev, material.heads, material.entries)
        manifest.hyperparameters["dev_macro_f1_written"] = round(score(parts), 4)  # what the small file has cost
    heads = calibrated(loaded, pooled[: len(material.dev)], material.dev, material.heads, material.entries)
    served = isinstance(loaded.encoder, BertModel)  # any other is a teacher's, and no worker runs it
    scales = scales_of(loaded, material.dev or rows) if served else {}
    stored = scale_tensors(scales) | probe_tensors(loaded, material.probed) if served else {}
    adapter = write_adapter(request.out, _with_heads(request.out, manifest, loaded) | stored)
    manifest = msgspec.structs.replace(manifest, heads=heads, adapter=adapter)
    manifest = _measured(manifest, request.out, loaded, pooled[len(material.dev) :], material)
    if material.report and served:
        precisions = measure_precisions(
            loaded, heads, scales, material, lambda done, n: watch("precisions", done, n, f"{done} of {n}")
        )
        manifest = msgspec.structs.replace(manifest, precisions=precisions)
    write_manifest(request.out, manifest)
    return manifest


def locate_base_of(request: Request, manifest: Manifest) -> Path:
    """The encoder under a model that was just written."""
    return locate_base(request.out, manifest.base) if manifest.base.folder else request.base


def _with_heads(folder: Path, manifest: Manifest, network: Network) -> dict[str, Tensor]:
    """The adapter's weights with the heads as they are now."""
    return {name: t.half() for name, t in read_adapter(folder, manifest).items()} | head_weights(network)


@torch.no_grad()
def _measured(manifest: Manifest, folder: Path, network: Network, pooled: Tensor, material: Material) -> Manifest:
    """`manifest` with the metrics of the reported part, by the heads as the file holds them."""
    weights = read_adapter(folder, manifest)
    heads = {name.removeprefix("heads."): t for name, t in weights.items() if name.startswith("heads.")}
    network.heads.load_state_dict(heads)
    parts = measured(network, pooled, material.report, material.heads, material.entries) if material.report else []
    found = {f"{part.task}/{part.source}": metrics(part, manifest.head(part.task)) for part in parts}
    return msgspec.structs.replace(manifest, metrics=found)


def _manifest(request: Request, material: Material, written: Written) -> Manifest:
    plan = request.plan
    hyperparameters: dict[str, float | int | str] = msgspec.to_builtins(plan)
    hyperparameters |= {"learning_rate": plan.rate, "teachers": " ".join(_teacher_hashes(request))}
    return Manifest(
        base=written.base,
        adapter=written.adapter,
        lora=written.lora,
        heads=material.heads,
        max_tokens=plan.max_tokens,
        tail_tokens=plan.tail_tokens,
        scripts=scripts(request.entries),
        seed=plan.seed,
        command=command_line(request),
        hyperparameters=hyperparameters,
        data=material.files,
        metrics={},
        parent=_parent(request),
    )
