"""The retraining job on tiny models, with a stream of its own: no data set is read."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tiny_models
import torch
from retraining_streams import answers, is_held_out, retraining, sources, stream, text_of, write_jsonl

from streamwatch.errors import ConfigError
from streamwatch.gating.trained_on import read_trained_on
from streamwatch.labelling.examples import answer
from streamwatch.learning import trainer
from streamwatch.models import registry
from streamwatch.models.adapter import read_adapter
from streamwatch.models.manifest import file_sha256, read_manifest
from streamwatch.retraining.forgotten import Forgotten, note
from streamwatch.retraining.inputs import WORK, Inputs
from streamwatch.retraining.job import UNTIL, Outcome, Run
from streamwatch.retraining.known import id_hash
from streamwatch.retraining.replay import read_replay
from streamwatch.testing.records import JANUARY_MS, classified
from streamwatch.text.clean import model_text
from streamwatch.timeline import from_ms

N_ANSWERS, N_STREAM = 60, 200
torch.set_num_threads(1)


class KilledError(Exception):
    """Stands for the signal: nothing after it runs."""


def killed_in(stage: str, at: int = 1) -> Any:
    def watch(told: str, done: int, total: int, remark: str = "") -> None:
        if told == stage and done >= at:
            raise KilledError

    return watch


def ignore(*_: Any) -> None:
    """Hears of progress and says nothing."""


def run(
    model: Path, out: Path, watch: Any = ignore, said: Any = None, documents: Any = None, **changes: Any
) -> Outcome:
    """Retrain on the usual answers and stream."""
    of = sources(answers(N_ANSWERS) if said is None else said, stream(N_STREAM) if documents is None else documents)
    return Run(retraining(model, out, **changes), of, 0, watch)()


@pytest.fixture(scope="module")
def made(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A whole run, with a replay store beside it; nobody changes it."""
    folder = tmp_path_factory.mktemp("retrained")
    return folder, run(tiny_model, folder / "out", replay=folder / "replay")


def test_the_candidate_is_a_whole_model_that_a_registry_takes_without_lists_or_texts(
    made: tuple[Path, Outcome], tiny_model: Path, tmp_path: Path
) -> None:
    folder, outcome = made
    name = registry.add(tmp_path, folder / "out")
    kept = {path.name for path in (tmp_path / "models" / name).iterdir()}
    assert kept == {"manifest.json", "adapter.safetensors", "base", "retraining.json", "trained_on.json"}
    assert outcome.manifest.parent == read_manifest(tiny_model).adapter.sha256
    assert outcome.manifest.heads[1].labels == read_manifest(tiny_model).heads[1].labels
    assert outcome.manifest.command.startswith("streamwatch retrain --out DIR --past 60")
    assert outcome.manifest.hyperparameters[UNTIL] == "2026-01-01T02:47:39+00:00"
    assert not (folder / "out" / WORK).exists()
    whole = b"".join(path.read_bytes() for path in (tmp_path / "models" / name).rglob("*") if path.suffix == ".json")
    assert str(folder).encode() not in whole and b"10003" not in whole  # neither a place nor a text


def test_half_of_the_uniform_answers_are_never_learned_from_and_the_gate_is_told_of_all_others(
    made: tuple[Path, Outcome],
) -> None:
    folder, outcome = made
    learned = read_trained_on(folder / "out")
    assert learned is not None
    for one in answers(N_ANSWERS):
        held = one.drawn_as == "uniform" and is_held_out(model_text(one.text))
        assert not (held and one.text in learned)
    assert sum(learned.labels(one.text) for one in answers(N_ANSWERS)) >= N_ANSWERS // 3
    assert outcome.manifest.metrics["sentiment/incumbent_sentiment"].n > 10  # how often it says what the incumbent said
    assert {file.source for file in outcome.manifest.data} == {"answers", "stream"}


