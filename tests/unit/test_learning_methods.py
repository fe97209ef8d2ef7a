"""The trainer's choices: each changes what it says it changes, and a killed run of each goes on to the same bits."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from conftest import ignore, tiny_request
from test_learning_job import KilledError, killed_after

from streamwatch.errors import ConfigError
from streamwatch.learning import trainer
from streamwatch.learning.datasets.entry import DataSet
from streamwatch.learning.datasets.rows import Example
from streamwatch.learning.job import train_adapter
from streamwatch.learning.material import head_entries
from streamwatch.learning.methods.adalora import ranks_of
from streamwatch.learning.methods.choose import network_to_train
from streamwatch.learning.methods.head_ensemble import head_sets, merge_members
from streamwatch.learning.methods.regularise import LOSSES, Lesson, word_embeddings
from streamwatch.learning.objectives.targets import targets
from streamwatch.learning.objectives.total import Objective
from streamwatch.learning.plan import Plan
from streamwatch.learning.search import halve, neighbours
from streamwatch.models.network import Network

ENTRY = DataSet(name="market", file="m", task="sentiment", domain="market")
HEADS = head_entries([ENTRY])
ROWS = [[101, 2000 + i, 3000 + i, 102] for i in range(4)]


def lesson() -> Lesson:
    examples = [Example(f"text {i}", "market", "sentiment", i % 3) for i in range(4)]
    return Lesson(ROWS, targets(examples, {"market": ENTRY}, HEADS, 0.0), Objective(HEADS))


def network(base: Path, **settings: Any) -> Network:
    return network_to_train(base, HEADS, Plan(**{"layers": "0", "dropout": 0.0, "head_dropout": 0.0} | settings), 20)


def loss(of: Network, regulariser: str = "") -> float:
    torch.manual_seed(1)
    return float(LOSSES[regulariser](of, lesson(), range(4)).detach())


def test_r_drop_asks_two_passes_to_agree(base_folder: Path) -> None:
    sure = network(base_folder).train()
    assert loss(sure, "r_drop") == pytest.approx(loss(sure), rel=1e-3)  # without dropout both passes are one
    unsure = network(base_folder, head_dropout=0.5).train()
    torch.manual_seed(1)
    both = [float(LOSSES[""](unsure, lesson(), range(4)).detach()) for _ in range(2)]
    assert loss(unsure, "r_drop") > sum(both) / 2


def test_fgm_moves_the_embeddings_against_the_model_and_puts_them_back(base_folder: Path) -> None:
    made = network(base_folder).eval()
    table = word_embeddings(made.encoder).weight.clone()  # type: ignore[union-attr, operator]
    assert loss(made, "fgm") > 2 * loss(made)
    assert torch.equal(word_embeddings(made.encoder).weight, table)  # type: ignore[arg-type]
    assert not word_embeddings(made.encoder)._forward_hooks


def test_fgm_teaches_the_network(base_folder: Path) -> None:
    made = network(base_folder)
    LOSSES["fgm"](made, lesson(), range(4)).backward()  # type: ignore[no-untyped-call]
    moving = [p for p in made.parameters() if p.requires_grad and p.grad is not None]
    assert sum(float(p.grad.abs().sum()) for p in moving if p.grad is not None) > 0


def test_the_mean_of_the_heads_says_the_mean_of_what_they_say(base_folder: Path) -> None:
    made = network(base_folder, head_members=3).eval()
    states = torch.randn(5, 384)
    said = [heads["sentiment"].parts(states) for heads in head_sets(made)]  # type: ignore[operator, union-attr]
    assert not torch.allclose(said[0][0], said[1][0])
    merge_members(made)
    merged = made.heads["sentiment"].parts(states)  # type: ignore[operator, union-attr]
    for k in range(3):
        assert torch.allclose(merged[k], torch.stack([one[k] for one in said]).mean(0), atol=1e-5)
    assert len(head_sets(made)) == 1


def test_narrower_layers_keep_what_says_the_most(base_folder: Path) -> None:
    ids = torch.tensor(ROWS)
    with torch.inference_mode():
        whole, most, few = (network(base_folder, units=n).eval().pooled(ids, ids * 0 + 1) for n in (0, 1400, 200))
    assert (whole - most).norm() < (whole - few).norm()
    with pytest.raises(ConfigError, match="has 1536"):
        network(base_folder, units=2000)


def test_ranks_move_to_where_they_are_needed(base_folder: Path) -> None:
    made = network(base_folder, method="adalora", rank=4).train()
    ranks = ranks_of(made.encoder)
    assert ranks is not None and ranks_of(network(base_folder).encoder) is None
    optimiser = torch.optim.AdamW([p for p in made.parameters() if p.requires_grad], lr=1e-2)
    for step in range(20):
        optimiser.zero_grad()
        (LOSSES[""](made, lesson(), range(4)) + ranks.penalty()).backward()
        optimiser.step()
        ranks.move(step)
    kept = {name: int(t.sum()) for name, t in ranks.state().items() if name.startswith("rank_pattern")}
    assert sum(kept.values()) == 4 * len(kept)
    assert len(set(kept.values())) > 1


@pytest.mark.parametrize(
    "more",
    [
        {"method": "adalora", "epochs": 1.0, "layers": "0,5"},
        {"regulariser": "fgm", "head_members": 2, "layers": "0"},
        {"regulariser": "r_drop", "units": 300, "method": "full", "layers": "0"},
    ],
    ids=["adalora", "fgm and members", "r_drop and pruned"],
)
def test_a_killed_run_of_each_choice_ends_with_the_same_bits(
    labelled_folder: Path, base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    whole = train_adapter(tiny_request(labelled_folder, tmp_path / "whole", base_folder, **more), ignore)
    monkeypatch.setattr(trainer, "CHECKPOINT_EVERY_S", 0.0)
    killed = tiny_request(labelled_folder, tmp_path / "killed", base_folder, **more)
    with pytest.raises(KilledError):
        train_adapter(killed, killed_after(3))
    resumed = train_adapter(killed, ignore)
    assert (resumed.adapter.sha256, resumed.base.sha256) == (whole.adapter.sha256, whole.base.sha256)


def test_too_short_a_run_moves_no_ranks(base_folder: Path) -> None:
    with pytest.raises(ConfigError, match="10 steps or more"):
        network_to_train(base_folder, HEADS, Plan(method="adalora"), 9)


def test_the_search_spends_the_most_on_the_best() -> None:
    plans = [msgspec.structs.replace(Plan(), seed=seed) for seed in range(9)]
    tried: list[tuple[int, float]] = []

    def score(plan: Plan, share: float) -> float:
        tried.append((plan.seed, share))
        return -abs(plan.seed - 5)

    assert halve(plans, score).seed == 5
    assert [share for _, share in tried].count(pytest.approx(1 / 9)) == 9
    assert {seed for seed, share in tried if share == pytest.approx(1 / 3)} == {4, 5, 6}
    assert len(tried) == 12  # the winner itself is trained by whoever asked


def test_neighbours_are_around_the_plan_and_the_first_is_itself() -> None:
    plan = Plan(method="lora")
    made = neighbours(plan, 20)
    assert made[0] == plan and len({p.learning_rate for p in made}) > 10
    assert all(plan.rate / 3.1 < p.rate < plan.rate * 3.1 for p in made)
