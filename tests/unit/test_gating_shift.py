"""The shift between two models: what it is, how sure it is, and how a series with few documents is shrunk."""

from pathlib import Path

import numpy as np
import pytest

from streamwatch.codec import decode, encode
from streamwatch.decisions.keyed import key_of
from streamwatch.decisions.promotion import introduce, promotion, unmeasured
from streamwatch.decisions.view import Decisions
from streamwatch.detection.shift import UNMEASURED, UNMEASURED_SD
from streamwatch.detection.versions import Versions, code_of
from streamwatch.errors import ConfigError
from streamwatch.gating.shift import LEAST_OF_SERIES, measure
from streamwatch.gating.shift_file import SHIFT_FILE, read_shift, write_shift
from streamwatch.records import AnyDecision

N = 2000


def documents(seed: int, n: int = N, more: float = 0.1) -> tuple[list[tuple[str, ...]], np.ndarray, np.ndarray]:
    """Of three topics with unlike numbers; the new model calls a tenth more of each negative, and both change a twentieth."""
    draw = np.random.default_rng(seed)
    topics = draw.choice(["a", "b", "c"], size=n, p=[0.8, 0.17, 0.03])
    old = draw.random(n) < 0.3
    new = np.where(old, draw.random(n) > 0.05, draw.random(n) < more / 0.7 + 0.02)
    return [("all", f"topic:{topic}") for topic in topics], old, new


def test_no_difference_is_no_shift_and_yet_not_certain() -> None:
    series, old, _ = documents(1)
    table = measure(series, series, old, old)
    assert table.of("all").log_odds == table.of("all").log_volume == 0.0
    assert 0.0 < table.of("all").log_odds_se < 0.02 < table.of("ticker:NEW").log_odds_se < 0.15


def test_pairs_make_the_error_small_and_it_covers_the_truth() -> None:
    truth = np.log(0.4 / 0.6) - np.log(0.3 / 0.7)
    shifts = [measure(s, s, o, n).of("all") for s, o, n in (documents(seed) for seed in range(40))]
    errors = [(one.log_odds - truth) / one.log_odds_se for one in shifts]
    assert 0.02 < shifts[0].log_odds_se < 0.05
    assert 0.5 < np.std(errors) < 1.6 and abs(np.mean(errors)) < 1.0


def test_a_small_series_is_shrunk_to_the_others_and_a_tiny_one_has_no_line_of_its_own() -> None:
    series, old, new = documents(2)
    few = [i for i, names in enumerate(series) if "topic:c" in names]
    new[few] = old[few]  # of the smallest topic nothing changed
    table = measure(series, series, old, new)
    alone = measure([series[i] for i in few], [series[i] for i in few], old[few], new[few])
    assert alone.of("topic:c").log_odds == 0.0 < table.of("topic:c").log_odds < table.of("topic:a").log_odds
    assert len(few) >= LEAST_OF_SERIES
    series[0] = ("all", "topic:a", "ticker:ONE")
    assert "ticker:ONE" not in measure(series, series, old, new).series


def test_documents_that_go_to_another_topic_move_its_volume_and_no_share_of_the_whole() -> None:
    series, old, _ = documents(3)
    moved = [("all", "topic:b") if i % 4 == 0 else names for i, names in enumerate(series)]
    table = measure(series, moved, old, old)
    assert table.of("topic:b").log_volume > 0.5 > -0.1 > table.of("topic:a").log_volume
    assert table.of("topic:b").log_negatives == pytest.approx(table.of("topic:b").log_volume, abs=0.3)
    assert table.of("all").log_volume == table.of("all").log_odds == 0.0


def test_a_document_that_was_drawn_less_often_weighs_more() -> None:
    series, old, new = documents(4)
    rare = np.arange(N) % 2 == 0
    new = np.where(rare, new, old)
    by_weight = measure(series, series, old, new, np.where(rare, 9.0, 1.0)).of("all").log_odds
    assert by_weight > measure(series, series, old, new).of("all").log_odds * 1.5


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="one at least"):
        measure([], [], [], [])
    with pytest.raises(ValueError, match="both models"):
        measure([("all",)], [("all",)], [True, False], [True])


# -- as a record


def test_a_promotion_goes_through_the_channel_and_is_folded_once() -> None:
    series, old, new = documents(5)
    table = measure(series, series, old, new)
    told = promotion("m+1/int8-cpu", "m+2/bf16-cuda", table, n_documents=N, made_by="ana", made_at_ms=0)
    again = promotion("m+1", "m+2", measure(series, series, old, old), n_documents=N, made_by="ana", made_at_ms=0)
    decisions = Decisions()
    for record in (told, again):
        decisions.apply_message(key_of(record).encode(), encode(record))
    shift = decisions.versions.between("all", code_of("m+1"), code_of("m+2"))
    assert shift.log_odds == pytest.approx(table.of("all").log_odds, abs=1e-4)
    assert decode(encode(told), AnyDecision) == told  # type: ignore[arg-type]
    decisions.apply_message(key_of(told).encode(), None)
    assert decisions.promotions and decisions.versions.knows(code_of("m+2"))


def test_a_version_that_was_met_unmeasured_stays_so() -> None:
    versions = Versions()
    assert introduce(versions, unmeasured(code_of("m+2"), code_of("m+1"), made_at_ms=0))
    series, old, new = documents(6)
    late = promotion("m+1", "m+2", measure(series, series, old, new), n_documents=N, made_by="ana", made_at_ms=0)
    assert not introduce(versions, late)
    assert versions.between("all", code_of("m+1"), code_of("m+2")) == UNMEASURED
    assert UNMEASURED.log_odds_se == UNMEASURED_SD


def test_a_version_is_not_measured_against_itself() -> None:
    series, old, new = documents(7)
    with pytest.raises(ValueError, match="serves already"):
        promotion("m+1/a", "m+1/b", measure(series, series, old, new), n_documents=N, made_by="ana", made_at_ms=0)


def test_what_the_gate_measured_lies_in_a_file_until_it_is_told(tmp_path: Path) -> None:
    series, old, new = documents(8)
    told = promotion("m+1", "m+2", measure(series, series, old, new), n_documents=N, made_by="gate", made_at_ms=0)
    assert read_shift(tmp_path) is None
    write_shift(tmp_path, told)
    assert read_shift(tmp_path) == told
    write_shift(tmp_path, None)  # a gate that measured nothing leaves none of an earlier one
    assert read_shift(tmp_path) is None
    (tmp_path / SHIFT_FILE).write_text('{"schema": "promotion.v1"}')
    with pytest.raises(ConfigError, match="run the gate again"):
        read_shift(tmp_path)
