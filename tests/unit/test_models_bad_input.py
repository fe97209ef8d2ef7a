"""Models that are not what they should be: each refused in one line that says what to do."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from tiny_models import HEADS, TARGET, WIDTH, edit_manifest

from streamwatch.cli import cli
from streamwatch.config import load
from streamwatch.errors import REASONS, ModelError
from streamwatch.inference import classify, describe_model, open_engine
from streamwatch.models.adapter import write_adapter
from streamwatch.models.base import own_base
from streamwatch.models.manifest import file_sha256
from streamwatch.records import Prediction


def refusal(folder: Path) -> str:
    """The one line that opening `folder` ends with."""
    with pytest.raises(ModelError) as caught:
        open_engine(load(model=str(folder), device="cpu"))
    line = str(caught.value)
    assert "\n" not in line and ": " in line and len(line) < 600
    return line


def replace_adapter(model: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    """Other weights in the adapter, and their hash in the manifest: as if they had been trained so."""
    weights = load_file(model / "adapter.safetensors")
    change(weights)
    edit_manifest(model, "adapter.sha256", write_adapter(model, weights).sha256)


def replace_file(model: Path, content: bytes) -> None:
    """Any bytes as the adapter, with their right hash."""
    (model / "adapter.safetensors").write_bytes(content)
    edit_manifest(model, "adapter.sha256", file_sha256(model / "adapter.safetensors"))


def rehash_base(model: Path) -> None:
    """The hashes of what lies in the base's folder now: a base that was made so."""
    base = own_base("tiny", model, "encoder")
    for name in ("sha256", "tokenizer_sha256", "config_sha256"):
        edit_manifest(model, f"base.{name}", getattr(base, name))


def edit_config(model: Path, **changes: Any) -> None:
    path = model / "encoder" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    rehash_base(model)


def test_a_model_with_a_base_and_a_tokenizer_of_its_own_opens_and_classifies(model: Path) -> None:
    settings = load(model=str(model), device="cpu")
    assert describe_model(settings).problem == ""
    [made] = classify(open_engine(settings), ["Shares of the company fall"])
    assert isinstance(made, Prediction)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_every_file_of_an_own_base_is_hashed(model: Path, file: str) -> None:
    content = (model / "encoder" / file).read_bytes()
    (model / "encoder" / file).write_bytes(content + b" ")
    assert "expected" in refusal(model) and "expected" in describe_model(load(model=str(model))).problem


def test_an_own_base_without_a_tokenizers_hash_must_have_the_pinned_vocabulary(model: Path) -> None:
    edit_manifest(model, "base.tokenizer_sha256", "")
    assert "another vocabulary" in refusal(model)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("heads.0.temperature", -1.0, "heads[0].temperature"),
        ("heads.0.temperature", 0, "heads[0].temperature"),
        ("heads.0.temperature", float("nan"), "cannot be read"),
        ("heads.0.temperature", float("inf"), "cannot be read"),
        ("max_tokens", 10**9, "max_tokens"),
        ("max_tokens", 65, "its base reads 64"),
        ("max_tokens", 0, "max_tokens"),
        ("tail_tokens", 32, "must be below max_tokens"),
        ("tail_tokens", -1, "tail_tokens"),
        ("lora.r", 0, "lora.r"),
        ("lora.alpha", 10**9, "lora.alpha"),
        ("heads", [{"name": f"h{i}", "labels": ["a", "b"]} for i in range(10_000)], "length <= 64"),
        ("heads", [], "length >= 1"),
        ("heads.1.name", "sentiment", "it must say negative, neutral, positive"),
        ("heads", [{"name": "topic", "labels": ["a", "b"]}] * 2, "two heads have one name"),
        ("heads.0.labels", ["negative", "neutral"], "it must say negative, neutral, positive"),
        ("heads.1.labels", ["one"], "length >= 2"),
        ("heads.1.labels", ["one", "one"], "names a label twice"),
        ("heads.1.labels", ["one", ""], "heads[1].labels"),
        ("heads.1.outside", "elsewhere", "no label 'elsewhere'"),
        ("heads.1.name", "encoder.layer", "heads[1].name"),
        ("heads.1.domains", ["a", "b", "c"], "domains"),
        ("heads.1.domains", ["a"], "no domains or two"),
        ("heads.1.norm", "exec", "norm empty or adn"),
        ("scripts", ["Latin", "Klingon"], "no scripts of Unicode: Latin, Klingon"),
        ("scripts", [], "no scripts of Unicode: none named"),
        ("base.sha256", "../..", "base.sha256"),
        ("base", {"name": "x"}, "sha256"),
        ("adapter.sha256", "0" * 64, "its manifest says 00000000"),
        ("format", 1, "train the adapter again"),
        ("format", 3, "upgrade streamwatch"),
        ("metrics", {"topic/x": {"n": -1, "accuracy": 7, "macro_f1": 0, "ece": 0}}, "metrics"),
    ],
)
def test_absurd_manifests_are_refused(model: Path, place: str, value: Any, said: str) -> None:
    edit_manifest(model, place, value)
    assert said in refusal(model)


