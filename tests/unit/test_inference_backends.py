"""Single tasks answered by Hugging Face classifiers: which labels they mean, how they are joined, what is refused."""

import json
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import POSITIONS, WORDS, tiny_config, tiny_tokenizer
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from streamwatch.config import load
from streamwatch.errors import ConfigError, FatalError, ModelError, RejectError
from streamwatch.inference import Engine, classify, describe_model, open_engine
from streamwatch.inference.backends.labels import parse_labels, sentiments, topics
from streamwatch.inference.backends.source import find_classifier
from streamwatch.inference.unread import scripts_of
from streamwatch.records import SENTIMENTS, Prediction, SentimentLabel

TEXTS = ["Shares of the company fall", "profit rise .", "the bag", "", "lost bag " * 30]
ODD_TEXTS = [
    "", " ", "a" * 100_000, "shares " * 20_000, "😡🔥👍", "\u200b\u200d\ufeff", "\u202eevil\u202c \u2066x\u2069",
    "\x00\x07", "財報優於預期", "[SEP] [CLS] [PAD]", "a\u0301" * 1000,
]  # fmt: skip


def write_classifier(folder: Path, labels: list[str], seed: int = 3, **changes: Any) -> Path:
    """A tiny classifier's folder as `save_pretrained` leaves one."""
    torch.manual_seed(seed)
    config = tiny_config(
        id2label=dict(enumerate(labels)), label2id={name: i for i, name in enumerate(labels)},
        initializer_range=0.5, **changes,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def moods(tmp_path: Path) -> Path:
    """A classifier whose labels stand in another order than ours."""
    return write_classifier(tmp_path / "moods", ["POSITIVE", "Negative", "neutral"])


@pytest.fixture
def themes(tmp_path: Path) -> Path:
    """A classifier of three topics."""
    return write_classifier(tmp_path / "themes", ["Politics", "M&A", "Sport"], seed=4)


def opened(model: Path, **settings: Any) -> Engine:
    return open_engine(load(model=str(model), device="cpu", **{k: str(v) for k, v in settings.items()}))


def predictions(engine: Engine, texts: list[str]) -> list[Prediction]:
    made = classify(engine, texts)
    assert all(isinstance(answer, Prediction) for answer in made), made
    return [answer for answer in made if isinstance(answer, Prediction)]


def sentiment_of(made: Prediction) -> SentimentLabel:
    assert made.sentiment is not None
    return made.sentiment


def refusal(model: Path, **settings: Any) -> str:
    """The one line that opening ends with."""
    with pytest.raises(FatalError) as caught:
        opened(model, **settings)
    line = str(caught.value)
    assert "\n" not in line and ": " in line and len(line) < 600
    return line


def rewrite_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_labels_are_read_by_their_names_whatever_their_places(model: Path, moods: Path) -> None:
    text = TEXTS[0]
    network = AutoModelForSequenceClassification.from_pretrained(moods).eval()
    ids = torch.tensor([tiny_tokenizer().encode(text).ids])
    with torch.inference_mode():
        positive, negative, neutral = network(ids).logits.softmax(1)[0].tolist()
    [made] = predictions(opened(model, sentiment_model=moods), [text])
    expected = {"negative": negative, "neutral": neutral, "positive": positive}
    assert sentiment_of(made).probabilities == pytest.approx(expected, abs=1e-3)
    assert list(sentiment_of(made).probabilities) == list(SENTIMENTS)
    assert sentiment_of(made).label == max(expected, key=expected.__getitem__)


def test_the_other_task_stays_with_our_model(model: Path, moods: Path) -> None:
    ours, joined = predictions(opened(model), TEXTS), predictions(opened(model, sentiment_model=moods), TEXTS)
    assert [made.topic for made in ours] == [made.topic for made in joined]
    assert [made.sentiment for made in ours] != [made.sentiment for made in joined]


def test_both_tasks_by_others_need_no_model_of_ours(tmp_path: Path, moods: Path, themes: Path) -> None:
    engine = opened(tmp_path / "nowhere", sentiment_model=moods, topic_model=themes)
    made = predictions(engine, TEXTS)
    assert {answer.topic.label for answer in made} <= {"Politics", "M&A", "Sport"}
    assert all(answer.heads == {} for answer in made)


def test_the_version_names_both_parts_and_changes_with_files_and_label_map(model: Path, moods: Path) -> None:
    engine = opened(model, sentiment_model=moods)
    assert engine.model.startswith("sentiment=moods+") and ";topic=tiny+" in engine.model
    assert all(made.model == engine.model for made in predictions(engine, TEXTS))
    described = describe_model(load(model=str(model), sentiment_model=str(moods)))
    assert described.problem == "" and set(described.model.split(";")[0].split("+")[1]) <= set(engine.model)
    swapped = {"POSITIVE": "negative", "Negative": "positive", "neutral": "neutral"}
    mapped = opened(model, sentiment_model=moods, sentiment_labels=",".join(f"{k}={v}" for k, v in swapped.items()))
    assert mapped.model != engine.model
    (moods / "config.json").write_text((moods / "config.json").read_text() + " ")
    assert opened(model, sentiment_model=moods).model != engine.model


def test_a_prediction_is_a_function_of_its_text_in_every_batch(model: Path, moods: Path, themes: Path) -> None:
    engine = opened(model, sentiment_model=moods, topic_model=themes)
    together = predictions(engine, TEXTS)
    assert [predictions(engine, [text])[0] for text in TEXTS] == together
    assert predictions(engine, TEXTS[::-1]) == together[::-1]


def test_long_texts_keep_head_and_tail(model: Path, moods: Path) -> None:
    engine = opened(model, sentiment_model=moods)
    head, tail = "profit rise . " * 30, "bag lost . " * 30
    [row] = engine.prepare([head + "the company of shares " * 500 + tail])
    [same] = engine.prepare([head + tail])
    assert not isinstance(row, RejectError) and row.rows[0] == same.rows[0]  # type: ignore[attr-defined]
    assert row.n_tokens <= POSITIONS
    [one, other] = predictions(engine, [head + tail, "bag lost . " * 30])
    assert one.sentiment != other.sentiment


def test_two_labels_without_a_neutral_one_give_it_no_probability(model: Path, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "bulls", ["Bearish", "Bullish"])
    engine = opened(model, sentiment_model=folder, sentiment_labels="Bearish=negative,Bullish=positive")
    for made in predictions(engine, TEXTS):
        p = sentiment_of(made).probabilities
        assert p["neutral"] == 0 and p["negative"] + p["positive"] == pytest.approx(1, abs=1e-3)


def test_labels_of_one_meaning_add_up(model: Path, tmp_path: Path) -> None:
    stars = [f"{n} stars" for n in range(1, 6)]
    folder = write_classifier(tmp_path / "stars", stars)
    named = dict(zip(stars, ("negative", "negative", "neutral", "positive", "positive"), strict=True))
    engine = opened(model, sentiment_model=folder, sentiment_labels=",".join(f"{k}={v}" for k, v in named.items()))
    for made in predictions(engine, TEXTS):
        assert sum(sentiment_of(made).probabilities.values()) == pytest.approx(1, abs=1e-3)


def test_odd_texts_have_an_answer_or_a_typed_reject_and_harm_no_other(model: Path, moods: Path, themes: Path) -> None:
    for engine in (opened(model), opened(model, sentiment_model=moods, topic_model=themes)):
        [plain] = classify(engine, ["shares fall"])
        for text in ODD_TEXTS:
            before, odd, after = classify(engine, ["shares fall", text, "shares fall"])
            assert isinstance(odd, Prediction | RejectError), text[:20]
            assert before == after == plain


WORDS_OF = {"vocab_size": len(WORDS), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
ARCHITECTURES = {
    "roberta": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
                "max_position_embeddings": 66},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48, "max_position_embeddings": 64},
    "modernbert": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
                   "max_position_embeddings": 64, "cls_token_id": 2, "sep_token_id": 3},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64},
    "bart": {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
             "decoder_attention_heads": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 64},
    "xlnet": {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 48},
}  # fmt: skip


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_classifiers_of_other_kinds_answer_alone_as_among_others(model: Path, tmp_path: Path, kind: str) -> None:
    torch.manual_seed(5)
    labels = dict(enumerate(SENTIMENTS))
    config = AutoConfig.for_model(kind, **WORDS_OF, **ARCHITECTURES[kind], id2label=labels)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path / kind)
    marks = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer(), **marks).save_pretrained(tmp_path / kind)
    engine = opened(model, sentiment_model=tmp_path / kind)
    together = predictions(engine, TEXTS)
    for text, expected in zip(TEXTS, together, strict=True):
        [alone] = predictions(engine, [text])
        assert sentiment_of(alone).probabilities == pytest.approx(sentiment_of(expected).probabilities, abs=2e-4)


