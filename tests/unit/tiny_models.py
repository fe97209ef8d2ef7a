"""Tiny whole models on disk, of random weights: real files that are made and opened in milliseconds."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from streamwatch.inference import TOPICS
from streamwatch.models.adapter import shapes, write_adapter
from streamwatch.models.base import own_base
from streamwatch.models.manifest import HeadEntry, Lora, Manifest, write_manifest
from streamwatch.models.network import Network
from streamwatch.records import SENTIMENTS

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefgh"))
WORDS += ("shares", "fall", "rise", "profit", "bag", "lost", "the", "of", "company", ".")
WIDTH, LAYERS, POSITIONS = 32, 2, 64
HEADS = (HeadEntry("sentiment", SENTIMENTS), HeadEntry("topic", (*TOPICS, "unclear"), outside="unclear"))
TARGET = "encoder.layer.0.attention.self.query"


def tiny_tokenizer() -> Tokenizer:
    """A WordPiece tokenizer of a few words, with BERT's marks at both ends."""
    tokenizer = Tokenizer(WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", WORDS.index("[CLS]")), ("[SEP]", WORDS.index("[SEP]"))]
    )
    return tokenizer


def tiny_config(**changes: Any) -> BertConfig:
    """An encoder of two layers."""
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 48}
    return BertConfig(vocab_size=len(WORDS), max_position_embeddings=POSITIONS, **sizes | changes)


def write_encoder(folder: Path, seed: int = 1) -> BertModel:
    """An encoder's folder: config, tokenizer, weights."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True)
    encoder = BertModel(tiny_config(), add_pooling_layer=False)
    (folder / "config.json").write_text(encoder.config.to_json_string())
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    save_file(dict(encoder.state_dict()), folder / "model.safetensors")
    return encoder


def write_model(folder: Path, seed: int = 1, **changes: Any) -> Manifest:
    """A whole model with a base of its own in the folder `encoder`, LoRA on one layer, and both heads."""
    encoder = write_encoder(folder / "encoder", seed)
    network = Network(encoder, WIDTH, shapes(HEADS))
    weights = {f"heads.{name}": tensor for name, tensor in network.heads.state_dict().items()}
    weights |= {f"lora.{TARGET}.A": torch.randn(4, WIDTH), f"lora.{TARGET}.B": torch.randn(WIDTH, 4)}
    told: dict[str, Any] = {
        "base": own_base("tiny", folder, "encoder"), "adapter": write_adapter(folder, weights), "heads": HEADS,
        "lora": Lora(r=4, alpha=8), "max_tokens": 32, "tail_tokens": 8, "seed": seed, "command": "by a test",
        "hyperparameters": {}, "data": (), "metrics": {},
    }  # fmt: skip
    manifest = Manifest(**told | changes)
    write_manifest(folder, manifest)
    return manifest


def edit_manifest(folder: Path, path: str, value: Any) -> None:
    """Put `value` at a place of the manifest as somebody would who writes it by hand: `heads.0.temperature`."""
    file = folder / "manifest.json"
    whole = place = json.loads(file.read_text())
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        place = place[part]
    place[last] = value
    file.write_text(json.dumps(whole))