def test_where_people_answered_half_of_a_small_stream_the_rest_of_it_guards_the_past(
    tiny_model: Path, tmp_path: Path
) -> None:
    half = [msgspec.structs.replace(one, drawn_as="margin") for one in answers(N_STREAM // 2, first=0)]
    outcome = run(tiny_model, tmp_path, said=half, epochs=0.2)
    assert sum(text.origin == "stream" for text in outcome.inputs.train) == 60


def test_the_same_inputs_and_seed_give_the_same_bits_and_another_seed_others(
    made: tuple[Path, Outcome], tiny_model: Path, tmp_path: Path
) -> None:
    _, outcome = made
    shuffled = list(reversed(answers(N_ANSWERS)))
    again = run(tiny_model, tmp_path / "again", said=shuffled, documents=list(reversed(stream(N_STREAM))))
    other = run(tiny_model, tmp_path / "other", seed=8)
    assert again.manifest.adapter.sha256 == outcome.manifest.adapter.sha256
    assert again.manifest.base.sha256 == outcome.manifest.base.sha256 != other.manifest.base.sha256


@pytest.mark.parametrize(("stage", "at"), [("hear", 1), ("train", 4), ("measure", 1)])
def test_a_run_killed_while_it_hears_trains_or_writes_goes_on_to_the_same_bits(
    made: tuple[Path, Outcome], tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, at: int
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_EVERY_S", 0.0)
    with pytest.raises(KilledError):
        run(tiny_model, tmp_path, killed_in(stage, at))
    seen: list[tuple[str, int]] = []
    more = answers(N_ANSWERS + 9)  # what came in meanwhile is not of this run
    outcome = run(tiny_model, tmp_path, lambda told, done, *_: seen.append((told, done)), said=more)
    assert outcome.manifest.adapter.sha256 == made[1].manifest.adapter.sha256
    assert outcome.manifest.base.sha256 == made[1].manifest.base.sha256
    if stage == "train":
        assert next(done for told, done in seen if told == "train") > 1 and ("hear", 1) not in seen


def test_a_run_that_asks_for_other_things_is_not_gone_on_with(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        run(tiny_model, tmp_path, killed_in("hear"))
    with pytest.raises(ConfigError, match="asked for other things"):
        run(tiny_model, tmp_path, seed=8)


def test_a_folder_with_a_model_is_left_alone(made: tuple[Path, Outcome], tiny_model: Path) -> None:
    with pytest.raises(ConfigError, match="holds a model already"):
        run(tiny_model, made[0] / "out")


@contextmanager
def full_disk(largest_file: int) -> Iterator[None]:
    """No file may become larger, as on a disk that is full by then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("largest", [4_000, 45_000])  # inputs; the checkpoint
def test_a_full_disk_leaves_nothing_half_and_the_incumbent_as_it_was(
    made: tuple[Path, Outcome], tiny_model: Path, tmp_path: Path, largest: int
) -> None:
    before = {path: file_sha256(path) for path in tiny_model.rglob("*") if path.is_file()}
    with full_disk(largest), pytest.raises(ConfigError, match="make room, and the same command goes on"):
        run(tiny_model, tmp_path)
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert not [name for name in left if ".new" in name] and "manifest.json" not in left
    assert {path: file_sha256(path) for path in before} == before
    assert run(tiny_model, tmp_path).manifest.base.sha256 == made[1].manifest.base.sha256


def test_what_was_learned_is_replayed_in_the_next_retraining(made: tuple[Path, Outcome], tmp_path: Path) -> None:
    folder, first = made
    store = read_replay(folder / "replay")
    n_learned = sum(text.origin == "answers" for text in (*first.inputs.train, *first.inputs.dev))
    assert store.n_seen == n_learned and len(store.texts) == n_learned // 10
    replay = Path(shutil.copytree(folder / "replay", tmp_path / "replay"))
    second = run(folder / "out", tmp_path / "out", said=answers(40, first=20_000), replay=replay)
    assert {text.id for text in second.inputs.train if text.origin == "replay"} <= {t.id for t in store.texts.values()}
    assert sum(text.origin == "replay" for text in second.inputs.train) >= len(store.texts) - 2
    assert read_replay(replay).n_seen > n_learned
    assert second.manifest.base.name.count("2x48") == 1  # names do not grow from model to model


def test_without_old_data_the_past_is_guarded_by_the_stream_or_the_run_says_what_is_missing(
    tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        ConfigError, match=r"guarded by \d+ documents, and 60 are wanted: \d+ are missing. Let the workers run"
    ):
        run(tiny_model, tmp_path, documents=stream(40))
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_what_was_forgotten_is_neither_learned_nor_replayed(tiny_model: Path, tmp_path: Path) -> None:
    note(tmp_path / "replay", Forgotten("document", id_hash("d10003"), "now", "ana"))
    note(tmp_path / "replay", Forgotten("author", "w5", "now", "ana"))
    with pytest.raises(KilledError):
        run(tiny_model, tmp_path / "out", killed_in("hear"), replay=tmp_path / "replay")
    kept = json.loads((tmp_path / "out" / WORK / "inputs.json").read_text())
    texts = [text for side in ("train", "dev", "report") for text in kept[side]]
    assert "d10003" not in {text["id"] for text in texts} and "w5" not in {text.get("author_hash") for text in texts}


def test_a_document_that_was_ever_answered_is_not_drawn_as_one_of_the_stream(tiny_model: Path, tmp_path: Path) -> None:
    early = {text_of(i) for i in range(10_000, 10_030)}  # answered before the time, and half of them the gate's
    documents = [*stream(N_STREAM), *(classified(f"s{n}", text) for n, text in enumerate(sorted(early)))]
    with pytest.raises(KilledError):
        run(
            tiny_model, tmp_path, killed_in("hear"), documents=documents, said=answers(90),
            since=from_ms(JANUARY_MS + 10_030_000),
        )  # fmt: skip
    inputs = msgspec.json.decode((tmp_path / WORK / "inputs.json").read_bytes(), type=Inputs)
    assert not early & {text.text for text in inputs.sides}


BAD = {
    "no answers": ([], "no answers"),
    "unknown classes": (
        [answer(f"d{i}", "ann", topic="weather") for i in range(3)],
        "the model has no label 'weather'",
    ),
    "disagreement": (
        [answer("d1", who, sentiment=mood) for who, mood in (("ann", "negative"), ("bob", "positive"))],
        "ann says negative, bob says positive",
    ),
    "texts that nobody knows": ([answer("d1", "ann", sentiment="negative", text="")], "its text is not known"),
    "personal data": ([answer("d1", "ann", verdict="personal_data")], "somebody saw personal data"),
}


@pytest.mark.parametrize("name", BAD)
def test_answers_that_teach_nothing_are_told_of_and_nothing_is_written(
    name: str, tiny_model: Path, tmp_path: Path
) -> None:
    said, message = BAD[name]
    with pytest.raises(ConfigError, match=message):
        run(tiny_model, tmp_path, said=said)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_class_with_one_example_is_learned_and_said(tiny_model: Path, tmp_path: Path) -> None:
    lone = answer("lone", "ann", text="profit of the company z1", topic="energy and oil", drawn_as="margin")
    with pytest.raises(KilledError):
        run(tiny_model, tmp_path, killed_in("hear"), said=[*answers(N_ANSWERS), lone])
    inputs = msgspec.json.decode((tmp_path / WORK / "inputs.json").read_bytes(), type=Inputs)
    assert any("one example only" in remark for remark in inputs.remarks)
    assert "lone" in {text.id for text in inputs.train}


def test_springs_hold_the_weights_nearer_to_the_incumbent(tiny_model: Path, tmp_path: Path) -> None:
    def moved(out: Path) -> float:
        before, after = (read_adapter(folder, read_manifest(folder)) for folder in (tiny_model, out))
        return sum(float((after[n] - before[n]).norm()) for n in before if n.startswith("heads.sentiment"))

    free = run(tiny_model, tmp_path / "free", head_learning_rate=1e-2)
    held = run(tiny_model, tmp_path / "held", head_learning_rate=1e-2, ewc=1e5)
    assert held.manifest.hyperparameters["ewc"] == 1e5 and free.manifest.hyperparameters["ewc"] == 0
    assert moved(tmp_path / "held") < 0.7 * moved(tmp_path / "free")


def test_private_heads_state_what_they_promise_and_leave_the_encoder(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("opacus")
    manifest = run(tiny_model, tmp_path, private_epsilon=8.0).manifest
    told = manifest.hyperparameters
    assert 0 < float(told["private_epsilon"]) <= 8.0 and 0 < float(told["private_delta"]) < 0.01
    assert "--private-epsilon 8" in manifest.command and float(told["private_noise_multiplier"]) > 0
    first = run(tiny_model, tmp_path / "other", private_epsilon=8.0).manifest
    assert first.adapter.sha256 != manifest.adapter.sha256  # the noise is nobody's to repeat
    assert first.base.sha256 == manifest.base.sha256


@pytest.mark.parametrize("changes", [{"ewc": 10.0}, {"private_epsilon": 8.0}], ids=["with springs", "privately"])
def test_a_head_with_two_readings_learns_each_from_its_own_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, float]
) -> None:
    sentiment = msgspec.structs.replace(tiny_models.HEADS[0], domains=("market", "customer"))
    monkeypatch.setattr(tiny_models, "HEADS", (sentiment, tiny_models.HEADS[1]))
    tiny_models.write_model(tmp_path / "model")
    manifest = run(tmp_path / "model", tmp_path / "out", **changes).manifest
    assert manifest.head("sentiment").domains == ("market", "customer")
    assert {"sentiment/answers_market", "sentiment/answers_customer"} <= set(manifest.metrics)
    before, after = (read_adapter(folder, read_manifest(folder)) for folder in (tmp_path / "model", tmp_path / "out"))
    parts = ("first.weight", "second.weight", "gate.weight")
    assert all(not torch.equal(before[f"heads.sentiment.{part}"], after[f"heads.sentiment.{part}"]) for part in parts)


def test_doubtful_labels_are_listed_and_dropped_where_that_is_asked_for(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("cleanlab")
    with pytest.raises(KilledError):
        run(tiny_model, tmp_path, killed_in("hear"), doubtful="drop")
    kept = json.loads((tmp_path / WORK / "inputs.json").read_text())
    ids = {text["id"] for side in ("train", "dev", "report") for text in kept[side]}
    assert kept["doubtful"] and not ids & {one["id"] for one in kept["doubtful"]}


@pytest.mark.slow
def test_two_processes_make_the_model_of_one_up_to_the_order_of_additions(
    made: tuple[Path, Outcome], tiny_model: Path, tmp_path: Path
) -> None:
    said = write_jsonl(tmp_path / "answers.jsonl", answers(N_ANSWERS))
    documents = write_jsonl(tmp_path / "stream.jsonl", stream(N_STREAM))
    options = [
        "--incumbent", tiny_model, "--labels", said, "--stream", documents, "--past", 60, "--doubtful", "off", "--threads", 1,
        "--rank", 2, "--epochs", 1, "--batch-size", 16, "--evaluations", 2, "--learning-rate", 0.001,
    ]  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        2,
        "-m",
        "streamwatch",
    ]
    command += ["retrain", "--out", tmp_path / "two", *options, "--replay", tmp_path / "replay"]
    ended = subprocess.run(
        list(map(str, command)), env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    one, two = made[0] / "out", tmp_path / "two"
    a, b = (read_adapter(folder, read_manifest(folder)) for folder in (one, two))
    assert a.keys() == b.keys()
    heads = [name for name in a if name.startswith("heads.")]
    assert heads and all(torch.allclose(a[name], b[name], atol=2e-3) for name in heads)  # float16 on disk
    from safetensors.torch import load_file

    trunk_a, trunk_b = (load_file(folder / "base" / "model.safetensors") for folder in (one, two))
    assert all(torch.allclose(trunk_a[name], trunk_b[name], atol=1e-4) for name in trunk_a)
    began = load_file(tiny_model / "encoder" / "model.safetensors")
    assert any(not torch.allclose(trunk_a[name], began[name], atol=1e-3) for name in trunk_a)  # and it did learn


def test_texts_of_the_stream_differ() -> None:
    assert len({text_of(i) for i in range(1000)}) == 1000
