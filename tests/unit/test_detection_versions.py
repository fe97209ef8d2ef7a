"""Model versions: a tree of shifts, the units of a baseline, and what moves when another model comes."""

from math import isfinite, log

import msgspec
import pytest

from streamwatch.detection.settings import DetectionConfig
from streamwatch.detection.share import ShareDetector
from streamwatch.detection.share_baseline import ShareBaseline
from streamwatch.detection.shift import LARGEST, SAME, UNMEASURED, Shift
from streamwatch.detection.units import TAKES_OVER, Units, regrouped
from streamwatch.detection.versions import NO_VERSION, Table, Versions, code_of
from streamwatch.detection.volume import VolumeDetector
from streamwatch.timeline import HOUR_MS, MINUTE_MS

OLD, NEW = 1, 2
UP = Shift(0.7, 0.05, log(1.6), 0.05, 0.0, 0.01)
DOWN = UP.inverse


def told(shift: Shift = UP) -> Versions:
    """NEW was measured against OLD."""
    versions = Versions()
    versions.introduce(NEW, OLD, Table(shift))
    return versions


class Way:
    """How much more a version says than that of the units."""

    def __init__(self) -> None:
        self.units = OLD

    def __call__(self, version: int) -> Shift:
        return told().between("all", self.units, version)


def take_over(detector: ShareDetector | VolumeDetector) -> None:
    """As the series does it."""
    detector._shift_to.units = NEW  # type: ignore[attr-defined]
    detector.translate(UP, OLD, NEW)


def share_detector(minutes: int = 3000, n: int = 10, k: int = 3) -> ShareDetector:
    """One that knows its series well: three of ten, now one more, now one less."""
    detector = ShareDetector(DetectionConfig(max_series=1, n_kinds=1), shift_to=Way())
    for minute in range(minutes):
        detector.update(minute * MINUTE_MS, n, k + minute % 3 - 1)
    return detector


# -- the tree


@pytest.mark.parametrize("by", [-800.0, 1e6])
def test_a_shift_that_no_measurement_gives_moves_no_further_than_the_largest(by: float) -> None:
    versions = told(Shift(by, 1e6, by, 1e6, by, 1e6))
    between = versions.between("all", OLD, NEW)
    assert {abs(number) for number in msgspec.structs.astuple(between)} == {LARGEST}
    for detector in (
        ShareDetector(DetectionConfig(max_series=1, n_kinds=1), shift_to=lambda version: between),
        VolumeDetector(DetectionConfig(max_series=1, n_kinds=1), shift_to=lambda version: between),
    ):
        for minute in range(200):
            detector.update(minute * MINUTE_MS, 10, 3, {NEW: 10} if minute > 100 else {})
        detector.loosen(between)
        detector.translate(between, OLD, NEW)
        assert isfinite(detector.log_e) or detector.log_e < 0


def test_a_version_is_told_once_and_what_is_told_again_changes_nothing() -> None:
    versions = told()
    assert not versions.introduce(NEW, OLD, Table(DOWN))
    assert not versions.introduce(OLD, NEW, Table(DOWN))
    assert versions.between("all", OLD, NEW) == UP


def test_the_way_over_several_promotions_adds_shifts_and_errors_and_back_is_no_way_at_all() -> None:
    versions = told()
    versions.introduce(3, NEW, Table(UP))
    way = versions.between("all", OLD, 3)
    assert way.log_odds == pytest.approx(1.4) and way.log_odds_se == pytest.approx(0.05 * 2**0.5)
    assert versions.between("all", 3, OLD).log_odds == pytest.approx(-1.4)
    versions.introduce(4, OLD, Table(DOWN))
    assert versions.between("all", 3, 4).log_odds == pytest.approx(-2.1)


def test_a_version_that_nobody_told_of_is_unmeasured_and_no_version_is_the_same_as_any() -> None:
    versions = told()
    assert versions.between("all", OLD, 9) == versions.between("all", 9, NEW) == UNMEASURED
    assert versions.between("all", NO_VERSION, NEW) == SAME
    assert not versions.introduce(NO_VERSION, OLD, Table(UP))


