"""MPNet: a teacher of another shape is trained, written whole and asked; what ships cannot stand on it."""

from pathlib import Path
from shutil import copyfile

import msgspec
import pytest
import torch
from conftest import ignore, tiny_request
from safetensors.torch import save_file
from transformers import MPNetConfig, MPNetModel

from streamwatch.errors import ConfigError, ModelError
from streamwatch.learning.datasets import catalogue
from streamwatch.learning.job import train_adapter
from streamwatch.learning.teachers import Teacher
from streamwatch.models.network import load_encoder

SHAPE = {
    "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 30527,
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


def test_a_pupil_learns_from_a_teacher_of_another_shape(
    labelled_folder: Path, base_folder: Path, mpnet_folder: Path, tmp_path: Path
) -> None:
    copyfile(base_folder / "tokenizer.json", mpnet_folder / "tokenizer.json")
    asked = tiny_request(labelled_folder, tmp_path / "teacher", mpnet_folder)
    teacher = train_adapter(msgspec.structs.replace(asked, foreign="tiny-mpnet"), ignore)
    assert teacher.base.name.startswith("tiny-mpnet")
    assert teacher.base.folder
    assert "--encoder tiny-mpnet" in teacher.command
    asked = tiny_request(labelled_folder, tmp_path / "pupil", base_folder)
    pupil = train_adapter(msgspec.structs.replace(asked, teachers=[Teacher(tmp_path / "teacher")]), ignore)
    assert teacher.adapter.sha256[:16] in str(pupil.hyperparameters["teachers"])


def test_what_ships_does_not_stand_on_a_teachers_encoder(labelled_folder: Path, mpnet_folder: Path) -> None:
    asked = tiny_request(labelled_folder, mpnet_folder / "out", mpnet_folder)
    ships = msgspec.structs.replace(asked, foreign="tiny-mpnet", release=True, entries=catalogue.permissive())
    with pytest.raises(ConfigError, match="stands on the pinned encoder"):
        train_adapter(ships, ignore)
