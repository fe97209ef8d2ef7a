"""Reading merges the partitions: sums are added, what is distinct is counted on the union; windows slide."""

import asyncio
import csv
import io
import json
from collections import defaultdict
from collections.abc import Sequence
from secrets import token_hex

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from streamwatch.commands.trends import COLUMNS, trends
from streamwatch.config import Settings
from streamwatch.inference.unread import unread_prediction
from streamwatch.records import SENTIMENTS, Classified, Given
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, format_rfc3339
from streamwatch.trends.reading import TrendReader, Window
from streamwatch.trends.store import RedisStore
from streamwatch.trends.writer import PartitionWriter

SETTINGS = Settings()
START_MS = 1_700_000_000_000 - 1_700_000_000_000 % DAY_MS + 12 * HOUR_MS
Row = tuple[int, str, str, str]
"""Published, sentiment (empty: not read), text hash, author hash."""


def fill(url: str, prefix: str, partitions: Sequence[Sequence[Row]]) -> None:
    """Each partition's documents, applied one batch after the other; those that were applied before are passed over."""

    async def go() -> None:
        async with Redis.from_url(url) as client:
            for number, rows in enumerate(partitions):
                writer = PartitionWriter(RedisStore(client, prefix, number), SETTINGS)
                await writer.reload()
                log = list(enumerate(_record(number, offset, row) for offset, row in enumerate(rows)))[
                    writer.position :
                ]
                for start in range(0, len(log), 7):
                    await writer.take(log[start : start + 7])

    asyncio.run(go())


def _record(partition: int, offset: int, row: Row) -> Classified:
    published_ms, sentiment, text, author = row
    return Classified(
        outcome="classified", source_channel=("news", "social")[partition % 2], source_partition=partition,
        source_offset=offset, follows=offset - 1, observed_ms=START_MS + DAY_MS, published_ms=published_ms,
        id=f"{partition}-{offset}", text_hash=text, author_hash=author, source="s",
        given=Given(sentiment=sentiment) if sentiment else None,  # type: ignore[arg-type]
        prediction=unread_prediction("m"),
    )  # fmt: skip


def expected(partitions: Sequence[Sequence[Row]], width_ms: int) -> list[Window]:
    """Plain counting over all rows."""
    found: dict[int, list[tuple[int, Row]]] = defaultdict(list)
    for number, rows in enumerate(partitions):
        for row in rows:
            found[row[0] - row[0] % width_ms].append((number, row))
    return [_expected(start_ms, inside, width_ms) for start_ms, inside in sorted(found.items())]


def _expected(start_ms: int, everything: list[tuple[int, Row]], width_ms: int) -> Window:
    inside = [(number, row) for number, row in everything if row[1]]
    counts = [sum(row[1] == sentiment for _, row in inside) for sentiment in SENTIMENTS]
    texts, authors = {row[2] for _, row in inside}, {row[3] for _, row in inside} - {""}
    known = width_ms % MINUTE_MS == 0
    return Window(
        start_ms, "all", len(inside), *counts, (counts[2] - counts[0]) / len(inside) if inside else None,
        len(authors) if known else None, len(texts) if known else None, len(inside) - len(texts) if known else None,
        news := sum(number % 2 == 0 for number, _ in inside), len(inside) - news, len(everything) - len(inside),
    )  # fmt: skip


rows = st.tuples(
    st.integers(START_MS, START_MS + 3 * HOUR_MS),
    st.sampled_from((*SENTIMENTS, "")),
    st.integers(0, 9).map(lambda n: f"text{n}"),
    st.sampled_from(("", "a", "b")),
)


@pytest.mark.parametrize("width_ms", [10_000, 30_000, MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, DAY_MS])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(partitions=st.lists(st.lists(rows, max_size=20), min_size=1, max_size=4))
def test_windows_of_every_width_are_those_of_all_partitions_together(
    redis_settings: Settings, width_ms: int, partitions: list[list[Row]]
) -> None:
    prefix = f"{redis_settings.prefix}{token_hex(4)}-"  # each example has windows of its own
    fill(redis_settings.redis, prefix, partitions)
    with BlockingRedis.from_url(redis_settings.redis) as client:
        found = list(TrendReader(client, prefix).windows("all", width_ms=width_ms))
    assert [w._replace(mean_score=round(w.mean_score or 0, 9)) for w in found] == [
        w._replace(mean_score=round(w.mean_score or 0, 9)) for w in expected(partitions, width_ms)
    ]


@pytest.fixture
def two_partitions(redis_settings: Settings) -> Settings:
    """Ninety documents a minute apart, in turn in two partitions, three texts in all."""
    some = [(START_MS + n * MINUTE_MS, SENTIMENTS[n % 3], f"text{n % 3}", "a") for n in range(90)]
    fill(redis_settings.redis, redis_settings.prefix, [some[::2], some[1::2]])
    return redis_settings


