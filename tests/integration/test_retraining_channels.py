"""Retraining and forgetting over the channels of a real broker."""

import json
from pathlib import Path
from typing import Any

import pytest

from streamwatch import broker, channels
from streamwatch.codec import encode
from streamwatch.config import Settings
from streamwatch.documents.indexer import Indexer
from streamwatch.documents.sqlite import open_store
from streamwatch.documents.sqlite.writing import SqliteWriter
from streamwatch.documents.store import Query
from streamwatch.following.alert_log import newest_alerts
from streamwatch.labelling.answers import read_labels
from streamwatch.labelling.examples import answer, sample
from streamwatch.labelling.publishing import publish
from streamwatch.labelling.samples import read_samples
from streamwatch.records import Alert, Evidence, EvidenceDocument, Record
from streamwatch.retraining.forgotten import is_forgotten
from streamwatch.retraining.known import id_hash
from streamwatch.retraining.stream import classified_records, draw
from streamwatch.testing.records import classified
from streamwatch.timeline import from_ms


def send(settings: Settings, name: str, records: dict[str, Record]) -> None:
    sender = broker.producer(settings)
    for key, record in records.items():
        sender.send(channels.channel(settings, name), key=key.encode(), value=encode(record))
    sender.flush()
    sender.close()


def alert_showing(*ids: str) -> Alert:
    shown = tuple(
        EvidenceDocument(
            id=i, text=i, published_at=from_ms(0), sentiment="negative", channel="news", partition=0, offset=0
        )
        for i in ids
    )
    return Alert(
        id="x", revision=1, state="resolved", rule="r", series="all", kind="negative_share", severity="info", onset=from_ms(0),
        at=from_ms(0), window_s=60, n=9, k=5, share=0.5, p0=0.1, p0_low=0.1, p0_high=0.2, k_expected=1.0, lift=5.0, score=9.0,
        threshold=1.0, evidence=Evidence(documents=shown),
    )  # fmt: skip


@pytest.fixture
def deployment(tansu_settings: Settings) -> Settings:
    """Channels with three documents, two of them by one writer, drawn, answered, and shown by an alert."""
    channels.create(tansu_settings)
    of = {"d1": "0000000000000aaa", "d2": "0000000000000aaa", "d3": "0000000000000bbb"}
    send(
        tansu_settings,
        "classified",
        {i: classified(i, author_hash=who, source_offset=n) for n, (i, who) in enumerate(of.items())},
    )
    send(tansu_settings, "drift", {i: sample(i, author_hash=who) for i, who in of.items()})
    publish(tansu_settings, [answer(i, "ann", author_hash=who, topic="ipo") for i, who in of.items()])
    send(tansu_settings, "alerts", {"x": alert_showing(*of)})
    return tansu_settings


def test_a_writer_is_forgotten_in_queue_answers_alerts_and_draws(
    deployment: Settings, start_command: Any, tmp_path: Path
) -> None:
    deployment = deployment.model_copy(update={"documents": str(tmp_path / "documents")})
    writer = SqliteWriter(tmp_path / "documents", deployment)
    Indexer(deployment, writer).run(once=True)
    process = start_command(
        deployment, "forget", "--author", "0000000000000aaa", "--replay", str(tmp_path), "--by", "ana", "--json"
    )
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert json.loads(output) == {
        "replay": 0,
        "documents": 2,
        "labels": 2,
        "drift": 2,
        "alerts": 1,
        "until_retention": 2,
        "open_alerts": 0,
    }
    assert [one.id for one in read_labels(deployment)] == ["d3"]
    assert [one.id for one in read_samples(deployment)] == ["d3"]
    gone = is_forgotten(tmp_path)
    assert gone(id_hash("d1"), "") and gone("", "0000000000000aaa") and not gone(id_hash("d3"), "")
    drawn = draw(classified_records(deployment), 10)
    assert [one.id for one in drawn if not gone(id_hash(one.id), one.author_hash)] == ["d3"]
    assert [one.id for one in newest_alerts(deployment)["x"].evidence.documents] == ["d3"]
    assert [one.id for one in open_store(tmp_path / "documents").find(Query()).items] == ["d3"]
    writer.close()


def test_a_retraining_without_answers_on_the_channel_says_so(
    tansu_settings: Settings, start_command: Any, tmp_path: Path
) -> None:
    channels.create(tansu_settings)
    process = start_command(tansu_settings, "retrain", "--out", str(tmp_path / "out"))
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 2 and "no answers: let people label" in errors
