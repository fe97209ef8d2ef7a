"""The indexer on a real broker: the documents behind every window, kills between two files, brokers that go and come back."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from apache_kafka import ApacheKafka
from kafka import KafkaAdminClient, TopicPartition
from redis import Redis

from streamwatch import broker, channels
from streamwatch.codec import encode
from streamwatch.config import Settings, environment, load
from streamwatch.demo.run import KEPT, play
from streamwatch.demo.screen import Screen
from streamwatch.documents.indexer import Indexer
from streamwatch.documents.sqlite import open_store
from streamwatch.documents.sqlite.writing import SqliteWriter
from streamwatch.documents.store import DocumentStore, Query
from streamwatch.errors import FatalError, RecreatedChannel
from streamwatch.records import Classified
from streamwatch.sources import synthetic
from streamwatch.sources.files import read_rows
from streamwatch.sources.replay import Options
from streamwatch.sources.row import Row
from streamwatch.testing.records import classified
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streamwatch.trends.reading import TrendReader

DAY = 20_000 * DAY_MS


def records(n: int, first: int = 0) -> list[Classified]:
    """Records of one source partition over three days."""
    return [
        classified(
            f"d{i}", source_offset=i, follows=i - 1, published_ms=DAY + i % 3 * DAY_MS, observed_ms=DAY + 3 * DAY_MS
        )
        for i in range(first, first + n)
    ]


def write(settings: Settings, written: list[Classified], partition: int = 0) -> None:
    sender = broker.producer(settings)
    name = channels.channel(settings, "classified")
    for waiting in [sender.send(name, value=encode(one), partition=partition) for one in written]:
        waiting.get(30)
    sender.close()


def index_once(settings: Settings, folder: Path) -> dict[str, int]:
    writer = SqliteWriter(folder, settings)
    try:
        Indexer(settings, writer).run(once=True)
        return writer.totals()
    finally:
        writer.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    """The store in this test's folder."""
    opened = open_store(tmp_path / "documents")
    yield opened
    opened.close()