def test_half_a_surrogate_pair_fails_alone(model: Path, moods: Path) -> None:
    made = classify(opened(model, sentiment_model=moods), ["fine", "half \ud800", "fine"])
    assert [type(answer) for answer in made] == [Prediction, RejectError, Prediction]


def test_the_scripts_are_those_that_the_sentiments_part_reads(model: Path, moods: Path, themes: Path) -> None:
    assert scripts_of(opened(model, sentiment_model=moods, sentiment_scripts="Latin, Han")) == ("Latin", "Han")
    assert scripts_of(opened(model, topic_model=themes, sentiment_scripts="Latin, Han")) == ("Latin",)
    assert "Klingon" in refusal(model, sentiment_model=moods, sentiment_scripts="Klingon")


def test_no_texts_give_no_answers(model: Path, moods: Path) -> None:
    engine = opened(model, sentiment_model=moods)
    assert engine.prepare([]) == [] and engine.predict([]) == []


# -- what is refused


@pytest.mark.parametrize(
    ("labels", "named", "said"),
    [
        (["LABEL_0", "LABEL_1", "LABEL_2"], "", "LABEL_0, LABEL_1, LABEL_2 mean no sentiment that is known"),
        (["negative", "neutral", "mixed"], "", "mixed mean no sentiment"),
        (["a", "b", "c"], "a=negative,b=positive,c=happy", "c mean no sentiment"),
        (["a", "b", "c"], "a=negative,b=negative,c=neutral", "no label is positive"),
        (["a", "b", "c"], "a=negative,b=positive,c=positive", "no label is neutral"),
        (["negative", "neutral"], "", "no label is positive"),
        (["negative", "neutral", "positive"], "postive=positive", "the model has no label postive"),
        (["a", "b"], "a=negative,a=positive", "a is there twice"),
        (["a", "b"], "a", "is not label=meaning"),
        (["a", "b"], "=negative", "is not label=meaning"),
    ],
)
def test_labels_without_a_meaning_stop_the_start(
    model: Path, tmp_path: Path, labels: list[str], named: str, said: str
) -> None:
    folder = write_classifier(tmp_path / "other", labels)
    assert said in refusal(model, sentiment_model=folder, sentiment_labels=named)
    settings = load(model=str(model), sentiment_model=str(folder), sentiment_labels=named)
    assert said in describe_model(settings).problem


