"""Virtual time: documents in the order of the log."""

import pytest

from streamwatch.alerting.virtual import VirtualTime, transitions
from streamwatch.config import load
from streamwatch.records import Classified
from streamwatch.timeline import HOUR_MS

SETTINGS = load()


def record(published_ms, offset=0, **changes):
    fields = {
        "outcome": "classified",
        "source_channel": "social",
        "source_partition": 0,
        "source_offset": offset,
        "follows": offset - 1,
        "observed_ms": published_ms,
        "published_ms": published_ms,
        "id": f"d{offset}",
        "text_hash": f"t{offset}",
        "source": "social",
    }
    return Classified(**(fields | changes))


def closed_until(*records):
    virtual = VirtualTime(SETTINGS)
    for one in records:
        virtual.feed([one])
    return virtual.evaluator.closed_until_ms


def test_the_watermark_follows_the_newest_arrival_by_the_lateness():
    assert closed_until(record(HOUR_MS), record(HOUR_MS - 60_000, 1)) == HOUR_MS - 30_000


def test_a_late_document_is_detected_on_when_it_comes():
    virtual = VirtualTime(SETTINGS)
    virtual.feed([record(10 * HOUR_MS)])
    virtual.feed([record(10 * HOUR_MS - 20 * 60_000, 1)])
    virtual.finish()
    assert virtual.evaluator.take_changes().texts == {9 * HOUR_MS: ["t1"]}


def test_what_is_too_old_on_arrival_is_not_detected_on():
    virtual = VirtualTime(SETTINGS)
    virtual.feed([record(10 * HOUR_MS), record(8 * HOUR_MS, 1), record(11 * HOUR_MS, 2)])
    virtual.finish()
    assert virtual.totals["late"] == 1
    assert virtual.evaluator.take_changes().texts == {10 * HOUR_MS: ["t0"]}


@pytest.mark.parametrize("changes", [{"backfill": True}, {"outcome": "dead_lettered"}, {"outcome": "marker"}])
def test_backfill_dead_letters_and_markers_are_not_detected_on(changes):
    virtual = VirtualTime(SETTINGS)
    virtual.feed([record(10 * HOUR_MS, 0, **changes), record(11 * HOUR_MS, 1)])
    assert virtual.evaluator.take_changes().texts == {}


def test_how_documents_are_dealt_to_calls_changes_nothing():
    records = [record(HOUR_MS + i * 7_000, i, text_hash=f"t{i // 2}", id=f"d{i // 3}") for i in range(300)]
    seen = []
    for size in (1, 7, 300):
        virtual = VirtualTime(SETTINGS)
        for start in range(0, len(records), size):
            virtual.feed(records[start : start + size])
        virtual.finish()
        changes = virtual.evaluator.take_changes()
        seen.append((virtual.totals, changes.texts, changes.detectors, virtual.evaluator.closed_until_ms))
    assert seen[0] == seen[1] == seen[2]


def test_nothing_gives_nothing():
    assert list(transitions([], SETTINGS)) == []