def wait_until(there: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def odd_rows(rows: list[Row]) -> list[Row]:
    """Some of them with texts that nobody can read."""
    texts = ("?!", "🙂 🙂", "Прибыль компании упала в третьем квартале")
    return [_with_text(row, texts[n % 3]) if n % 50 == 7 else row for n, row in enumerate(rows)]


def _with_text(row: Row, text: str) -> Row:
    try:
        document = json.loads(row.value)
    except ValueError:  # it is there to be dead-lettered
        return row
    return msgspec.structs.replace(row, value=json.dumps(document | {"text": text}).encode())


def test_behind_every_window_of_a_stream_lie_as_many_documents_as_it_counts(
    settings: Settings, tmp_path: Path, store: DocumentStore
) -> None:
    kept = dict.fromkeys((f"{what}_retention_days" for what in (*KEPT, "documents")), 30_000)
    settings = settings.model_copy(update={"model": "null"} | kept)
    channels.create(settings)
    rows = odd_rows(list(read_rows(synthetic.SHIPPED)))
    outcome = play(settings, rows, Options(channels=["news", "social"]), Screen(), threading.Event())
    totals = index_once(settings, tmp_path / "documents")
    seen = outcome.figures.totals
    assert min(seen[name] for name in ("duplicate", "redelivered", "late", "dead_lettered", "unread")) > 0
    assert store.find(Query()).n_total == totals["stored"] == seen["counted"]
    reader = TrendReader(Redis.from_url(settings.redis), settings.prefix)
    for series in reader.series():
        for step_ms in (10_000, MINUTE_MS, HOUR_MS, DAY_MS):
            expected = [
                (w.start_ms, w.n, w.negative, w.neutral, w.positive, w.news, w.social, w.n_unread)
                for w in reader.windows(series, width_ms=step_ms)
            ]
            assert [tuple(c) for c in store.counts(Query(series=(series,)), step_ms)] == expected, series
    negative = store.find(Query(series=("all",), sentiment="negative", limit=500))
    assert {one.sentiment for one in negative.items} == {"negative"}


def test_indexing_goes_on_where_it_stood_and_shows_its_lag(
    settings: Settings, tmp_path: Path, store: DocumentStore
) -> None:
    channels.create(settings)
    write(settings, records(50))
    assert index_once(settings, tmp_path / "documents")["stored"] == 50
    write(settings, records(30, first=50))
    assert index_once(settings, tmp_path / "documents")["stored"] == 80
    assert store.find(Query()).n_total == 80 and store.applied()[0] == 80
    part = TopicPartition(channels.channel(settings, "classified"), 0)
    with broker.consumer(settings, group_id=f"{settings.prefix}streamwatch-documents") as client:
        assert client.committed(part) == 80


KILLED = """
import os, signal
from pathlib import Path
from streamwatch.config import load
from streamwatch.documents.indexer import Indexer
from streamwatch.documents.sqlite.{module} import {kind}
from streamwatch.documents.sqlite.writing import SqliteWriter

method, n = {kind}.{method}, 0

def killed(self, *arguments):
    global n
    n += 1
    if n > {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    return method(self, *arguments)

{kind}.{method} = killed
settings = load()
Indexer(settings, SqliteWriter(Path("{folder}"), settings)).run(once=True)
"""


@pytest.mark.parametrize(
    ("module", "kind", "method"),
    [("day_file", "DayFile", "add"), ("day_file", "DayFile", "_insert"), ("ledger", "Ledger", "move"),
     ("ledger", "Ledger", "remember_ids")],
)  # fmt: skip
def test_a_kill_between_two_files_loses_no_document_and_makes_no_copy(
    tansu_settings: Settings, tmp_path: Path, store: DocumentStore, module: str, kind: str, method: str
) -> None:
    settings, folder = tansu_settings, tmp_path / "documents"
    channels.create(settings)
    sent = records(90)
    write(settings, [*sent[:40], *sent[30:]])  # ten of them twice, as a worker's restart leaves them
    for after in range(3):
        script = KILLED.format(module=module, kind=kind, method=method, after=after, folder=folder)
        done = subprocess.run(
            [sys.executable, "-c", script], env=os.environ | environment(settings), capture_output=True, check=False
        )
        assert done.returncode in (-signal.SIGKILL, 0), done.stderr.decode()[-500:]
    assert index_once(settings, folder)["stored"] == 90
    assert sorted(one.id for one in store.stream(Query())) == sorted(one.id for one in sent)


@pytest.mark.kafka
def test_a_broker_that_goes_away_is_waited_for(
    apache_kafka: ApacheKafka, redis_url: str, prefix: str, tmp_path: Path, store: DocumentStore
) -> None:
    settings = load(broker=apache_kafka.url, redis=redis_url, prefix=prefix, connect_timeout_s=2.0)
    channels.create(settings)
    write(settings, records(20))
    writer = SqliteWriter(tmp_path / "documents", settings)
    indexer = Indexer(settings, writer)
    thread = threading.Thread(target=indexer.run)
    thread.start()
    try:
        wait_until(lambda: store.find(Query()).n_total == 20)
        apache_kafka.kill(1)
        time.sleep(3.0)
        assert thread.is_alive()
        apache_kafka.restart(1)
        write(settings.model_copy(update={"connect_timeout_s": 60.0}), records(10, first=20))
        wait_until(lambda: store.find(Query()).n_total == 30, 120.0)
    finally:
        indexer.stop.set()
        thread.join(60)
        writer.close()
    assert not thread.is_alive()


def test_a_channel_that_was_made_anew_stops_the_indexer_which_names_the_command(
    settings: Settings, tmp_path: Path, store: DocumentStore
) -> None:
    channels.create(settings)
    write(settings, records(20))
    index_once(settings, tmp_path / "documents")
    channels.delete(settings)
    channels.create(settings)
    with pytest.raises(RecreatedChannel, match="streamwatch index --anew"):
        index_once(settings, tmp_path / "documents")
    write(settings, records(40, first=100))  # longer than what was read of the old one
    with pytest.raises(RecreatedChannel, match="holds another record"):
        index_once(settings, tmp_path / "documents")
    assert store.find(Query()).n_total == 20


def test_records_that_retention_cut_are_counted_and_the_store_says_from_when_it_is_complete(
    settings: Settings, tmp_path: Path, store: DocumentStore
) -> None:
    if not settings.idempotence:
        pytest.skip("Tansu deletes no records")
    channels.create(settings)
    write(settings, records(10))
    index_once(settings, tmp_path / "documents")
    write(settings, records(20, first=10))
    part = TopicPartition(channels.channel(settings, "classified"), 0)
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    admin.delete_records({part: 25})
    admin.close()
    # What was cut is a hole, and nobody will fill it: the classify group has committed behind it.
    group = f"{settings.prefix}streamwatch"
    with broker.consumer(settings, group_id=group, enable_auto_commit=False) as client:
        _commit(client, TopicPartition(channels.channel(settings, "news"), 0), 30)
    totals = index_once(settings, tmp_path / "documents")
    assert totals["missed_records"] >= 15
    assert totals["lost"] == 15
    assert store.find(Query()).n_total == 15
    assert store.reaches_back_to_ms() == DAY + 3 * DAY_MS


def _commit(client: Any, part: TopicPartition, offset: int) -> None:
    from kafka import OffsetAndMetadata

    client.assign([part])
    client.commit({part: OffsetAndMetadata(offset, "", -1)})


def test_the_command_indexes_once_and_a_second_indexer_is_refused(
    tansu_settings: Settings, tmp_path: Path, start_command: Any
) -> None:
    folder = tmp_path / "documents"
    settings = tansu_settings.model_copy(update={"documents": str(folder)})
    channels.create(settings)
    write(settings, records(25))
    process = start_command(settings, "index", "--once", "--json")
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    figures = json.loads(out)
    assert (figures["stored"], figures["lag"], figures["folder"]) == (25, 0, str(folder))
    follows = start_command(settings, "index")
    store = open_store(folder)
    write(settings, records(5, first=25))
    wait_until(lambda: store.find(Query()).n_total == 30)
    with pytest.raises(FatalError, match="is being written by process"):
        SqliteWriter(folder, settings)
    follows.send_signal(signal.SIGINT)
    out, said = follows.communicate(timeout=60)
    assert follows.returncode == 0 and "stored 30" in out and "Traceback" not in said


def test_a_store_is_made_anew_without_what_was_forgotten(
    tansu_settings: Settings, tmp_path: Path, start_command: Any
) -> None:
    folder = tmp_path / "documents"
    channels.create(tansu_settings)
    write(tansu_settings, records(10))
    index_once(tansu_settings, folder)
    store = open_store(folder)
    assert store.delete(["d3"]) == 1
    process = start_command(tansu_settings, "index", "--once", "--anew", "--folder", str(folder))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert store.find(Query()).n_total == 9 and store.get("d3") == []
