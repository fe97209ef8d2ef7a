"""A sample of the past: bounded, of all of the last days, and a function of the set of voices."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.alerting.past import AN_HOUR, KEPT, Past
from streamwatch.alerting.voices import Voice
from streamwatch.timeline import DAY_MS, HOUR_MS

START_MS = 1_424_131_200_000


def voice(i: int, partition: int = 0) -> Voice:
    return Voice(f"{i:016x}", "neutral", ("all",), "", partition, i, 1)


def past_of(voices: list[tuple[Voice, int]]) -> Past:
    past = Past()
    for one, at_ms in voices:
        past.add(one, at_ms)
    return past


def hours(past: Past) -> list[int]:
    return [(one.at_s * 1000 - START_MS) // HOUR_MS for one in past.kept]


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 200)), unique_by=lambda p: p[0], max_size=300),
    st.randoms(),
)
def test_the_sample_does_not_depend_on_the_order_of_the_voices(told, random):
    voices = [(voice(i), START_MS + hour * HOUR_MS // 2) for i, hour in told]
    shuffled = list(voices)
    random.shuffle(shuffled)
    assert past_of(voices) == past_of(shuffled)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 200)), unique_by=lambda p: p[0], max_size=300),
    st.integers(1, 9),
)
def test_the_texts_in_the_sample_do_not_depend_on_their_partition(told, n_partitions):
    one = past_of([(voice(i), START_MS + hour * HOUR_MS) for i, hour in told])
    split = past_of([(voice(i, i % n_partitions), START_MS + hour * HOUR_MS) for i, hour in told])
    assert [kept.offset for kept in one.kept] == [kept.offset for kept in split.kept]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 50)), unique_by=lambda p: p[0], max_size=400))
def test_no_hour_and_no_flood_can_make_it_larger(told):
    past = past_of([(voice(i), START_MS + hour * HOUR_MS) for i, hour in told])
    assert len(past.kept) <= KEPT
    assert all(hours(past).count(hour) <= AN_HOUR for hour in hours(past))


def test_a_quiet_series_keeps_all_it_has():
    past = past_of([(voice(i), START_MS + i * DAY_MS) for i in range(KEPT)])
    assert sorted(hours(past)) == [24 * i for i in range(KEPT)]


def test_a_busy_series_keeps_some_of_each_of_the_last_days_and_little_of_long_ago():
    past = past_of([(voice(i), START_MS + i * HOUR_MS // 20) for i in range(20 * 24 * 14)])
    days = [hour // 24 for hour in hours(past)]
    assert {11, 12, 13} <= set(days)
    assert sum(day >= 7 for day in days) >= 0.8 * KEPT


def test_the_hours_of_an_incident_do_not_push_the_days_before_it_out():
    before = [(voice(i), START_MS + i * HOUR_MS) for i in range(72)]
    incident = [(voice(1000 + i), START_MS + 72 * HOUR_MS + i * 3 * HOUR_MS // 9000) for i in range(9000)]
    past = past_of(before + incident)
    assert len(past.references(START_MS + 72 * HOUR_MS)) >= KEPT - 3 * AN_HOUR


def test_references_are_of_voices_before_and_the_first_of_them_are_a_sample_too():
    past = past_of([(voice(i), START_MS + i * HOUR_MS) for i in range(40)])
    assert {ref.offset for ref in past.references(START_MS + 10 * HOUR_MS)} == set(range(10))
    assert past.references(START_MS + DAY_MS, at_most=5) == past.references(START_MS + DAY_MS)[:5]


def test_it_is_kept_in_a_kilobyte_and_read_back_as_it_was():
    past = past_of(
        [(Voice(f"{i:016x}", "negative", ("all",), "", 7, 10**9 + i, 1), START_MS + i * HOUR_MS) for i in range(200)]
    )
    raw = msgspec.msgpack.encode(past)
    assert len(raw) <= 1060
    assert msgspec.msgpack.decode(raw, type=Past) == past