def test_topics_that_nobody_named_stop_the_start(model: Path, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "nameless", ["LABEL_0", "LABEL_1"])
    assert "LABEL_0, LABEL_1 have no names" in refusal(model, topic_model=folder)
    engine = opened(model, topic_model=folder, topic_labels="LABEL_0=earnings,LABEL_1=ipo")
    assert {made.topic.label for made in predictions(engine, TEXTS)} <= {"earnings", "ipo"}


def test_labels_of_a_map_may_hold_spaces_and_capitals() -> None:
    named = parse_labels(" 1 star = Negative ,5 stars=POSITIVE", "X")
    assert sentiments(["1 star", "5 stars"], named) == ("negative", "positive")
    assert topics(["a", "b"], {}) == ("a", "b")
    with pytest.raises(ConfigError):
        parse_labels("a=b=", "X") and parse_labels("a", "X")
    with pytest.raises(ModelError, match="one name"):
        topics(["a", "a"], {})


@pytest.mark.parametrize(
    "name", ["org/name", "name", "org/name@", "@main", "org/na me@main", "./nowhere", "a/b/c@main"]
)
def test_a_hub_model_without_a_revision_is_refused(model: Path, name: str) -> None:
    assert "org/name@revision" in refusal(model, sentiment_model=name)


def test_an_absent_hub_model_is_refused_at_once(model: Path) -> None:
    line = refusal(model, sentiment_model=f"org/name@{'a' * 40}")  # imports the hub's client, once a process
    started = time.monotonic()
    assert refusal(model, sentiment_model=f"org/name@{'b' * 40}")
    assert time.monotonic() - started < 1
    assert "STREAMWATCH_SENTIMENT_MODEL: org/name at aaaaaaaa" in line and "STREAMWATCH_ALLOW_DOWNLOADS=true" in line


