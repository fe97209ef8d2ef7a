"""A change of the whole encoder in few bytes: the best product for them, and exact where the change is small."""

from pathlib import Path

import pytest
import torch

from streamwatch.learning.low_rank import difference
from streamwatch.learning.methods.choose import network_to_train, plain_encoder
from streamwatch.learning.plan import Plan
from streamwatch.models.adapter import merge_lora, merge_vectors
from streamwatch.models.manifest import HeadEntry, Lora
from streamwatch.models.network import load_encoder

PLENTY = 10**9
SCALE_ONE = Lora(r=384, alpha=384)


def moved(rank: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(rank)
    before = {"a.weight": torch.randn(40, 30, generator=generator), "a.bias": torch.zeros(40)}
    change = torch.randn(40, rank, generator=generator) @ torch.randn(rank, 30, generator=generator)
    return before, {"a.weight": before["a.weight"] + change, "a.bias": torch.linspace(0, 1, 40)}


def test_a_change_of_low_rank_is_kept_whole() -> None:
    before, after = moved(rank=3)
    made = difference(before, after, PLENTY)
    assert made["lora.a.A"].shape == (3, 30)
    product = made["lora.a.B"].float() @ made["lora.a.A"].float()
    assert torch.allclose(product, after["a.weight"] - before["a.weight"], atol=0.02)
    assert torch.allclose(made["delta.a.bias"].float(), after["a.bias"], atol=1e-3)


def test_the_budget_goes_where_it_takes_away_the_most_error() -> None:
    generator = torch.Generator().manual_seed(1)
    before = {"small.weight": torch.zeros(20, 20), "large.weight": torch.zeros(20, 20)}
    after = {name: torch.randn(20, 20, generator=generator) for name in before}
    after["large.weight"] *= 10
    made = difference(before, after, budget_bytes=4 * 130 + 5 * 80)
    assert made["lora.large.A"].shape[0] == 5
    assert "lora.small.A" not in made


def test_what_did_not_move_is_not_in_the_file() -> None:
    before, _ = moved(rank=1)
    assert difference(before, before, PLENTY) == {}


def test_a_budget_below_the_vectors_is_refused() -> None:
    before, after = moved(rank=1)
    with pytest.raises(ValueError, match="do not hold the vectors"):
        difference(before, after, 10)


@pytest.mark.parametrize("method", ["lora", "full", "adalora"])
@torch.no_grad()
def test_merging_the_difference_gives_the_trained_encoder(base_folder: Path, method: str) -> None:
    heads = [HeadEntry("mood", ("low", "high"))]
    network = network_to_train(base_folder, heads, Plan(method=method, rank=4), 10).eval()  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(3)
    for parameter in network.encoder.parameters():
        if parameter.requires_grad:
            parameter.add_(0.01 * torch.randn(parameter.shape, generator=generator))
    ids = torch.arange(1000, 1012).reshape(1, -1)
    expected = network.pooled(ids, ids * 0 + 1)
    base = load_encoder(base_folder)
    weights = difference(base.state_dict(), plain_encoder(network).state_dict(), PLENTY)
    merge_lora(base, {name: t.float() for name, t in weights.items()}, SCALE_ONE)
    merge_vectors(base, weights)
    got = base(input_ids=ids, attention_mask=ids * 0 + 1).last_hidden_state.mean(1)
    assert torch.allclose(got, expected, atol=0.01)