def test_copies_in_two_partitions_are_amplification_whichever_came_first(two_partitions: Settings) -> None:
    with BlockingRedis.from_url(two_partitions.redis) as client:
        first, second = TrendReader(client, two_partitions.prefix).windows("all", width_ms=HOUR_MS)
    assert (first.n, first.distinct_texts, first.amplification, first.distinct_authors) == (60, 3, 57, 1)
    assert (second.n, second.news, second.social) == (30, 15, 15)


def test_a_window_that_slides_over_minutes_merges_their_sketches(two_partitions: Settings) -> None:
    with BlockingRedis.from_url(two_partitions.redis) as client:
        reader = TrendReader(client, two_partitions.prefix)
        found = list(reader.sliding("all", HOUR_MS, 10 * MINUTE_MS, START_MS, START_MS + HOUR_MS))
    assert [w.start_ms for w in found] == [START_MS + n * 10 * MINUTE_MS for n in range(6)]
    assert [w.n for w in found] == [60, 60, 60, 60, 50, 40]
    assert {w.distinct_texts for w in found} == {3}


def test_the_least_and_the_greatest_share_come_from_the_finer_windows(two_partitions: Settings) -> None:
    with BlockingRedis.from_url(two_partitions.redis) as client:
        reader = TrendReader(client, two_partitions.prefix)
        hours, threes = (reader.share_ranges("all", width_ms) for width_ms in (HOUR_MS, 3 * MINUTE_MS))
        days = reader.share_ranges("all", DAY_MS)
    assert hours == {START_MS: (0.0, 1.0), START_MS + HOUR_MS: (0.0, 1.0)}
    assert len(threes) == 30 and set(threes.values()) == {(0.0, 1.0)}
    assert days == {START_MS - 12 * HOUR_MS: (1 / 3, 1 / 3)}


def test_a_window_of_unread_documents_alone_is_one_and_has_no_share(redis_settings: Settings) -> None:
    some = [(START_MS + n * MINUTE_MS, "" if n < 3 else "negative", "text", "a") for n in range(4)]
    fill(redis_settings.redis, redis_settings.prefix, [some])
    with BlockingRedis.from_url(redis_settings.redis) as client:
        reader = TrendReader(client, redis_settings.prefix)
        minutes = list(reader.windows("all"))
        (sliding, *_) = reader.sliding("all", 4 * MINUTE_MS, MINUTE_MS, START_MS)
        ranges = reader.share_ranges("all", HOUR_MS)
    assert [(w.n, w.n_unread, w.mean_score, w.amplification) for w in minutes] == [(0, 1, None, 0)] * 3 + [
        (1, 0, -1.0, 0)
    ]
    assert (sliding.n, sliding.negative, sliding.n_unread, sliding.distinct_texts) == (1, 1, 3, 1)
    assert ranges == {START_MS: (1.0, 1.0)}


def test_from_names_the_first_window_and_to_is_not_included(two_partitions: Settings) -> None:
    with BlockingRedis.from_url(two_partitions.redis) as client:
        reader = TrendReader(client, two_partitions.prefix)
        found = list(reader.windows("all", START_MS + 90_000, START_MS + 4 * MINUTE_MS))
    assert [w.start_ms for w in found] == [START_MS + n * MINUTE_MS for n in (1, 2, 3)]


def run(settings: Settings, *arguments: str) -> str:
    """What the command writes to standard output."""
    environment = {"STREAMWATCH_REDIS": settings.redis, "STREAMWATCH_PREFIX": settings.prefix}
    done = CliRunner().invoke(trends, ["export", *arguments], env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_csv_and_json_say_the_same(two_partitions: Settings) -> None:
    options = ("--series", "all", "--bucket", "1h", "--sliding", "30m")
    table = list(csv.DictReader(io.StringIO(run(two_partitions, *options, "--csv", "-"))))
    lines = [json.loads(line) for line in run(two_partitions, *options, "--json", "-").splitlines()]
    assert tuple(table[0]) == COLUMNS == tuple(lines[0])
    assert [row["n"] for row in table] == [str(line["n"]) for line in lines] == ["30", "60", "60", "30"]
    assert lines[1] == {
        "bucket_start": format_rfc3339(START_MS), "series": "all", "n": 60, "negative": 20, "neutral": 20,
        "positive": 20, "mean_score": 0.0, "distinct_authors": 1, "distinct_texts": 3, "amplification": 57,
        "news": 30, "social": 30, "n_unread": 0,
    }  # fmt: skip


def test_ten_seconds_have_no_distinct_counts(two_partitions: Settings) -> None:
    first = json.loads(run(two_partitions, "--series", "all", "--bucket", "10s", "--json", "-").splitlines()[0])
    assert (first["n"], first["distinct_texts"], first["distinct_authors"], first["amplification"]) == (
        1,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("arguments", [(), ("--csv", "-", "--json", "-"), ("--csv", "-", "--sliding", "15")])
def test_an_export_needs_one_place_and_a_step_of_whole_buckets(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(trends, ["export", "--series", "all", *arguments])
    assert done.exit_code == 2
