"""Bad input through a real worker: each goes to dead-letter with its reason, and everything around it is counted."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from faults.harness import Scene, Worker

from streamwatch import broker, channels
from streamwatch.config import Settings
from streamwatch.errors import REASONS

PARTITION = 2
NOW = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
Header = tuple[str, bytes]


def document(**fields: Any) -> bytes:
    """A good document but for `fields`; None leaves a field out."""
    whole = {"id": "x", "text": "Delta lost my bag again", "published_at": NOW} | fields
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


BAD: dict[str, tuple[bytes | None, str]] = {
    "invalid UTF-8": (b'{"id":"1","text":"caf\xe9","published_at":"2025-01-01T00:00:00Z"}', "invalid_utf8"),
    "broken JSON": (b'{"id":"1","text":"caf', "invalid_json"),
    "an empty value": (b"", "invalid_json"),
    "half a character": (b'{"id":"1","text":"\\ud800","published_at":"2025-01-01T00:00:00Z"}', "invalid_json"),
    "lists in lists": (b"[" * 50_000, "wrong_type"),
    "a field too deep": (b'{"id":"1","else":' + b"[" * 50_000 + b"}", "invalid_json"),
    "a list": (b"[]", "wrong_type"),
    "missing text": (document(text=None), "missing_field"),
    "missing id": (document(id=None), "missing_field"),
    "empty text": (document(text=""), "empty_text"),
    "white space alone": (document(text=" \n\t\u3000"), "empty_text"),
    "text that is a number": (document(text=7), "wrong_type"),
    "id that is a number": (document(id=7), "wrong_type"),
    "id that is empty": (document(id=""), "wrong_type"),
    "date that is none": (document(published_at="yesterday"), "wrong_type"),
    "date without a zone": (document(published_at="2025-01-01T00:00:00"), "wrong_type"),
    "entities that are text": (document(entities="AAPL"), "wrong_type"),
    "sentiment that is none": (document(sentiment="angry"), "wrong_type"),
    "10 MB": (document(text="a" * 10_000_000), "too_large"),
    "a date in 2099": (document(published_at="2099-01-01T00:00:00Z"), "date_in_future"),
    "a date in 1970": (document(published_at="1970-01-01T00:00:00Z"), "date_too_old"),
    "an unknown schema": (document(schema="document.v9"), "unknown_schema"),
    "a null message": (None, "null_message"),
}

STRANGE_BUT_GOOD: dict[str, tuple[bytes, list[Header], int | None]] = {
    "fields that the schema does not know": (document(id="s1", likes=3, nested={"a": [1]}), [], None),
    "a huge number among them": (document(id="s2").replace(b"{", b'{"n":1e999999,', 1), [], None),
    "an arrival header that is no number": (document(id="s3"), [("observed_ms", b"soon")], None),
    "an arrival header years ahead": (document(id="s4"), [("observed_ms", b"4070908800000")], None),
    "an arrival header of 20 digits": (document(id="s5"), [("observed_ms", b"9" * 20)], None),
    "an arrival header of 5,000 digits": (document(id="s6"), [("observed_ms", b"9" * 5000)], None),
    "headers of no meaning": (document(id="s8"), [("a", b""), ("a", b"\xff"), ("backfill", b"?")], None),
    "20,000 characters and more": (document(id="s9", text="\U0001f600 crashes " * 6000), [], None),
    "a text of control characters": (document(id="s10", text="\x00\x1b[31m Delta \x07"), [], None),
    "a text as long as allowed": (document(id="s11", text="x" * 1_000_000), [], None),
    "invisible text": (document(id="s12", text="\u200b \u202e\n"), [], None),
    "a link and nobody's name": (document(id="s13", text="RT @jo https://t.co/x"), [], None),
    "a script that the model does not know": (document(id="s14", text="航班延误 DAL"), [], None),
}
N_UNREAD = 3
"""The last ones of them."""


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Worker]:
    """A worker on each broker in turn, with the null model."""
    one = Worker(settings.model_copy(update={"model": "null"}), tmp_path / "worker.log")
    yield one
    one.end()


def send(settings: Settings, records: list[tuple[bytes | None, list[Header], int | None]]) -> list[int]:
    """Send (value, headers, timestamp) to one partition of `news`; their offsets."""
    producer = broker.producer(settings, max_request_size=12 << 20)
    futures = [
        producer.send(
            channels.channel(settings, "news"), value=value, key=b"k", headers=headers, partition=PARTITION,
            timestamp_ms=timestamp,
        )
        for value, headers, timestamp in records
    ]  # fmt: skip
    offsets = [future.get(30).offset for future in futures]
    producer.close()
    return offsets


def test_every_bad_record_is_a_dead_letter_and_every_good_one_around_it_is_counted(
    settings: Settings, worker: Worker
) -> None:
    scene = Scene(settings)
    records: list[tuple[bytes | None, list[Header], int | None]] = [(document(id="first"), [], None)]
    bad_at: dict[int, str] = {}
    for name, (value, _) in BAD.items():
        bad_at[len(records)] = name
        records += [(value, [], None), (document(id=f"after {name}"), [], None)]
    records += STRANGE_BUT_GOOD.values()
    offsets = send(settings, records)
    worker.start()
    scene.settled(90)
    assert worker.alive
    letters = {record.key: json.loads(record.value) for record in scene.read("dead-letter")}
    assert len(letters) == len(BAD)
    for at, name in bad_at.items():
        value, reason = BAD[name]
        raw = value or b""
        letter = letters[f"news/{PARTITION}/{offsets[at]}".encode()]
        assert (name, letter["reason"]) == (name, reason)
        assert letter["reason"] in REASONS
        assert (letter["source_channel"], letter["source_partition"], letter["source_offset"]) == (
            "news", PARTITION, offsets[at],
        )  # fmt: skip
        assert base64.b64decode(letter["raw"]) == raw[:65_536]
        assert (letter["length_bytes"], letter["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())
        assert len(letter.get("detail", "")) <= 200
    totals = scene.totals()
    n_good = len(records) - len(BAD)
    assert (totals["dead_lettered"], totals["classified"] + totals["duplicate"]) == (len(BAD), n_good)
    assert (totals["counted"], totals["lost"], totals["redelivered"]) == (n_good, 0, 0)
    everything = [cell for (series, _), cell in scene.windows().items() if series == "all"]
    assert (sum(cell[0] for cell in everything), sum(cell[6] for cell in everything)) == (n_good - N_UNREAD, N_UNREAD)
    assert totals["unread"] == N_UNREAD
    assert scene.n_missed() == 0
    scene.close()


def test_a_clock_years_ahead_does_not_carry_the_watermark_away(settings: Settings, worker: Worker) -> None:
    scene = Scene(settings)
    send(settings, [(document(id="a"), [("observed_ms", b"4070908800000")], None)])
    worker.start()
    scene.settled(60)
    ahead_ms = scene.closed_ms() - time.time() * 1000
    assert ahead_ms <= 0
    scene.close()