def test_an_absent_hub_model_loads_no_torch_first() -> None:
    code = (
        "import sys\nfrom streamwatch.inference.backends.source import find_classifier\n"
        "try: find_classifier('org/name@main', 'X')\nexcept Exception as error: print(error)\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt"])
def test_a_classifier_that_is_only_a_pickle_is_never_opened(model: Path, moods: Path, name: str) -> None:
    (moods / "model.safetensors").rename(moods / name)
    assert f"{name}, a pickle, which can run code" in refusal(model, sentiment_model=moods)


@pytest.mark.parametrize("content", [b"", pickle.dumps([1]), b"\xff" * 100, (1 << 40).to_bytes(8, "little")], ids=repr)
def test_a_file_that_is_no_safetensors_is_refused(model: Path, moods: Path, content: bytes) -> None:
    (moods / "model.safetensors").write_bytes(content)
    assert "cannot be read" in refusal(model, sentiment_model=moods)


def test_code_that_comes_with_a_model_is_never_run(model: Path, moods: Path, tmp_path: Path) -> None:
    (moods / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass C: pass\n")
    rewrite_config(moods, model_type="evil", auto_map={"AutoConfig": "evil.C"})
    assert "cannot be read" in refusal(model, sentiment_model=moods)
    rewrite_config(moods, model_type="bert", auto_map={"AutoModelForSequenceClassification": "evil.C"})
    opened(model, sentiment_model=moods)
    assert not (tmp_path / "ran").exists()


def test_an_encoder_without_a_classifier_gets_no_random_one(model: Path, moods: Path) -> None:
    weights = load_file(moods / "model.safetensors")
    save_file({n: t for n, t in weights.items() if not n.startswith("classifier")}, moods / "model.safetensors")
    assert "lacks weights of its classifier" in refusal(model, sentiment_model=moods)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": ["BertForMaskedLM"]}, "no sequence classifier"),
        ({"architectures": None}, "no sequence classifier"),
        ({"problem_type": "multi_label_classification"}, "does not choose one"),
        ({"problem_type": "regression"}, "does not choose one"),
        ({"id2label": {"0": "negative"}, "label2id": {"negative": 0}}, "does not choose one"),
        ({"id2label": {"0": "negative", "5": "positive"}}, "id2label"),
        ({"id2label": {"0": "negative", "1": "positive"}}, ""),
        ({"hidden_size": 10**9}, "cannot be read"),
        ({"vocab_size": 10**9}, "cannot be read"),
        ({"num_hidden_layers": 3}, "lacks weights"),
        ({"model_type": "no such"}, "cannot be read"),
    ],
    ids=str,
)
def test_configs_that_do_not_fit_are_refused(model: Path, moods: Path, changes: dict[str, Any], said: str) -> None:
    rewrite_config(moods, **changes)
    assert said in refusal(model, sentiment_model=moods)


def test_missing_files_are_named(model: Path, moods: Path) -> None:
    (moods / "tokenizer.json").unlink()
    assert "has no tokenizer.json" in refusal(model, sentiment_model=moods)
    (moods / "config.json").unlink()
    assert "has no config.json" in refusal(model, sentiment_model=moods)


def test_weights_that_are_no_numbers_are_refused(model: Path, moods: Path) -> None:
    weights = load_file(moods / "model.safetensors")
    weights["classifier.bias"].fill_(float("nan"))
    save_file(weights, moods / "model.safetensors", metadata={"format": "pt"})
    assert "fails on a plain text" in refusal(model, sentiment_model=moods)


def test_a_tokenizer_with_more_words_than_the_network_is_refused(model: Path, moods: Path) -> None:
    tokenizer = json.loads((moods / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["beyond"] = 10_000
    (moods / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "tokenizer does not fit" in refusal(model, sentiment_model=moods)


def test_a_folder_goes_before_the_hub(moods: Path) -> None:
    assert find_classifier(str(moods), "X").folder == moods
