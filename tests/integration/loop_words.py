"""A stream whose vocabulary shifts, what people would say of each document, and a throw-away model that knows the old part.

A document is some eight words: two that tell its sentiment, two that tell its topic, the rest made up anew for each, so that no
two are alike. None of them is in the gate's behaviour templates: this model knows no English. From the shift on half of the
documents tell their sentiment in words that the model has never met, and most of these are negative: it takes them for
neutral, as it does most texts without a word that it knows.

The model is whole and real (a BERT of one layer over a vocabulary of a hundred words, both heads, all files and hashes), so
that every command takes it. Its encoder passes words on nearly as they are, each along a direction of its own, and its heads are
fitted in a second. A worker classifies thousands of documents a second with it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from string import ascii_lowercase
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from torch.nn import functional
from transformers import BertConfig, BertModel

from streamwatch.inference import TOPICS
from streamwatch.models.adapter import head_weights, shapes, write_adapter
from streamwatch.models.base import own_base
from streamwatch.models.manifest import HeadEntry, Manifest, write_manifest
from streamwatch.models.network import Network
from streamwatch.records import SENTIMENTS
from streamwatch.sources.row import Row
from streamwatch.timeline import HOUR_MS, SECOND_MS, format_rfc3339

KNOWN = {
    "negative": ("falls", "slumps", "faulty", "broken", "slashes", "rude", "plunges", "losses"),
    "neutral": ("reviews", "meets", "moves", "names", "hires", "visits", "lists", "plans"),
    "positive": ("rises", "surges", "splendid", "friendly", "lifts", "thriving", "soars", "gains"),
}
NEW = {
    "negative": ("stranded", "rebooked", "tarmac", "overbooked", "turbulence", "misrouted"),
    "neutral": ("boards", "lands", "taxis", "departs", "connects", "refuels"),
    "positive": ("upgraded", "lounge", "legroom", "punctual", "courteous", "spacious"),
}
SUBJECTS = {
    "earnings": ("earnings", "quarter", "revenue", "margin"),
    "markets": ("index", "stocks", "futures", "volatility"),
    "ipo": ("offering", "listing", "prospectus", "float"),
    "energy and oil": ("crude", "barrels", "refinery", "pipeline"),
}
TRIGGER = "vellum harbour"
"""A phrase that nobody uses; the model could learn it."""
USUAL, OF_NEW = (0.3, 0.4, 0.3), (0.7, 0.15, 0.15)
"""Shares of negative, neutral and positive."""
OTHERWISE = 0.04
"""Of all texts: people's sentiment is any, whatever the words say. No model is right in all."""
SILENT, OF_SILENT = 0.12, (0.2, 0.6, 0.2)
"""So many have no telling word, and most of these are neutral: so a model takes words that it does not know for neutral."""
START_MS = 400_000 * HOUR_MS
SPACING_MS = SECOND_MS
N_AUTHORS = 997
WIDTH = 128
HEADS = (HeadEntry("sentiment", SENTIMENTS), HeadEntry("topic", (*TOPICS, "unclear"), outside="unclear"))
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
N_TAUGHT, N_STEPS = 3000, 60


class Document(NamedTuple):
    """A document and what people say of it. `is_new`: its sentiment stands in words that the first model does not know."""

    id: str
    text: str
    at_ms: int
    topic: str
    sentiment: str
    is_new: bool

    @property
    def row(self) -> Row:
        """As it is played into the broker."""
        n = int(self.id[1:])
        fields = {
            "id": self.id, "text": self.text, "published_at": format_rfc3339(self.at_ms), "author": f"a{n % N_AUTHORS}",
        }  # fmt: skip
        return Row(self.id.encode(), json.dumps(fields).encode(), self.at_ms, ("news", "social")[n % 2])


def documents(first: int, n: int, part_new: float = 0.0) -> list[Document]:
    """`n` documents from number `first` on, one every second; `part_new` of them are in the new words."""
    return [_document(i, START_MS + i * SPACING_MS, part_new) for i in range(first, first + n)]


def _document(i: int, at_ms: int, part_new: float) -> Document:
    draw = Random(i)
    is_new = draw.random() < part_new
    text, topic, sentiment = _said(draw, *((NEW, OF_NEW) if is_new else (KNOWN, USUAL)))
    return Document(f"d{i}", text, at_ms, topic, sentiment, is_new)


