"""What a backtest "here" reads of `classified`: all partitions in the order of arrival, and no further back than it must."""

import json
import subprocess
import sys
from typing import Any

import msgspec

from streamwatch import broker, channels
from streamwatch.backtest.here import Span
from streamwatch.backtest.past import past
from streamwatch.backtest.worker import Question
from streamwatch.channels import channel
from streamwatch.codec import encode
from streamwatch.config import Settings
from streamwatch.records import Classified, Label, Prediction, SentimentLabel
from streamwatch.rules.rule_set import default_rules
from streamwatch.rules.writing import write_rules
from streamwatch.timeline import DAY_MS, HOUR_MS

N = 400
END_MS = 20_000 * DAY_MS


def record(n: int) -> Classified:
    """The n-th document of a day, in partition n modulo 4."""
    at_ms = END_MS - DAY_MS + n * DAY_MS // N
    sentiment = SentimentLabel(label="neutral", p=1.0, probabilities={"negative": 0.0, "neutral": 1.0, "positive": 0.0})
    return Classified(
        outcome="classified", source_channel="social", source_partition=n % 4, source_offset=n // 4, follows=n // 4 - 1,
        observed_ms=at_ms, id=f"d{n}", published_ms=at_ms, text=f"text {n}", text_hash=f"{n:016x}", source="wire",
        prediction=Prediction(topic=Label(label="macro", p=1.0), sentiment=sentiment, model="test"),
    )  # fmt: skip


def written(settings: Settings) -> None:
    """All of them in `classified`; the broker's stamps are the dates."""
    channels.create(settings)
    producer = broker.producer(settings)
    for n in range(N):
        one = record(n)
        producer.send(channel(settings, "classified"), value=encode(one), partition=n % 4, timestamp_ms=one.observed_ms)
    producer.flush()
    producer.close()


def test_records_of_all_partitions_come_by_their_arrival_and_each_once(settings: Settings) -> None:
    written(settings)
    found = list(past(settings, None))
    assert [one.record.id for one in found] == [f"d{n}" for n in range(N)]
    assert (found[0].n_read, found[-1].n_read, found[-1].n_all) == (1, N, N)


def test_of_a_live_stream_what_is_older_than_the_span_is_not_read(settings: Settings) -> None:
    written(settings)
    from_ms = END_MS - 6 * HOUR_MS
    found = [one.record for one in past(settings, from_ms)]
    assert found[-1].id == f"d{N - 1}"
    if settings.idempotence:  # Tansu finds the batch that holds a time, and here each partition is one
        assert all(one.published_ms >= from_ms - HOUR_MS for one in found)
    assert {one.id for one in found} >= {record(n).id for n in range(N) if record(n).published_ms >= from_ms}


def test_a_trial_in_a_process_of_its_own_says_what_it_covered(tansu_settings: Settings) -> None:
    written(tansu_settings)
    question = Question(
        tansu_settings.model_dump(), write_rules(default_rules(tansu_settings)), "default", Span(30, END_MS, END_MS)
    )
    lines = asked(msgspec.json.encode(question))
    found = lines[-1]["found"]
    assert (found["n_documents"], found["from_ms"], found["to_ms"]) == (
        N, record(0).published_ms, record(N - 1).published_ms,
    )  # fmt: skip
    assert (found["n_alerts"], found["whole"]) == (0, True)


def test_a_trial_without_a_broker_says_so_in_one_line() -> None:
    settings = Settings(broker="kafka://127.0.0.1:1", connect_timeout_s=0.5)
    question = Question(settings.model_dump(), write_rules(default_rules(settings)), "default", Span(1, END_MS, END_MS))
    assert "no broker answers" in asked(msgspec.json.encode(question))[-1]["error"]


def asked(question: bytes) -> list[Any]:
    """What the worker says."""
    done = subprocess.run(
        [sys.executable, "-m", "streamwatch.backtest.worker"], input=question, capture_output=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
