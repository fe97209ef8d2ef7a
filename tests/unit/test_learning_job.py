"""Training: it learns, each head from its own labels only, and a killed run goes on as if nothing had happened."""

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from streamwatch.commands.train import train
from streamwatch.config import load
from streamwatch.errors import ConfigError
from streamwatch.inference import open_engine
from streamwatch.learning import trainer
from streamwatch.learning.checkpoint import CHECKPOINT_FILE
from streamwatch.learning.job import train_adapter
from streamwatch.learning.recipe import Example
from streamwatch.learning.trainer import Plan, multitask_loss
from streamwatch.models.adapter import read_adapter
from streamwatch.models.manifest import read_manifest
from streamwatch.records import SENTIMENTS, Prediction

PLAN = Plan(epochs=0.5, batch_size=16, max_tokens=48)


class KilledError(Exception):
    """Stands for the signal: nothing after it runs."""


def killed_after(steps: int) -> Any:
    def watch(stage: str, done: int, total: int, remark: str = "") -> None:
        if stage == "train" and done == steps:
            raise KilledError

    return watch


def ignore(*_: Any) -> None:
    """Hears of progress and says nothing."""


def test_the_adapter_opens_and_its_manifest_is_complete(tiny_adapter: Path) -> None:
    [made] = open_engine(load(model=str(tiny_adapter), device="cpu")).classify(["The flight is late again"])
    assert isinstance(made, Prediction)
    manifest = read_manifest(tiny_adapter)
    assert set(manifest.metrics) == {"sentiment/mood", "topic/topic"}
    assert set(manifest.metrics["sentiment/mood"].recall) == set(SENTIMENTS)
    assert [file.source for file in manifest.data] == ["mood", "topic"]
    assert str(tiny_adapter.parent) not in (tiny_adapter / "manifest.json").read_text()
    assert "--epochs 0.5" in manifest.command


def test_nothing_but_the_adapter_is_left_and_others_may_read_it(tiny_adapter: Path) -> None:
    assert sorted(path.name for path in tiny_adapter.iterdir()) == ["adapter.safetensors", "manifest.json"]
    assert all(path.stat().st_mode & 0o044 for path in tiny_adapter.iterdir())


def test_a_killed_run_ends_with_the_same_bits(
    tiny_adapter: Path, labelled_folder: Path, base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_EVERY_S", 0.0)
    with pytest.raises(KilledError):
        train_adapter(labelled_folder, tmp_path, base_folder, PLAN, killed_after(3))
    assert (tmp_path / CHECKPOINT_FILE).exists()
    seen: list[int] = []
    resumed = train_adapter(
        labelled_folder, tmp_path, base_folder, PLAN,
        lambda stage, done, total, remark="": seen.append(done) if stage == "train" else None,
    )  # fmt: skip
    assert seen[0] == 3  # the third step was not yet saved when the signal came
    assert resumed.adapter.sha256 == read_manifest(tiny_adapter).adapter.sha256
    assert not (tmp_path / CHECKPOINT_FILE).exists()


def test_a_checkpoint_of_another_run_is_refused(
    labelled_folder: Path, base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_EVERY_S", 0.0)
    with pytest.raises(KilledError):
        train_adapter(labelled_folder, tmp_path, base_folder, PLAN, killed_after(2))
    other = Plan(epochs=0.5, batch_size=16, max_tokens=48, seed=8)
    with pytest.raises(ConfigError, match="other settings or data"):
        train_adapter(labelled_folder, tmp_path, base_folder, other, ignore)


def test_training_can_go_on_from_another_adapter(
    tiny_adapter: Path, labelled_folder: Path, base_folder: Path, tmp_path: Path
) -> None:
    plan = Plan(epochs=0.07, batch_size=16, max_tokens=48)
    made = train_adapter(labelled_folder, tmp_path, base_folder, plan, ignore, start=tiny_adapter)
    before = read_manifest(tiny_adapter)
    assert made.parent == before.adapter.sha256
    name = "lora.encoder.layer.5.output.dense.A"
    first, second = (read_adapter(folder, m)[name] for folder, m in ((tiny_adapter, before), (tmp_path, made)))
    assert torch.allclose(first, second, atol=0.01)


def test_limited_minutes_end_a_run_with_an_adapter(labelled_folder: Path, base_folder: Path, tmp_path: Path) -> None:
    plan = Plan(epochs=500, max_minutes=0.02, batch_size=16, max_tokens=48)
    train_adapter(labelled_folder, tmp_path, base_folder, plan, ignore)
    assert read_manifest(tmp_path).hyperparameters["max_minutes"] == 0.02


def test_a_head_learns_nothing_from_the_other_tasks_labels() -> None:
    sentiment = torch.zeros(2, 3, requires_grad=True)
    topic = torch.zeros(2, 20, requires_grad=True)
    loss = multitask_loss(sentiment, topic, [Example("a", "s", "sentiment", 0), Example("b", "t", "topic", 5)])
    loss.backward()
    assert sentiment.grad is not None and topic.grad is not None
    assert sentiment.grad[0].abs().sum() > 0 and sentiment.grad[1].abs().sum() == 0
    assert topic.grad[0].abs().sum() == 0 and topic.grad[1].abs().sum() > 0


def test_weights_scale_the_loss_of_their_example() -> None:
    logits = torch.tensor([[1.0, 0.0, 0.0]])
    once, twice = (
        multitask_loss(logits, torch.zeros(1, 20), [Example("a", "s", "sentiment", 1, w)]) for w in (1.0, 2.0)
    )
    assert float(twice) == pytest.approx(2 * float(once))


def test_a_batch_of_one_task_only_has_a_loss() -> None:
    loss = multitask_loss(torch.zeros(1, 3), torch.zeros(1, 20), [Example("a", "s", "sentiment", 1)])
    assert float(loss) == pytest.approx(1.0986, abs=1e-3)


def test_the_command_trains_and_shows_what_came_of_it(labelled_folder: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(labelled_folder), "--out", str(tmp_path / "made"), "--epochs", "0.1", "--threads", "2"]
    done = CliRunner().invoke(train, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "macro-F1" in done.stderr
    assert read_manifest(tmp_path / "made").seed == 7


def test_the_commands_help_teaches() -> None:
    assert "recipe.json" in CliRunner().invoke(train, ["--help"]).stdout
