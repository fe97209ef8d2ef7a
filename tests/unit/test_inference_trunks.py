"""The trunks: the same numbers as transformers, and for a text the same bits whatever stands beside it."""

import random

import pytest
import torch
from transformers import BertConfig, BertModel

from streamwatch.errors import ModelError
from streamwatch.inference.trunks.calibration import calibrate
from streamwatch.inference.trunks.opening import PRECISIONS, PrecisionName, open_trunk
from streamwatch.inference.trunks.packing import GRAIN, n_padding, pack
from streamwatch.inference.trunks.trunk import Trunk
from streamwatch.models.network import Network

N_WORDS = 99
FARTHEST = {"fp32": 1e-5, "bf16": 0.05, "int8": 0.1}
"""From transformers' float32 at most, of states near 1."""


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=N_WORDS, hidden_size=64, num_attention_heads=2, num_hidden_layers=3, intermediate_size=256
    )
    encoder = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():  # as they are made, all states would be nearly equal
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return Network(encoder, 64, ()).eval()


@pytest.fixture(scope="module")
def rows() -> list[list[int]]:
    draw = random.Random(7)
    lengths = [2, 3, 15, 16, 17, 17, 17, 31, 32, 33, 48, 64, 100, 128, 30, 30]
    return [[draw.randrange(N_WORDS) for _ in range(length)] for length in lengths]


@pytest.fixture(scope="module", params=PRECISIONS)
def trunk(network: Network, rows: list[list[int]], request: pytest.FixtureRequest) -> Trunk:
    precision: PrecisionName = request.param
    return open_trunk(network, precision, scales=calibrate(network, rows))


def test_a_trunk_gives_what_transformers_gives(network: Network, trunk: Trunk, rows: list[list[int]]) -> None:
    with torch.inference_mode():
        expected = torch.cat([network.pooled(torch.tensor([row]), torch.ones(1, len(row))) for row in rows])
    assert (trunk.pooled(rows) - expected).abs().max() < FARTHEST[trunk.name.removesuffix("-cpu")]


def test_a_text_has_the_same_bits_alone_and_in_any_batch_at_any_place(trunk: Trunk, rows: list[list[int]]) -> None:
    alone = torch.cat([trunk.pooled([row]) for row in rows])
    draw = random.Random(1)
    for n in (2, 5, len(rows), len(rows)):
        chosen = [draw.randrange(len(rows)) for _ in range(n)]
        assert torch.equal(trunk.pooled([rows[i] for i in chosen]), alone[chosen])


def test_nothing_is_padded_but_the_end_of_a_matrix(rows: list[list[int]]) -> None:
    packed = pack(rows * 20)
    assert n_padding(packed) < GRAIN * len(packed)
    assert sorted(i for one in packed for i in one.order) == list(range(len(rows) * 20))


def test_no_rows_give_no_states(trunk: Trunk) -> None:
    assert trunk.pooled([]).shape == (0, 64)


def test_int8_without_scales_says_what_to_do(network: Network) -> None:
    with pytest.raises(ModelError, match="use another precision"):
        open_trunk(network, "int8")


def test_scales_of_another_model_say_which_layer_they_lack(network: Network, rows: list[list[int]]) -> None:
    scales = calibrate(network, rows)
    del scales["2.outer"]
    with pytest.raises(ModelError, match=r"layer 2\.outer"):
        open_trunk(network, "int8", scales=scales)