@pytest.mark.parametrize("missing", ["sentiment", "topic"])
def test_a_model_without_a_sentiment_or_a_topic_is_refused(model: Path, missing: str) -> None:
    edit_manifest(model, "heads", [{"name": h.name, "labels": h.labels} for h in HEADS if h.name != missing])
    assert f"no head {missing}" in refusal(model)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"x":' + b"[" * 100_000], ids=repr)
def test_a_manifest_that_is_none_is_refused(model: Path, content: bytes) -> None:
    (model / "manifest.json").write_bytes(content)
    assert "cannot be read" in refusal(model)


def test_a_manifest_of_megabytes_is_not_read(model: Path) -> None:
    with (model / "manifest.json").open("ab") as file:
        file.truncate(1 << 40)  # a sparse file: no disk is used
    assert "it is no manifest" in refusal(model)


@pytest.mark.parametrize("name", ["../a.safetensors", "/etc/passwd", "..", ".hidden", "a/b", "a\\b", "", "x" * 300])
def test_no_name_leads_out_of_the_folder(model: Path, name: str) -> None:
    edit_manifest(model, "adapter.name", name)
    assert "no plain name" in refusal(model)


@pytest.mark.parametrize("name", ["../encoder", "/etc", "..", "encoder/.."])
def test_no_base_leads_out_of_the_folder(model: Path, name: str) -> None:
    edit_manifest(model, "base.folder", name)
    assert "no plain name" in refusal(model)


@pytest.mark.parametrize(
    "name", ["manifest.json", "adapter.safetensors", "encoder", "encoder/model.safetensors", "encoder/config.json"]
)
def test_no_link_leads_out_of_the_folder(model: Path, name: str) -> None:
    outside = model.parent / "outside"
    (model / name).rename(outside)
    (model / name).symlink_to(outside)
    assert "leads out of" in refusal(model)


def test_the_models_folder_itself_may_be_reached_by_a_link(model: Path) -> None:
    link = model.parent / "link"
    link.symlink_to(model)
    assert describe_model(load(model=str(link))).problem == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08",
        pickle.dumps({"weights": [1.0]}),
        b"\xff" * 8 + b"{}",
        (1 << 40).to_bytes(8, "little") + b"{}",
        (8).to_bytes(8, "little") + b"notjson!",
    ],
    ids=["empty", "one byte", "pickle", "endless header", "header of a terabyte", "header that is no json"],
)
def test_a_file_that_is_no_safetensors_is_refused(model: Path, content: bytes) -> None:
    replace_file(model, content)
    assert "is no safetensors file" in refusal(model)


def test_a_file_cut_short_is_refused(model: Path) -> None:
    replace_file(model, (model / "adapter.safetensors").read_bytes()[:-100])
    assert "is no safetensors file" in refusal(model)


def test_a_base_cut_short_is_refused(model: Path) -> None:
    path = model / "encoder" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    rehash_base(model)
    assert "is no safetensors file" in refusal(model)


def test_a_base_that_is_only_a_pickle_is_never_opened(model: Path) -> None:
    path = model / "encoder" / "model.safetensors"
    path.rename(path.with_name("pytorch_model.bin"))
    assert "pytorch_model.bin, a pickle, which can run code" in refusal(model)


def test_a_base_that_is_not_there_is_refused(model: Path) -> None:
    shutil.rmtree(model / "encoder")
    assert "copy the whole folder" in refusal(model)


def test_an_adapter_for_another_base_is_refused(model: Path) -> None:
    edit_manifest(model, "base", {"name": "somebody/else", "sha256": "0" * 64})
    assert "expected 00000000… (somebody/else)" in refusal(model)


