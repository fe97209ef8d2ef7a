"""Training: it learns, a killed run goes on as if nothing had happened, and the file holds what was measured."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from click.testing import CliRunner

from streamwatch.commands.train import PLAN_OPTIONS, train
from streamwatch.errors import ConfigError
from streamwatch.learning import trainer
from streamwatch.learning.checkpoint import CHECKPOINT_FILE
from streamwatch.learning.datasets import catalogue
from streamwatch.learning.job import measure_again, train_adapter
from streamwatch.learning.journal import open_journal
from streamwatch.learning.plan import Plan
from streamwatch.learning.request import Request, command_line
from streamwatch.learning.search import neighbours
from streamwatch.learning.teachers import Teacher, heard_before
from streamwatch.learning.trial import searched
from streamwatch.learning.tried import Tried
from streamwatch.models.adapter import int8_scales, load_network, read_adapter
from streamwatch.models.base import locate_base
from streamwatch.models.manifest import read_manifest
from streamwatch.models.tokens import TokenReader
from streamwatch.records import SENTIMENTS

SETTINGS = {"method": "lora", "rank": 4, "epochs": 0.5, "batch_size": 16, "max_tokens": 48, "tail_tokens": 8}


class KilledError(Exception):
    """Stands for the signal: nothing after it runs."""


def killed_after(steps: int) -> Any:
    def watch(stage: str, done: int, total: int, remark: str = "") -> None:
        if stage == "train" and done == steps:
            raise KilledError

    return watch


def ignore(*_: Any) -> None:
    """Hears of progress and says nothing."""


def request(data: Path, out: Path, base: Path, **changes: Any) -> Request:
    entries = [catalogue.find(str(data / f"{name}.yml")) for name in ("customer", "market", "topics")]
    return Request(data=data, out=out, base=base, entries=entries, plan=Plan(**SETTINGS | changes))


def test_the_manifest_is_complete(tiny_adapter: Path) -> None:
    manifest = read_manifest(tiny_adapter)
    assert set(manifest.metrics) == {"sentiment/customer", "sentiment/market", "topic/topics"}
    assert set(manifest.metrics["sentiment/market"].recall) == set(SENTIMENTS)
    assert [file.source for file in manifest.data] == ["customer", "market", "topics"]
    assert all(file.n_train > 5 for file in manifest.data)
    assert str(tiny_adapter.parent) not in (tiny_adapter / "manifest.json").read_text()
    assert "--epochs 0.5" in manifest.command
    assert manifest.head("sentiment").domains == ("market", "customer")
    assert manifest.head("topic").outside == manifest.head("topic").labels[-1] == "unclear"


def test_each_precision_is_measured_and_int8_has_its_scales(tiny_adapter: Path) -> None:
    manifest = read_manifest(tiny_adapter)
    assert {"fp32", "bf16"} <= set(manifest.precisions)
    assert manifest.precisions["fp32"].agreement == 1
    assert all(set(one.metrics) == set(manifest.metrics) for one in manifest.precisions.values())
    scales = int8_scales(read_adapter(tiny_adapter, manifest))
    n_layers = sum(name.endswith(".attended") for name in scales)
    assert n_layers and len(scales) == 7 * n_layers  # four layers' scales, two smoothed inputs, the split neurons


def test_a_model_can_be_measured_again_without_training(
    tiny_adapter: Path, labelled_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(tiny_adapter, tmp_path / "copy"))
    before = read_manifest(tiny_adapter)
    (out / "manifest.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(before, metrics={}, precisions={})))
    again = measure_again(request(labelled_folder, out, base_folder), ignore)
    assert again.metrics == before.metrics and again.precisions.keys() == before.precisions.keys()
    assert again.adapter == before.adapter


def test_nothing_but_the_model_is_left_and_others_may_read_it(tiny_adapter: Path) -> None:
    assert sorted(path.name for path in tiny_adapter.iterdir()) == ["adapter.safetensors", "manifest.json"]
    assert all(path.stat().st_mode & 0o044 for path in tiny_adapter.iterdir())


@pytest.mark.parametrize("more", [{}, {"method": "full", "average": 0.9, "evaluations": 8.0}], ids=["lora", "full"])
def test_a_killed_run_ends_with_the_same_bits(
    labelled_folder: Path, base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    whole = train_adapter(request(labelled_folder, tmp_path / "whole", base_folder, **more), ignore)
    monkeypatch.setattr(trainer, "CHECKPOINT_EVERY_S", 0.0)
    killed = request(labelled_folder, tmp_path / "killed", base_folder, **more)
    with pytest.raises(KilledError):
        train_adapter(killed, killed_after(3))
    assert (killed.out / CHECKPOINT_FILE).exists()
    seen: list[int] = []
    resumed = train_adapter(killed, lambda stage, done, *_: seen.append(done) if stage == "train" else None)
    assert seen[0] == 3  # the third step was not yet saved when the signal came
    assert resumed.adapter.sha256 == whole.adapter.sha256
    assert not (killed.out / CHECKPOINT_FILE).exists()


def test_a_checkpoint_of_another_run_is_refused(
    labelled_folder: Path, base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_EVERY_S", 0.0)
    with pytest.raises(KilledError):
        train_adapter(request(labelled_folder, tmp_path, base_folder), killed_after(2))
    with pytest.raises(ConfigError, match="other settings or data"):
        train_adapter(request(labelled_folder, tmp_path, base_folder, seed=8), ignore)


def test_an_end_that_is_asked_for_leaves_a_checkpoint(labelled_folder: Path, base_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_adapter(request(labelled_folder, tmp_path, base_folder), ignore, stopping=lambda: True)
    seen: list[int] = []
    train_adapter(
        request(labelled_folder, tmp_path, base_folder),
        lambda stage, done, *_: seen.append(done) if stage == "train" else None,
    )
    assert seen[0] == 2


def test_training_can_go_on_from_another_model(
    tiny_adapter: Path, labelled_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    going_on = msgspec.structs.replace(
        request(labelled_folder, tmp_path, base_folder, epochs=0.07, learning_rate=1e-9, head_learning_rate=1e-9),
        start=tiny_adapter,
    )
    made = train_adapter(going_on, ignore)
    before = read_manifest(tiny_adapter)
    assert made.parent == before.adapter.sha256
    rows = torch.tensor(TokenReader(base_folder, 32).read(["Shares are rising in June"]))
    first, second = (load_network(base_folder, folder, m) for folder, m in ((tiny_adapter, before), (tmp_path, made)))
    with torch.inference_mode():
        assert torch.allclose(first.pooled(rows, rows * 0 + 1), second.pooled(rows, rows * 0 + 1), atol=5e-3)


def test_a_run_without_gain_ends_early_with_its_best_weights(
    labelled_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    seen: list[int] = []
    still = request(
        labelled_folder, tmp_path, base_folder, epochs=9, patience=2, evaluations=99, learning_rate=1e-9,
        head_learning_rate=1e-9, dev_share=0.2,
    )  # fmt: skip
    train_adapter(still, lambda stage, done, *_: seen.append(done) if stage == "train" else None)
    assert seen[-1] == 3  # judged after every step: once the best, then twice no better


def test_limited_minutes_end_a_run_with_a_model(labelled_folder: Path, base_folder: Path, tmp_path: Path) -> None:
    train_adapter(request(labelled_folder, tmp_path, base_folder, epochs=500, max_minutes=0.02, patience=0), ignore)
    assert read_manifest(tmp_path).hyperparameters["max_minutes"] == 0.02


def test_an_encoder_with_other_layers_is_a_base_of_the_models_own(
    labelled_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    made = train_adapter(request(labelled_folder, tmp_path, base_folder, layers="0,2,2", method="full"), ignore)
    own = locate_base(tmp_path, made.base)
    assert own == tmp_path / "base"
    network = load_network(own, tmp_path, made)
    assert len(network.encoder.encoder.layer) == 3  # type: ignore[arg-type, union-attr]
    with pytest.raises(ConfigError, match="layers 0 to 5"):
        train_adapter(request(labelled_folder, tmp_path / "b", base_folder, layers="0,6"), ignore)


def test_a_pupil_learns_from_teachers_and_texts_without_labels(
    tiny_adapter: Path, labelled_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    plain = request(labelled_folder, tmp_path, base_folder, epochs=0.1)
    bare = msgspec.structs.replace(plain.entries[1], name="bare", task="")
    pupil = msgspec.structs.replace(
        plain, entries=[*plain.entries, bare], teachers=[Teacher(tiny_adapter), Teacher(tiny_adapter, "market")]
    )
    made = train_adapter(pupil, ignore)
    assert "--teacher DIR --teacher market=DIR" in made.command and "--unlabelled bare" in made.command
    assert read_manifest(tiny_adapter).adapter.sha256[:16] in str(made.hyperparameters["teachers"])
    assert "topic/bare" not in made.metrics
    with pytest.raises(ConfigError, match="name a --teacher"):
        train_adapter(msgspec.structs.replace(pupil, teachers=[]), ignore)


def test_what_teachers_said_is_heard_once_in_a_run(tmp_path: Path) -> None:
    said = {"sentiment": torch.rand(2, 3)}
    first = heard_before(tmp_path, "run", lambda: said)
    again = heard_before(tmp_path, "run", lambda: {})
    other = heard_before(tmp_path, "other run", lambda: {"topic": torch.ones(1, 2)})
    assert torch.equal(first["sentiment"], again["sentiment"]) and list(other) == ["topic"]


def test_the_course_of_a_run_is_there_for_tensorboard(
    labelled_folder: Path, base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setattr(trainer, "JOURNAL_EVERY", 1)
    journal = open_journal(tmp_path / "log")
    train_adapter(request(labelled_folder, tmp_path / "made", base_folder, dev_share=0.2), ignore, journal)
    journal.close()
    events = EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"train/loss", "train/rate", "dev/macro_f1"}
    assert len(events.Scalars("train/loss")) > 3


def test_without_tensorboard_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"pip install streamwatch\[train\]"):
        open_journal(tmp_path)


def test_a_file_that_is_not_the_known_one_is_no_release(
    labelled_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "sentiment").mkdir()
    (tmp_path / "sentiment" / "fiqa_train.csv").write_bytes((labelled_folder / "market.csv").read_bytes())
    plain = request(labelled_folder, tmp_path / "out", base_folder)
    release = msgspec.structs.replace(plain, data=tmp_path, entries=[catalogue.find("fiqa")], release=True)
    with pytest.raises(ConfigError, match="is not the file that fiqa means"):
        train_adapter(release, ignore)


def test_the_written_vectors_and_matrices_fit_their_budget(
    labelled_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    budget = 300_000
    made = train_adapter(request(labelled_folder, tmp_path, base_folder, method="full", budget_bytes=budget), ignore)
    assert 0.9 * budget < (tmp_path / made.adapter.name).stat().st_size <= budget
    names = read_adapter(tmp_path, made)
    assert any(name.startswith("delta.") and "LayerNorm" in name for name in names)
    assert any(name.startswith("lora.") for name in names)


def test_the_command_of_a_request_asks_for_the_same_again(base_folder: Path, tmp_path: Path) -> None:
    fiqa = msgspec.structs.replace(catalogue.find("fiqa"), repeat=2)
    asked = Request(data=tmp_path, out=tmp_path, base=base_folder, entries=[fiqa], plan=Plan(epochs=1.5), release=True)
    assert command_line(asked) == (
        "streamwatch train --data DIR --out DIR --release --dataset fiqa --repeat fiqa=2 --epochs 1.5"
    )
    everything = msgspec.structs.replace(asked, entries=catalogue.permissive(), plan=Plan())
    assert command_line(everything) == "streamwatch train --data DIR --out DIR --release"


def test_every_setting_of_a_plan_has_an_option() -> None:
    assert tuple(PLAN_OPTIONS) == Plan.__struct_fields__


def command(data: Path, out: Path, *more: str) -> list[str]:
    sets = [option for name in ("customer", "market", "topics") for option in ("--dataset", str(data / f"{name}.yml"))]
    small = ["--method", "lora", "--rank", "4", "--max-tokens", "48", "--tail-tokens", "8", "--batch-size", "16"]
    return ["--data", str(data), "--out", str(out), *sets, *small, *more]


def test_the_command_trains_and_shows_what_came_of_it(labelled_folder: Path, tmp_path: Path) -> None:
    arguments = command(labelled_folder, tmp_path / "made", "--epochs", "0.1", "--threads", "1", "--json")
    done = CliRunner().invoke(train, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "macro-F1" in done.stderr
    assert "sentiment/market" in json.loads(done.stdout.splitlines()[-1])["metrics"]
    assert read_manifest(tmp_path / "made").seed == 7


def test_the_command_searches_first_and_says_what_it_found(labelled_folder: Path, tmp_path: Path) -> None:
    arguments = command(labelled_folder, tmp_path / "made", "--epochs", "0.1", "--threads", "1", "--dev-share", "0.2")
    done = CliRunner().invoke(train, [*arguments, "--search", "3"], catch_exceptions=False)
    assert done.exit_code == 0
    made = read_manifest(tmp_path / "made")
    assert "--search" not in made.command and "--epochs 0.1" in made.command
    rates = {plan.rate for plan in neighbours(Plan(method="lora"), 3)}
    assert made.hyperparameters["learning_rate"] in rates
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["adapter.safetensors", "manifest.json"]


def test_a_killed_search_goes_on_behind_its_last_trial(
    labelled_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    asked = request(labelled_folder, tmp_path, base_folder, dev_share=0.2)

    def killed_at_the_third(stage: str, done: int, total: int, remark: str = "") -> None:
        if stage == "search" and done == 2:
            raise KilledError

    with pytest.raises(KilledError):
        searched(asked, 3, killed_at_the_third)
    seen: list[int] = []
    found = searched(asked, 3, lambda stage, done, *_: seen.append(done) if stage == "search" else None)
    assert seen == [2, 2, 2, 3]  # two are known, the third is computed, and the end is told
    elsewhere = msgspec.structs.replace(asked, out=tmp_path / "elsewhere")
    assert found.plan == searched(elsewhere, 3, ignore).plan


def test_a_search_of_other_settings_begins_anew(tmp_path: Path) -> None:
    assert Tried(tmp_path, "one").score(Plan(), 1.0, lambda: 0.25) == 0.25
    assert Tried(tmp_path, "one").score(Plan(), 0.5, lambda: 0.75) == 0.75
    assert Tried(tmp_path, "other").score(Plan(), 1.0, lambda: 0.5) == 0.5
    (tmp_path / "search.json").write_bytes(b"{half")
    assert Tried(tmp_path, "other").n == 0


def test_a_search_that_nothing_can_be_judged_by_is_one_line(
    labelled_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="raise --dev-share"):
        searched(request(labelled_folder, tmp_path, base_folder, dev_share=0.0), 3, ignore)


def test_a_search_stops_when_it_is_asked_to(labelled_folder: Path, base_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        searched(request(labelled_folder, tmp_path, base_folder, dev_share=0.2), 3, ignore, stopping=lambda: True)


def test_the_commands_help_teaches() -> None:
    shown = CliRunner().invoke(train, ["--help"]).stdout
    assert "domain: market" in shown and "--distil-weight" in shown


@pytest.mark.parametrize("option", ["--repeat=fiqa", "--balance=market=much"])
def test_a_choice_that_is_none_is_one_line(labelled_folder: Path, tmp_path: Path, option: str) -> None:
    done = CliRunner().invoke(train, command(labelled_folder, tmp_path, option))
    assert done.exit_code == 2 and "NAME=NUMBER" in done.stderr


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(labelled_folder: Path, tmp_path: Path) -> None:
    arguments = command(labelled_folder, tmp_path / "made", "--epochs", "400", "--patience", "0", "--threads", "1")
    run = subprocess.Popen(
        [sys.executable, "-m", "streamwatch", "train", *arguments],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("train:"):
            break
    run.send_signal(signal.SIGINT)
    said = run.stderr.read()
    assert run.wait(60) == 130
    assert "the same command goes on" in said
    assert (tmp_path / "made" / CHECKPOINT_FILE).exists()
