"""Points of whole days are the windows that the reader finds one by one, and a day that is kept is never an old one."""

import random
from collections.abc import Sequence

import pytest
from redis import Redis
from test_trends_reading import START_MS, Row, fill

from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from streamwatch.trends.points import COLUMNS
from streamwatch.trends.reading import TrendReader, delete_windows
from streamwatch.trends.remembered_points import PointReader

FROM_MS, TO_MS = START_MS - DAY_MS, START_MS + DAY_MS
STEPS_MS = (10_000, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS)


def some_rows(n: int, seed: int, span_ms: int = 30 * HOUR_MS) -> list[Row]:
    """Documents over two days, some copies, some that nobody could read."""
    draw = random.Random(seed)
    return [
        (
            START_MS - 12 * HOUR_MS + draw.randrange(span_ms), draw.choice(["negative", "neutral", "positive", ""]),
            f"text{draw.randrange(n)}", draw.choice(["", f"author{draw.randrange(9)}"]),
        )
        for _ in range(n)
    ]  # fmt: skip


def windows_of(reader: TrendReader, step_ms: int) -> list[list[object]]:
    """What the reader of windows says, as rows of points."""
    ranges = reader.share_ranges("all", step_ms, FROM_MS, TO_MS)
    rows = []
    for one in reader.windows("all", FROM_MS, TO_MS, step_ms):
        share = one.negative / one.n if one.n else None
        low, high = ranges.get(one.start_ms, (None, None))
        mean = None if one.mean_score is None else round(one.mean_score, 6)
        rows.append(
            [one.start_ms, one.n, one.negative, one.neutral, one.positive, share, low, high, mean,
             one.distinct_authors, one.distinct_texts, one.amplification, one.news, one.social, one.n_unread]
        )  # fmt: skip
    return rows


@pytest.mark.parametrize("step_ms", STEPS_MS)
def test_points_of_days_are_the_windows_read_one_by_one(redis_url: str, prefix: str, step_ms: int) -> None:
    fill(redis_url, prefix, [some_rows(150, 1), some_rows(90, 2), some_rows(40, 3)])
    with Redis.from_url(redis_url) as client:
        points = PointReader(client, prefix).read("all", step_ms, FROM_MS, TO_MS)
        assert points.rows() == windows_of(TrendReader(client, prefix), step_ms)
        assert len(points.rows()[0]) == len(COLUMNS)


def test_more_texts_than_a_sketch_counts_exactly_are_estimated_as_the_reader_does(redis_url: str, prefix: str) -> None:
    fill(redis_url, prefix, [some_rows(400, 1, HOUR_MS), some_rows(400, 2, HOUR_MS)])
    with Redis.from_url(redis_url) as client:
        points = PointReader(client, prefix).read("all", 30 * MINUTE_MS, FROM_MS, TO_MS)
        assert max(row[COLUMNS.index("distinct_texts")] for row in points.rows()) > 64
        assert points.rows() == windows_of(TrendReader(client, prefix), 30 * MINUTE_MS)


def test_a_kept_day_is_read_again_when_a_document_comes_late(redis_url: str, prefix: str) -> None:
    first: Sequence[Row] = some_rows(60, 1)
    fill(redis_url, prefix, [first])
    with Redis.from_url(redis_url) as client:
        reader = PointReader(client, prefix)
        before = reader.read("all", HOUR_MS, FROM_MS, TO_MS).rows()
        fill(redis_url, prefix, [[*first, (START_MS - 3 * HOUR_MS, "negative", "late", "")]])
        after = reader.read("all", HOUR_MS, FROM_MS, TO_MS).rows()
        assert sum(row[1] for row in after) == sum(row[1] for row in before) + 1
        assert after == windows_of(TrendReader(client, prefix), HOUR_MS)


def test_a_store_that_was_begun_anew_is_not_answered_from_memory(redis_url: str, prefix: str) -> None:
    fill(redis_url, prefix, [some_rows(60, 1)])
    with Redis.from_url(redis_url) as client:
        reader = PointReader(client, prefix)
        reader.read("all", HOUR_MS, FROM_MS, TO_MS)
        delete_windows(client, prefix)
        assert not len(reader.read("all", HOUR_MS, FROM_MS, TO_MS))
        fill(redis_url, prefix, [some_rows(60, 2)])
        assert reader.read("all", HOUR_MS, FROM_MS, TO_MS).rows() == windows_of(TrendReader(client, prefix), HOUR_MS)


def test_what_is_kept_is_bounded_and_answers_stay_right(redis_url: str, prefix: str) -> None:
    fill(redis_url, prefix, [some_rows(150, 1)])
    with Redis.from_url(redis_url) as client:
        reader = PointReader(client, prefix, kept_bytes=100)
        for _ in range(2):
            assert reader.read("all", HOUR_MS, FROM_MS, TO_MS).rows() == windows_of(
                TrendReader(client, prefix), HOUR_MS
            )
        assert reader.n_kept_bytes <= 100
