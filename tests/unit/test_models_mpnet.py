"""MPNet: a teacher of another shape is trained, written whole and asked; what ships cannot stand on it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import MPNetConfig, MPNetModel

from streamwatch.errors import ModelError
from streamwatch.models.network import load_encoder

SHAPE = {
    "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 99,
}  # fmt: skip


@pytest.fixture
def mpnet_folder(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    config = MPNetConfig(**SHAPE)
    config.to_json_file(tmp_path / "config.json", use_diff=False)
    weights = MPNetModel(config).state_dict()
    save_file({name: t.contiguous() for name, t in weights.items()}, tmp_path / "model.safetensors")
    return tmp_path


def test_an_mpnet_is_read_with_its_weights_and_without_what_pooling_does_not_need(mpnet_folder: Path) -> None:
    encoder = load_encoder(mpnet_folder).eval()
    assert isinstance(encoder, MPNetModel)
    assert not any("pooler" in name for name in encoder.state_dict())
    ids = torch.tensor([[5, 6, 7, 8]])
    whole = MPNetModel.from_pretrained(mpnet_folder).eval()
    with torch.inference_mode():
        assert torch.allclose(encoder(ids).last_hidden_state, whole(ids).last_hidden_state, atol=1e-5)


def test_padding_behind_a_text_changes_none_of_its_states(mpnet_folder: Path) -> None:
    encoder = load_encoder(mpnet_folder).eval()
    ids, mask = torch.tensor([[5, 6, 7, 0, 0]]), torch.tensor([[1, 1, 1, 0, 0]])
    with torch.inference_mode():
        padded = encoder(ids, attention_mask=mask).last_hidden_state[:, :3]
        assert torch.allclose(padded, encoder(ids[:, :3]).last_hidden_state, atol=1e-5)


def test_weights_of_another_shape_are_refused(mpnet_folder: Path) -> None:
    MPNetConfig(**SHAPE | {"hidden_size": 16}).to_json_file(mpnet_folder / "config.json", use_diff=False)
    with pytest.raises(ModelError, match="does not hold an MPNet encoder"):
        load_encoder(mpnet_folder)