def test_what_is_told_later_counts_from_then_on() -> None:
    versions = told()
    assert versions.between("all", OLD, 3) == UNMEASURED
    versions.introduce(3, NEW, Table(SAME))
    assert versions.between("all", OLD, 3).log_odds == UP.log_odds


def test_a_code_is_of_the_labels_and_not_of_the_machine() -> None:
    assert code_of("m+1/int8-cpu") == code_of("m+1/bf16-cuda/cascade-9") != code_of("m+2/int8-cpu")
    assert 0 < code_of("m+1") < 2**24 and code_of("") == NO_VERSION


# -- units


def test_a_guest_takes_over_after_enough_documents_and_single_documents_of_the_old_one_change_nothing() -> None:
    units = Units(OLD)
    seen = [units.receive({NEW: 100, OLD: 1}) for _ in range(TAKES_OVER // 100)]
    assert seen == ["arrived", "", "", "", "takes_over"]
    assert units.version == OLD and units.newest == NEW


def test_documents_of_no_version_are_nobodys() -> None:
    units = Units(OLD)
    assert units.receive({NO_VERSION: 1000}) == "" and units == Units(OLD)


def test_an_open_bucket_is_regrouped_when_the_units_change() -> None:
    assert regrouped({NEW: 4}, n=10, old=OLD, new=NEW) == {OLD: 6}
    assert regrouped({NEW: 10}, n=10, old=OLD, new=NEW) == {}


# -- the baseline of shares


def test_translating_moves_the_level_by_log_odds_and_back_again() -> None:
    baseline = ShareBaseline(n=1000.0, k=300.0)
    level = baseline.level
    baseline.translate(UP)
    assert baseline.level == pytest.approx(UP.share(level))
    baseline.translate(DOWN)
    assert baseline.level == pytest.approx(level)


def test_what_is_held_is_translated_too() -> None:
    baseline = ShareBaseline(n=1000.0, k=300.0)
    baseline.hold(10, 3, HOUR_MS, MINUTE_MS)
    baseline.translate(UP)
    baseline.settle(HOUR_MS)
    assert baseline.level == pytest.approx(UP.share(0.3), abs=0.002)


def test_loosening_widens_the_bound_by_the_error_of_the_shift_and_keeps_level_and_overdispersion() -> None:
    baseline = ShareBaseline(n=20_000.0, k=6000.0, pairs=200_000.0, excess=4000.0)
    level, rho = baseline.level, baseline.rho
    before = baseline.upper(0) - baseline.p(0)
    baseline.loosen(0.1)
    assert baseline.level == pytest.approx(level) and baseline.rho == pytest.approx(rho)
    assert baseline.upper(0) - baseline.p(0) == pytest.approx(1.645 * 0.1 * 0.21, rel=0.1)
    assert before < 1.645 * 0.1 * 0.21


def test_loosening_never_makes_a_warm_series_cold() -> None:
    detector = share_detector()
    detector.loosen(Shift(log_odds_se=5.0))
    assert detector.warm


# -- the share test


def test_a_new_model_that_says_more_raises_no_alarm_and_the_same_news_from_the_old_one_would() -> None:
    quiet, loud = share_detector(), share_detector()
    quiet.loosen(UP)
    for minute in range(3000, 3060):
        quiet.update(minute * MINUTE_MS, 10, 5, {NEW: 10})
        loud.update(minute * MINUTE_MS, 10, 5)
    assert loud.crossed and not quiet.crossed


def test_news_after_the_swap_is_found_as_soon() -> None:
    plain, swapped = share_detector(), share_detector()
    swapped.loosen(UP)
    delays = []
    for detector, k, guests in ((plain, 8, {}), (swapped, 9, {NEW: 10})):
        minute = 3000
        while not detector.crossed:
            detector.update(minute * MINUTE_MS, 10, k, guests)
            minute += 1
        delays.append(minute - 3000)
    assert delays[1] - delays[0] <= 2


def test_a_mixed_bucket_is_judged_by_its_documents_of_each_version() -> None:
    detector = share_detector()
    own = detector.null
    detector.update(3000 * MINUTE_MS, 10, 4, {NEW: 10})
    theirs = detector.null
    detector.update(3000 * MINUTE_MS, 10, 4)
    assert own < detector.null < theirs
    assert detector.null == pytest.approx((own + theirs) / 2, abs=0.005)


def test_evidence_and_episode_stay_when_the_units_change() -> None:
    detector = share_detector()
    for minute in range(3000, 3008):
        detector.update(minute * MINUTE_MS, 10, 9)
    assert detector.crossed
    before = detector.log_e
    take_over(detector)
    assert detector.crossed and detector.log_e == pytest.approx(before, abs=0.5)
    detector.begin()
    for minute in range(3008, 3040):
        detector.update(minute * MINUTE_MS, 10, 9)
    assert not detector.calm(3040 * MINUTE_MS)
    for minute in range(3040, 3100):
        detector.update(minute * MINUTE_MS, 10, 4)
    assert detector.calm(3100 * MINUTE_MS)


def test_an_episode_of_two_versions_becomes_a_level_of_the_new_one() -> None:
    detector = share_detector()
    for minute in range(3000, 3010):
        detector.update(minute * MINUTE_MS, 10, 6)
    detector.begin()
    take_over(detector)
    for minute in range(3010, 3020):
        detector.update(minute * MINUTE_MS, 10, 7)
    detector.end(3020 * MINUTE_MS, new_level=True)
    assert detector.state.baseline.level == pytest.approx(UP.share(0.6), abs=0.05)


# -- the volume test


def volume_detector(days: int = 10, n: int = 6, k: int = 3) -> VolumeDetector:
    """One that knows its series."""
    detector = VolumeDetector(DetectionConfig(max_series=1, n_kinds=1), shift_to=Way())
    for i in range(days * 144):
        detector.update(i * 10 * MINUTE_MS, n, k - (i % 3 == 0))
    return detector


def test_more_negatives_by_the_new_model_are_usual_and_the_expectation_goes_over_into_its_units() -> None:
    detector, start_ms = volume_detector(), 10 * 24 * HOUR_MS
    usual = detector.expected
    detector.loosen(UP)
    for i in range(36):
        detector.update(start_ms + i * 10 * MINUTE_MS, 6, 4 + i % 2, {NEW: 6})
        assert not detector.crossed
    assert detector.expected == pytest.approx(1.6 * usual, rel=0.1)
    take_over(detector)
    assert not detector.state.guests
    assert detector.expected == pytest.approx(1.6 * usual, rel=0.1)


def test_a_bucket_of_two_versions_is_weighted_by_the_traffic_that_its_documents_stand_for() -> None:
    halved = Shift(0.0, 0.0, log(0.5), 0.0, log(0.5), 0.0)
    detector = VolumeDetector(DetectionConfig(), shift_to=lambda version: halved)
    for i in range(300):
        detector.update(i * 10 * MINUTE_MS, 6, 2)
    usual = detector.expected
    detector.update(3000 * MINUTE_MS, 4, 1)
    detector.update(
        3000 * MINUTE_MS, 2, 1, {NEW: 2}
    )  # half of the traffic: the other half of its documents went elsewhere
    assert detector.expected == pytest.approx(0.75 * usual, rel=0.02)


def test_a_volume_alarm_goes_on_over_the_change_of_units() -> None:
    detector, start_ms = volume_detector(), 10 * 24 * HOUR_MS
    for i in range(6):
        detector.update(start_ms + i * 10 * MINUTE_MS, 40, 30)
    assert detector.crossed
    detector.begin()
    take_over(detector)
    for i in range(6, 12):
        detector.update(start_ms + i * 10 * MINUTE_MS, 60, 48)
        assert not detector.calm(start_ms + i * 10 * MINUTE_MS)
