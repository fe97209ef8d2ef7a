"""Which documents two models are compared on: enough that nobody learned, and what is written now."""

from random import Random

from streamwatch.gating.recent import drawn
from streamwatch.records import Classified
from streamwatch.testing.records import classified
from streamwatch.timeline import HOUR_MS


def hourly(n_hours: int, per_hour: int) -> list[Classified]:
    return [
        classified(f"h{hour}-{i}", observed_ms=hour * HOUR_MS + i) for hour in range(n_hours) for i in range(per_hour)
    ]


def hours_of(records: tuple[Classified, ...]) -> set[int]:
    return {record.observed_ms // HOUR_MS for record in records}


def test_what_was_learned_is_left_out_before_the_draw_so_that_a_young_channel_has_enough() -> None:
    records = hourly(10, 100)
    learned = {record.text for record in records[::2]}
    made = drawn(records, learned.__contains__, 500)
    assert len(made.unseen) == 500 and not learned & {record.text for record in made.unseen}


def test_the_shift_is_measured_on_the_newest_hours_however_long_the_channel_is() -> None:
    made = drawn(hourly(200, 40), lambda text: False, 100)
    assert hours_of(made.newest) == {197, 198, 199} and len(made.newest) == 100
    assert len(hours_of(made.unseen)) > 50


def test_a_full_last_hour_is_enough_and_one_that_has_just_begun_weighs_no_more_than_it_holds() -> None:
    assert hours_of(drawn(hourly(5, 300), lambda text: False, 100).newest) == {4}
    begun = [*hourly(5, 5000), *(classified(f"now{i}", observed_ms=5 * HOUR_MS + i) for i in range(50))]
    newest = drawn(begun, lambda text: False, 1000).newest
    assert (
        len(newest) == 1000 and sum(record.id.startswith("now") for record in newest) < 30
    )  # 10 of 5,050 are expected


def test_the_order_of_partitions_changes_nothing_and_copies_count_once() -> None:
    records = hourly(8, 50)
    shuffled = [*records, *records[:100]]
    Random(1).shuffle(shuffled)
    assert drawn(shuffled, lambda text: False, 120) == drawn(records, lambda text: False, 120)


def test_what_the_model_did_not_read_is_not_compared_and_corrections_of_history_are_not_new() -> None:
    odd = [
        classified("unread", unread="short"),
        classified("letter", outcome="dead_letter"),
        classified("old", backfill=True),
    ]
    made = drawn(odd, lambda text: False, 10)
    assert [record.id for record in made.unseen] == ["old"] and made.newest == ()
