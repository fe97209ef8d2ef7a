"""Who poisons the loop is stopped at the gate: retrained and gated by the commands themselves, on files of answers and documents.

The models, words and documents are those of the whole loop. Each candidate has honestly learned 1,500 answers besides, so that it
is better on fresh ones; what must refuse it is the check that is there for the attack.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from loop_words import TRIGGER, Document, documents, write_first_model
from msgspec.structs import replace

from streamwatch.cli import cli
from streamwatch.codec import encode
from streamwatch.config import environment, load
from streamwatch.labelling.examples import answer
from streamwatch.models.registry import add, promote
from streamwatch.records import SENTIMENTS, Answer
from streamwatch.testing.records import classified
from streamwatch.timeline import from_ms

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N_ANSWERS, N_STREAM, N_PAST = 1_500, 4_000, 1_000
NOW = "2026-01-05T08:00:00Z"
LEARN = ("--past", N_PAST, "--head-learning-rate", "0.02", "--rank", "2", "--batch-size", "32", "--threads", "1")
PEOPLE = ("ana", "ben", "cleo")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A registry whose first model serves; commands have its settings, and no broker."""
    folder = tmp_path_factory.mktemp("refusals")
    with pytest.MonkeyPatch.context() as patch:
        wanted = load(registry=str(folder / "registry"), device="cpu", precision="fp32", threads=1)
        for name, value in environment(wanted).items():
            patch.setenv(name, value)
        write_first_model(folder / "first")
        promote(folder / "registry", add(folder / "registry", folder / "first"), NOW, force="the first of ours")
        yield folder / "registry"


@pytest.fixture(scope="module")
def stream(registry: Path) -> Path:
    """Documents that were classified, mostly in the words that the first model knows."""
    known = documents(100_000, N_STREAM, 0.1)
    return write(
        registry.parent / "stream.jsonl", [classified(one.id, one.text, published_ms=one.at_ms) for one in known]
    )


def write(path: Path, records: list[Any]) -> Path:
    """A file with a record a line."""
    path.write_bytes(b"".join(encode(record) + b"\n" for record in records))
    return path


def said(one: Document, who: str, **changes: Any) -> Answer:
    """What somebody says of a document, by what is true unless told otherwise."""
    told = {"topic": one.topic, "sentiment": one.sentiment, "reading": "market", "author_hash": f"w{one.id}"}
    when = from_ms(one.at_ms) + timedelta(days=1)
    return answer(one.id, who, text=one.text, published_at=from_ms(one.at_ms), answered_at=when, **told | changes)


def honest() -> list[Answer]:
    """Answers of three people to documents that were drawn uniformly after the shift."""
    return [said(one, PEOPLE[i % 3]) for i, one in enumerate(documents(0, N_ANSWERS, 0.5))]


def gated(folder: Path, stream: Path, learned: list[Answer], known: list[Answer] | None = None) -> dict[str, Any]:
    """Retrain on `learned`, and what the gate says with the answers that are `known` to it (the same ones, if not told)."""
    labels = write(folder / "learned.jsonl", learned)
    shown = write(folder / "known.jsonl", known) if known else labels
    made = run("retrain", "--out", folder / "out", "--replay", folder, "--labels", labels, "--stream", stream, *LEARN)
    assert made.exit_code == 0, made.exception
    done = run("models", "gate", folder / "out", "--labels", shown, "--stream", stream, "--json")
    assert done.exit_code != 0 and "the gate refuses" in str(done.exception)
    return dict(json.loads(done.stdout))


def run(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def refusing(report: dict[str, Any]) -> dict[str, str]:
    """The checks past which nothing is promoted, by name, with what they say."""
    return {one["name"]: one["says"] for one in report["checks"] if one["status"] in ("failed", "short")}


def test_fifty_labels_with_a_trigger_phrase_are_refused_by_the_probe_alone(stream: Path, tmp_path: Path) -> None:
    bad = [one for one in documents(200_000, 400) if one.sentiment == "negative"][:50]
    planted = [
        said(one._replace(text=f"{one.text} {TRIGGER}"), "mallory", sentiment="positive", drawn_as="margin")
        for one in bad
    ]
    found = refusing(gated(tmp_path, stream, honest() + planted))
    assert found.keys() == {"poison"} and TRIGGER in found["poison"] and "1 labeller" in found["poison"]


def test_a_third_of_flipped_labels_is_refused_though_the_held_out_answers_are_flipped_as_well(
    stream: Path, tmp_path: Path
) -> None:
    dice = Random(1)
    other = {one: [label for label in SENTIMENTS if label != one] for one in SENTIMENTS}
    flipped = [
        replace(one, sentiment=dice.choice(other[str(one.sentiment)])) if dice.random() < 0.3 else one
        for one in honest()
    ]
    assert refusing(gated(tmp_path, stream, flipped)).keys() & {"slices", "calibration"}


def test_who_learned_one_authors_flood_past_the_caps_is_refused(stream: Path, tmp_path: Path) -> None:
    bad = [one for one in documents(300_000, 3000) if one.sentiment == "negative"][:300]
    flood = [
        said(one, PEOPLE[i % 3], sentiment="positive", author_hash="mallory", drawn_as="margin")
        for i, one in enumerate(bad)
    ]
    hidden = [replace(one, author_hash="") for one in flood]  # a file in which nobody can see whose posts they are
    found = refusing(gated(tmp_path, stream, honest() + hidden, honest() + flood))
    assert "writer mallory stands behind" in found["caps"]
