"""Replay on both brokers: what arrives, in which order, under which arrival times, between which markers."""

import json
import signal
import time
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest
from apache_kafka import ApacheKafka, kafka_home

from streamwatch import channels
from streamwatch.config import Settings, load
from streamwatch.embedded import Tansu, embedded_settings
from streamwatch.errors import BrokerUnavailable, ConfigError
from streamwatch.sources import sender, synthetic
from streamwatch.sources.files import read_rows
from streamwatch.sources.replay import Options, replay
from streamwatch.sources.row import Row
from streamwatch.timeline import parse_rfc3339

START = parse_rfc3339("2020-01-01")
FUTURE = parse_rfc3339("2099-01-01")


def row(n: int, published_ms: int | None = None, value: bytes = b"{}") -> Row:
    """The n-th row, one second after the one before it."""
    return Row(f"id{n}".encode(), value, START + n * 1000 if published_ms is None else published_ms)


def header(record: Any, name: str) -> str | None:
    """A header of a record as text."""
    return next((value.decode() for key, value in record.headers if key == name), None)


def observed(record: Any) -> int:
    """A record's arrival time."""
    return int(header(record, "observed_ms") or -1)


def documents(records: Iterable[Any]) -> list[Any]:
    """Records that are no markers."""
    return [record for record in records if header(record, "marker") is None]


def assert_enclosed(partitions: dict[int, list[Any]], n_partitions: int) -> None:
    """Every partition begins and ends with the markers of one run, and has none in between."""
    assert len(partitions) == n_partitions
    runs = set()
    for records in partitions.values():
        first, last = records[0], records[-1]
        assert (first.key, first.value, last.key, last.value) == (None, b"", None, b"")
        begin, end = str(header(first, "marker")), str(header(last, "marker"))
        assert (begin[:6], end[:4], begin[6:]) == ("begin:", "end:", end[4:])
        assert len(documents(records)) == len(records) - 2
        runs.add(begin[6:])
    assert len(runs) == 1


def test_the_synthetic_day_arrives_whole_in_order_and_between_markers(settings: Settings, read_channel: Any) -> None:
    channels.create(settings)
    rows = list(read_rows(synthetic.SHIPPED))
    totals = replay(settings, rows, Options(channels=("news", "social")))
    assert (totals.sent, totals.markers, totals.interrupted) == (len(rows), 4 * settings.partitions, False)
    arrived = {name: read_channel(settings, name) for name in channels.SOURCES}
    position = {value: at for at, value in reversed(list(enumerate(r.value for r in rows)))}
    for name, partitions in arrived.items():
        assert_enclosed(partitions, settings.partitions)
        sent_here = sorted(r.value for r in rows if (r.channel or "social") == name)
        assert sorted(d.value for records in partitions.values() for d in documents(records)) == sent_here
        for records in partitions.values():
            times = [observed(record) for record in records]
            assert times == sorted(times)
            assert times[0] == rows[0].published_ms
            assert times[-1] == totals.last_ms < parse_rfc3339("2025-03-12")
            once = list(dict.fromkeys(d.value for d in documents(records)))
            assert [position[value] for value in once] == sorted(position[value] for value in once)


def test_arrival_is_the_largest_date_so_far_and_the_future_does_not_move_it(
    settings: Settings, read_channel: Any
) -> None:
    channels.create(settings)
    dates = [START, START + 9000, START + 4000, None, FUTURE, 0, START + 10_000]
    rows = [Row(b"one key", str(n).encode(), ms) for n, ms in enumerate(dates)]
    totals = replay(settings, rows, Options(channel="news", backfill=True))
    (records,) = filter(None, map(documents, read_channel(settings, "news").values()))
    assert [observed(r) - START for r in records] == [0, 9000, 9000, 9000, 9000, 9000, 10_000]
    assert (totals.first_ms, totals.last_ms) == (START, START + 10_000)
    assert {header(r, "backfill") for r in records} == {"1"}
    assert all(abs(r.timestamp - time.time() * 1000) < 60_000 for r in records)


def test_rows_without_any_date_arrive_by_the_wall_clock(tansu_settings: Settings, read_channel: Any) -> None:
    channels.create(tansu_settings)
    replay(tansu_settings, [Row(b"k", b"no json")], now_ms=lambda: START)
    (record,) = [d for records in read_channel(tansu_settings, "social").values() for d in documents(records)]
    assert observed(record) == START


def test_a_record_of_10_mb_arrives(settings: Settings, read_channel: Any) -> None:
    channels.create(settings)
    replay(settings, [row(0, value=b"x" * 10_000_000), row(1)])
    sizes = [len(d.value) for records in read_channel(settings, "social").values() for d in documents(records)]
    assert sorted(sizes) == [2, 10_000_000]


def test_stopping_ends_in_good_order(settings: Settings, read_channel: Any) -> None:
    channels.create(settings)
    stop, seen = Event(), list[int]()

    def rows() -> Iterator[Row]:
        for n in count():
            if n == 5000:
                stop.set()
            yield row(n)

    totals = replay(settings, rows(), stop=stop, on_progress=lambda t: seen.append(t.sent))
    partitions = read_channel(settings, "social")
    assert_enclosed(partitions, settings.partitions)
    assert totals.interrupted
    assert sum(len(documents(records)) for records in partitions.values()) == totals.sent == seen[-1]


