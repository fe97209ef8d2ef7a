"""Adapters on disk: merging is what peft would have done, and the shipped one is what its manifest says."""

from pathlib import Path

import pytest

from streamwatch.config import load
from streamwatch.inference import TOPICS, describe_model, open_engine
from streamwatch.inference.opening import SHIPPED
from streamwatch.models.adapter import read_adapter
from streamwatch.models.manifest import checked_adapter, read_manifest
from streamwatch.models.tokens import spell_emoji
from streamwatch.records import SENTIMENTS, Prediction


def test_training_moved_the_adapter(tiny_adapter: Path) -> None:
    weights = read_adapter(tiny_adapter, read_manifest(tiny_adapter))
    assert all(bool(tensor.abs().max() > 0) for name, tensor in weights.items() if name.endswith(".B"))


def test_emoji_are_read_by_their_names() -> None:
    assert spell_emoji("fine 👍") == "fine  thumbs up sign "
    assert spell_emoji("€ é 中") == "€ é 中"


shipped = pytest.mark.skipif(not SHIPPED.joinpath("manifest.json").exists(), reason="no adapter is shipped yet")


@shipped
def test_the_shipped_adapter_is_small_hashed_and_knows_all_labels() -> None:
    manifest = read_manifest(SHIPPED)
    assert checked_adapter(SHIPPED, manifest).stat().st_size <= 6_000_000
    assert set(manifest.head("topic").labels) >= set(TOPICS)
    assert manifest.head("sentiment").labels == SENTIMENTS
    assert describe_model(load()).problem == ""


@shipped
def test_the_shipped_manifest_owns_up_to_its_data() -> None:
    manifest = read_manifest(SHIPPED)
    assert all(len(file.sha256) == 64 for file in manifest.data)
    assert not any("airline" in file.file or "_zh_" in file.file for file in manifest.data)
    assert {f"{task}/{file.source}" for file in manifest.data for task in ("sentiment", "topic")} >= set(
        manifest.metrics
    )


@shipped
def test_the_shipped_model_reads_plain_cases_as_people_do() -> None:
    cases = {
        "@user you lost my bag again and nobody answers the phone. Worst airline ever": "negative",
        "Thank you so much for the wonderful service today!": "positive",
        "What time does the store open on Monday?": "neutral",
        "Shares plunge after the company cuts its outlook and warns of losses": "negative",
        "Profit beats estimates, company raises full-year guidance": "positive",
    }
    results = open_engine(load(device="cpu")).classify(list(cases))
    assert [r.sentiment.label for r in results if isinstance(r, Prediction)] == list(cases.values())


@shipped
def test_the_shipped_model_knows_topics() -> None:
    cases = {
        "Company declares quarterly dividend of $0.25 a share": "dividend",
        "Oil prices rise as OPEC cuts output": "energy and oil",
        "Fed's Powell says rate hikes will continue": "central banks",
    }
    results = open_engine(load(device="cpu")).classify(list(cases))
    assert [r.topic.label for r in results if isinstance(r, Prediction)] == list(cases.values())