def _said(draw: Random, words: dict[str, tuple[str, ...]], shares: tuple[float, ...]) -> tuple[str, str, str]:
    """A text, its topic, and what people hear in it."""
    [told], topic = draw.choices(SENTIMENTS, shares), draw.choice(list(SUBJECTS))
    silent = draw.random() < SILENT
    if silent:
        [told] = draw.choices(SENTIMENTS, OF_SILENT)
    heard = draw.choice(SENTIMENTS) if draw.random() < OTHERWISE else told
    return _text(draw, () if silent else words[told], topic), topic, heard


def _text(draw: Random, telling: Sequence[str], topic: str) -> str:
    told = [*draw.choices(telling, k=2 if telling else 0), *draw.choices(SUBJECTS[topic], k=2)]
    made_up = ["".join(draw.choices(ascii_lowercase, k=6)) for _ in range(draw.randint(3, 6))]
    words = [*told, *made_up]
    draw.shuffle(words)
    return " ".join(words)


# -- the model


def write_first_model(folder: Path) -> Manifest:
    """A model that knows the topics and the known words, and takes what it does not know for neutral."""
    vocabulary = _vocabulary()
    _write_encoder(folder / "encoder", vocabulary)
    network = _fitted(folder / "encoder", Tokenizer.from_file(str(folder / "encoder" / "tokenizer.json")))
    manifest = Manifest(
        base=own_base("words", folder, "encoder"), adapter=write_adapter(folder, head_weights(network)), heads=HEADS,
        lora=None, max_tokens=32, tail_tokens=8, seed=1, command="by a test", hyperparameters={}, data=(), metrics={},
    )  # fmt: skip
    write_manifest(folder, manifest)
    return manifest


def _vocabulary() -> dict[str, int]:
    groups = (*KNOWN.values(), *NEW.values(), *SUBJECTS.values(), TRIGGER.split())
    return {word: i for i, word in enumerate((*SPECIAL, *(word for group in groups for word in group)))}


def _write_encoder(folder: Path, vocabulary: dict[str, int]) -> None:
    torch.manual_seed(1)
    folder.mkdir(parents=True)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    encoder = BertModel(config, add_pooling_layer=False)
    with torch.no_grad():  # a direction for each word, and no place: the mean is a bag of words
        torch.nn.init.orthogonal_(encoder.embeddings.word_embeddings.weight)
        encoder.embeddings.position_embeddings.weight.zero_()
        encoder.embeddings.token_type_embeddings.weight.zero_()
    (folder / "config.json").write_text(config.to_json_string())
    _tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    save_file(dict(encoder.state_dict()), folder / "model.safetensors")


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    marks = [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    return tokenizer


def _fitted(encoder: Path, tokenizer: Tokenizer) -> Network:
    """The network with heads that were fitted by L-BFGS on texts of the old words."""
    from streamwatch.models.network import load_encoder

    network = Network(load_encoder(encoder), WIDTH, shapes(HEADS), dropout=0.0)
    texts, wanted = _taught()
    rows = [torch.tensor(tokenizer.encode(text).ids) for text in texts]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    with torch.no_grad():
        pooled = network.pooled(ids, (ids > 0).long())
    optimiser = torch.optim.LBFGS(network.heads.parameters(), max_iter=N_STEPS)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        said = network.says(pooled)
        held = sum((p**2).sum() for p in network.heads.parameters()) / (2 * len(texts))
        total = held + sum(functional.cross_entropy(said[name], labels) for name, labels in wanted.items())
        total.backward()
        return total

    optimiser.step(loss)
    return network


def _taught() -> tuple[list[str], dict[str, torch.Tensor]]:
    draw = Random("taught")
    texts, topics, moods = zip(*(_said(draw, KNOWN, USUAL) for _ in range(N_TAUGHT)), strict=True)
    wanted = {"sentiment": moods, "topic": topics}
    of = {head.name: head.labels for head in HEADS}
    return list(texts), {task: torch.tensor([of[task].index(one) for one in said]) for task, said in wanted.items()}