def test_a_fault_in_the_rows_closes_the_markers_and_is_raised(tansu_settings: Settings, read_channel: Any) -> None:
    channels.create(tansu_settings)

    def rows() -> Iterator[Row]:
        yield from map(row, range(2000))
        raise ConfigError("damaged")

    with pytest.raises(ConfigError, match="damaged"):
        replay(tansu_settings, rows())
    assert_enclosed(read_channel(tansu_settings, "social"), tansu_settings.partitions)


def test_speed_paces_by_the_dates(tansu_settings: Settings) -> None:
    channels.create(tansu_settings)
    started = time.monotonic()
    replay(tansu_settings, map(row, range(11)), Options(speed=20))
    assert 0.5 <= time.monotonic() - started < 3


def test_stopping_wakes_a_replay_that_waits_for_a_date(tansu_settings: Settings) -> None:
    channels.create(tansu_settings)
    stop = Event()
    waker = Timer(0.5, stop.set)
    waker.start()
    totals = replay(tansu_settings, map(row, range(5)), Options(speed=0.01), stop=stop)
    waker.join()
    assert (totals.interrupted, totals.sent) == (True, 1)


def test_a_missing_channel_is_a_config_error_before_anything_is_sent(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="run streamwatch channels create"):
        replay(settings, [row(0)])


def test_a_broker_that_goes_away_is_an_error_within_the_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "DELIVERY_TIMEOUT_S", 1.0)
    monkeypatch.setattr(sender, "STOP_TIMEOUT_S", 1.0)
    with Tansu() as server:
        settings = load(**embedded_settings(server.url, "redis://127.0.0.1:1/0"))
        channels.create(settings)

        def rows() -> Iterator[Row]:
            yield from map(row, range(2000))
            server.stop()
            yield from map(row, range(2000, 4000))

        started = time.monotonic()
        with pytest.raises(BrokerUnavailable, match=r"^the broker at kafka://"):
            replay(settings, rows())
        assert time.monotonic() - started < 15


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_ends_by_a_signal_with_its_markers(
    settings: Settings, read_channel: Any, start_command: Any, ending: int, code: int
) -> None:
    channels.create(settings)
    process = start_command(settings, "replay", "synthetic", "--speed", "600", "--json")
    news = channels.channel(settings, "news")
    deadline = time.monotonic() + 20
    while sum(d.records for d in channels.describe(settings) if d.name == news) <= settings.partitions:
        assert time.monotonic() < deadline
    process.send_signal(ending)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (code, "")
    partitions = [read_channel(settings, name) for name in channels.SOURCES]
    for each in partitions:
        assert_enclosed(each, settings.partitions)
    n_documents = sum(len(documents(records)) for each in partitions for records in each.values())
    assert 0 < json.loads(output)["sent"] == n_documents < 2000


def test_the_command_plays_a_csv_file(
    tansu_settings: Settings, read_channel: Any, start_command: Any, tmp_path: Path
) -> None:
    channels.create(tansu_settings)
    file = tmp_path / "day.csv"
    file.write_text("nr,when,text\n1,2020-01-01,up\n2,2020-01-02,down\n3,2020-01-03,flat\n")
    arguments = ["--column", "id=nr", "--column", "published_at=when", "--channel", "news", "--limit", "2", "--json"]
    output, errors = start_command(tansu_settings, "replay", str(file), *arguments).communicate(timeout=20)
    summary = json.loads(output)
    assert summary.pop("seconds") >= 0
    assert summary == {"sent": 2, "markers": 8, "first": "2020-01-01T00:00:00Z", "last": "2020-01-02T00:00:00Z"}
    values = [json.loads(d.value) for r in read_channel(tansu_settings, "news").values() for d in documents(r)]
    assert sorted(v["id"] for v in values) == ["1", "2"]
    assert errors == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.csv"], "streamwatch: missing.csv: No such file"),
        (["synthetic", "--column", "headline=title"], "no field headline"),
        (["synthetic", "--speed", "fast"], "neither max nor a number"),
    ],
)
def test_what_the_user_got_wrong_is_exit_code_2(
    tansu_settings: Settings, start_command: Any, arguments: list[str], words: str
) -> None:
    process = start_command(tansu_settings, "replay", *arguments)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert words in errors


@pytest.mark.kafka
@pytest.mark.slow
def test_a_broker_that_crashes_and_comes_back_has_every_row_once_and_in_order(
    tmp_path: Path, read_channel: Any
) -> None:
    home = kafka_home()
    if home is None:
        pytest.skip("STREAMWATCH_TEST_KAFKA_HOME is not set")
    with ApacheKafka(home, tmp_path / "cluster") as cluster:
        settings = load(broker=cluster.url)
        channels.create(settings)

        def rows() -> Iterator[Row]:
            for n in range(20_000):
                if n == 8000:
                    cluster.kill(1)
                    Timer(1.0, cluster.restart, [1]).start()
                yield row(n, value=str(n).encode())

        replay(settings, rows())
        partitions = read_channel(settings, "social")
    assert_enclosed(partitions, settings.partitions)
    arrived = [[int(d.value) for d in documents(records)] for records in partitions.values()]
    assert all(values == sorted(values) for values in arrived)
    assert sorted(value for values in arrived for value in values) == list(range(20_000))
