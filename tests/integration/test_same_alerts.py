"""A worker and `streamwatch backtest` tell the same of one file, also when Redis is wiped in the middle.

The whole comparison, at all speeds, orders and faults: `python -m tests.benchmarks.determinism --help`.
"""

import copy
from dataclasses import replace
from pathlib import Path

from faults.same_alerts import Piece, Told, backtest, compare, live, write_rows
from faults.takeovers import wipe_at_half
from faults.telling_day import telling_day

from streamwatch.config import load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings

LOOSE = {"false_alarms_per_week": 20.0, "max_series": 40, "drift_run_length": 0}
"""One day is a short history: a strict promise would leave little to compare. `backtest` tells of no drift."""


def test_a_day_through_a_worker_whose_redis_is_wiped_is_told_as_by_backtest(
    tansu: Tansu, prefix: str, tmp_path: Path
) -> None:
    with RedisServer() as mine:  # it is wiped
        servers = embedded_settings(tansu.url, mine.url)
        settings = load(prefix=prefix, model="null", partitions=2, stalled_after_s=0, **LOOSE, **servers)
        rows = write_rows(tmp_path / "day.jsonl", telling_day())
        expected = backtest(settings, tmp_path / "day.jsonl")
        told = live(settings, [Piece(rows)], tmp_path, fault=wipe_at_half)
    assert compare(expected, told).lines() == []
    assert told.missed == 0
    assert len(told.alerts) >= 4
    assert_seen_where_something_differs(expected, told)


def assert_seen_where_something_differs(expected: Told, told: Told) -> None:
    """That nothing differs means something: what is changed by hand is found."""
    key = min(told.alerts)
    without = {other: contents for other, contents in told.alerts.items() if other != key}
    assert len(compare(expected, replace(told, alerts=without)).missing) == 1
    assert len(compare(replace(expected, alerts=without), told).extra) == 1
    changed = copy.deepcopy(dict(told.alerts))
    changed[key][0]["evidence"]["n_distinct_texts"] += 1
    assert list(compare(expected, replace(told, alerts=changed)).differing[0][1]) == ["evidence.n_distinct_texts"]
    twice = dict(told.alerts) | {key: [*told.alerts[key], changed[key][0]]}
    assert len(compare(expected, replace(told, alerts=twice)).faults) == 1
    assert compare(expected, replace(told, missed=1)).faults == ["1 documents met a closed bucket"]