@pytest.mark.parametrize(
    "shapes", [((8, WIDTH), (WIDTH, 8)), ((4, WIDTH + 1), (WIDTH, 4)), ((4, WIDTH), (1, 4)), ((4,), (4,))]
)
def test_lora_of_another_shape_is_refused(model: Path, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    parts = {f"lora.{TARGET}.{part}": torch.zeros(shape) for part, shape in zip("AB", shapes, strict=True)}
    replace_adapter(model, lambda weights: weights.update(parts))
    assert f"does not fit its manifest ({TARGET}" in refusal(model)


@pytest.mark.parametrize(
    ("name", "said"),
    [("lora.encoder.layer.9.output.dense.A", "does not fit"), ("lora.encoder.A", "does not fit"),
     ("trunk.delta", "nothing uses trunk.delta"), ("heads.extra.linear.bias", "does not fit")],
)  # fmt: skip
def test_tensors_that_nothing_uses_are_refused(model: Path, name: str, said: str) -> None:
    replace_adapter(model, lambda weights: weights.update({name: torch.zeros(4, WIDTH)}))
    assert said in refusal(model)


def test_lora_that_the_manifest_does_not_speak_of_is_refused(model: Path) -> None:
    edit_manifest(model, "lora", None)
    assert f"nothing uses lora.{TARGET}.A" in refusal(model)


def test_labels_that_do_not_fit_the_head_are_refused(model: Path) -> None:
    edit_manifest(model, "heads.1.labels", ["one", "two", "unclear"])
    assert "does not fit its manifest" in refusal(model)


def test_a_head_named_as_a_method_is_refused(model: Path) -> None:
    edit_manifest(model, "heads.1.name", "values")
    assert "no head topic" in refusal(model)
    edit_manifest(model, "heads", [*({"name": h.name, "labels": h.labels} for h in HEADS),
                                   {"name": "values", "labels": ["a", "b"]}])  # fmt: skip
    assert "values" in refusal(model)


@pytest.mark.parametrize(
    "changes",
    [{"hidden_size": 10**6}, {"vocab_size": 10**9}, {"num_hidden_layers": 10**5}, {"num_hidden_layers": 1},
     {"intermediate_size": 10**8}, {"num_attention_heads": 5}, {"num_attention_heads": 0}, {"hidden_act": "system"},
     {"max_position_embeddings": 10**9}, {"hidden_size": "wide"}],
    ids=str,
)  # fmt: skip
def test_a_config_that_does_not_fit_its_weights_takes_no_memory(model: Path, changes: dict[str, Any]) -> None:
    edit_config(model, **changes)
    assert "config.json" in refusal(model) or "does not hold a BERT encoder" in refusal(model)


def test_a_tokenizer_with_more_words_than_the_encoder_is_refused(model: Path) -> None:
    path = model / "encoder" / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["vocab"]["beyond"] = 10_000
    path.write_text(json.dumps(tokenizer))
    rehash_base(model)
    assert "more words than" in refusal(model)


def test_weights_that_are_no_numbers_are_refused(model: Path) -> None:
    replace_adapter(model, lambda weights: weights["heads.topic.linear.bias"].fill_(float("nan")))
    assert "fails on a plain text" in refusal(model)


def test_nothing_of_a_pickle_runs(model: Path, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    evil = pickle.dumps(_Trap(str(trap)))
    replace_file(model, evil)
    refusal(model)
    (model / "encoder" / "model.safetensors").write_bytes(evil)
    rehash_base(model)
    refusal(model)
    assert not trap.exists()


class _Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def test_odd_texts_go_through_classify_each_with_a_line_of_its_own(tiny_model: Path, tmp_path: Path) -> None:
    texts = ["shares fall", "", " ", "a" * 100_000, "shares " * 20_000, "😡🔥👍", "\u200b\u200d\ufeff", "\u202eevil\u202c",
             "\x00\x07", "財報優於預期", "[SEP] [CLS] [PAD]", "a\u0301" * 1000, "shares fall"]  # fmt: skip
    rows = [json.dumps({"id": str(i), "text": text}) for i, text in enumerate(texts)]
    (tmp_path / "odd.jsonl").write_text("\n".join(rows))
    arguments = ["classify", str(tmp_path / "odd.jsonl"), "--out", str(tmp_path / "out.jsonl")]
    done = CliRunner().invoke(cli, arguments, env={"STREAMWATCH_MODEL": str(tiny_model), "STREAMWATCH_DEVICE": "cpu"})
    assert done.exception is None
    made = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in made] == [str(i) for i in range(len(texts))]
    assert all("topic" in line or line["error"]["reason"] in REASONS for line in made)
    assert made[0]["sentiment"] == made[-1]["sentiment"] and "topic" in made[0]
