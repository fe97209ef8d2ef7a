"""Drift alerts are a function of the closed buckets, beside the evaluator: not of calls, crashes or partitions."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.alerting.adoption import Published, orphans
from streamwatch.alerting.closing import Piece, close
from streamwatch.alerting.drift_watch import EPISODES, MONITORS, DriftWatch
from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.evidence import complete
from streamwatch.alerting.transition import EvaluatorState, Transition
from streamwatch.config import BUCKET_MS, Settings
from streamwatch.drift.stored import DRIFT_BUCKET_MS
from streamwatch.drift.sums import ModelSums, Sums
from streamwatch.records import PROJECTION_BYTES, SENTIMENTS, Alert, Classified, Label, Prediction, SentimentLabel
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.rule import RULE_KINDS, Rule
from streamwatch.rules.rule_set import RuleSet
from streamwatch.timeline import HOUR_MS, MINUTE_MS, to_ms
from streamwatch.trends.entry import Entry, series_of

SETTINGS = Settings(drift_run_length=20_000, drift_reference_documents=400)
START_MS = 400 * HOUR_MS
SHIFT_MS = START_MS + 180 * MINUTE_MS
END_MS = START_MS + 400 * MINUTE_MS
A_MINUTE = 6
TOPICS = ("earnings", "macro")
MODEL = "m/1"
OLD = (
    "shares", "rates", "profit", "index", "bank", "yield", "bond", "growth", "outlook", "quarter", "margin", "sales",
)  # fmt: skip
NEW = (
    "cabin", "crew", "gate", "flight", "delay", "bag", "pilot", "seat", "luggage", "desk", "boarding", "runway", "ticket",
)  # fmt: skip


def record(n: int, at_ms: int, topic: str, sentiment: str, new: bool | None = None) -> Classified:
    """A document of which the model is fairly sure. Without `new` no encoder saw it; a new one speaks of something else."""
    p = {name: 0.7 if name == sentiment else 0.15 for name in SENTIMENTS}
    draw = Random(n)
    centre = 60 if new else 0
    projection = bytes(int(min(127, max(-127, draw.gauss(centre, 40)))) % 256 for _ in range(PROJECTION_BYTES))
    projection = b"" if new is None else projection
    said = SentimentLabel(label=sentiment, p=0.7, probabilities=p)
    prediction = Prediction(topic=Label(label=topic, p=0.8), sentiment=said, model=MODEL, projection=projection)
    text = f"{' '.join(draw.sample(NEW if new else OLD, 6))} {n}"
    return Classified(
        outcome="classified", source_channel="social", source_partition=n % 4, source_offset=n // 4, follows=0,
        observed_ms=at_ms, published_ms=at_ms, id=f"d{n}", text=text, text_hash=f"{n:016x}", source="social",
        author_hash=f"a{n}", prediction=prediction,
    )  # fmt: skip


def stream(
    shares: Sequence[float] = (0.2, 0.5, 0.3), shifted: Sequence[float] = (0.2, 0.5, 0.3), *, topic: str = "earnings",
    new: float = 0.0, minutes: int = 400, seed: int = 1,
) -> list[Classified]:  # fmt: skip
    """Six documents a minute of two topics; from `SHIFT_MS` on one of them has other shares, or new words."""
    draw, made = Random(seed), []
    for at_ms in range(START_MS, START_MS + minutes * MINUTE_MS, MINUTE_MS // A_MINUTE):
        its = draw.choice(TOPICS)
        moved = at_ms >= SHIFT_MS
        weights = shifted if moved and its == topic else shares
        mood = draw.choices(SENTIMENTS, weights)[0]
        made.append(record(len(made), at_ms, its, mood, new=moved and draw.random() < new if new else None))
    return made


def entries_of(records: Iterable[Classified]) -> list[tuple[int, list[Entry]]]:
    """By closed bucket of 10 s."""
    by_start: dict[int, list[Entry]] = {}
    for one in records:
        mood = one.counted_sentiment
        entry = Entry(one.text_hash, mood, series_of(one), one.author_hash, one.source_partition, one.source_offset)
        by_start.setdefault(one.observed_ms // BUCKET_MS * BUCKET_MS, []).append(entry)
    return sorted(by_start.items())


def sums_of_minutes(records: Iterable[Classified]) -> list[tuple[int, Sums]]:
    """By closed bucket of the monitors, merged over four partitions."""
    parts: dict[int, list[Sums]] = {}
    for one in records:
        at_ms = one.observed_ms // DRIFT_BUCKET_MS * DRIFT_BUCKET_MS
        parts.setdefault(at_ms, [Sums() for _ in range(4)])[one.source_partition].add(one)
    merged = []
    for at_ms, some in sorted(parts.items()):
        sums = Sums()
        for part in some:
            sums.absorb(part)
        merged.append((at_ms, sums))
    return merged


def run(
    records: Sequence[Classified], cuts_ms: Iterable[int] = (), reload: Sequence[bool] = (False,), end_ms: int = END_MS,
    rules: RuleHistory | None = None, of: Settings = SETTINGS, published: Published | None = None,
) -> tuple[list[Transition], list[Piece]]:  # fmt: skip
    """What is told when time comes to each cut in turn; after each, where `reload` says so, all goes on from what is kept."""
    buckets, sums = entries_of(records), sums_of_minutes(records)
    evaluator, drift = Evaluator(of, rules, published=published), DriftWatch(of, published=published)
    state, kept = EvaluatorState(), {}
    told: list[Transition] = []
    pieces: list[Piece] = []
    for i, until_ms in enumerate([*sorted(cuts_ms), end_ms]):
        before = evaluator.closed_until_ms
        closed = close(
            evaluator, drift, until_ms,
            [one for one in buckets if before <= one[0] < until_ms],
            [one for one in sums if before < one[0] + DRIFT_BUCKET_MS <= until_ms],
        )  # fmt: skip
        told += closed.transitions
        pieces += closed.pieces
        if reload[i % len(reload)]:
            state, kept = state.after(evaluator.take_changes()), kept | drift.take_changes()
            evaluator, drift = Evaluator(of, rules, state), DriftWatch(of, kept)
    return told, pieces


def drifts(told: Iterable[Transition]) -> list[Alert]:
    return [one.alert for one in told if one.alert.kind == "drift"]


TURNED = stream(shifted=(0.2, 0.1, 0.7))
"""Earnings turn positive: no test of the negative share asks for that."""
WHOLE, PIECES = run(TURNED)


def test_a_topic_whose_labels_turn_is_told_with_what_moved_and_is_over_when_it_is_known() -> None:
    first, last = drifts(WHOLE)
    assert [(one.state, one.revision, one.resolution) for one in (first, last)] == [
        ("firing", 1, ""), ("resolved", 2, "new_level")
    ]  # fmt: skip
    assert first.id == last.id and first.series == "topic:earnings" and first.rule == "default"
    assert SHIFT_MS - 5 * MINUTE_MS <= to_ms(first.onset) <= to_ms(first.at) < SHIFT_MS + 120 * MINUTE_MS
    assert first.drift is not None and first.drift.monitor == "class_shares" and first.drift.topics[0] == "earnings"
    assert first.score == first.drift.e_value >= first.threshold == first.drift.threshold
    moved = {(one.topic, one.label): one.after - one.before for one in first.drift.moved}
    assert moved["", "positive"] > 0.1 and moved["", "neutral"] < -0.1
    assert (first.model, first.detector, first.n > 0) == (MODEL, "drift/1", True)


def test_nothing_is_told_where_nothing_moves() -> None:
    assert drifts(run(stream())[0]) == []


def test_its_documents_are_of_the_class_that_rose_in_the_topics_that_carry_it_since_the_onset() -> None:
    by_place = {(one.source_partition, one.source_offset): one for one in TURNED}
    firing = next(one for one in WHOLE if one.alert.kind == "drift")
    shown = [by_place[ref.partition, ref.offset] for ref in firing.refs]
    assert len(shown) >= 8 and all(one.counted_sentiment == "positive" for one in shown)
    assert {one.counted_topic for one in shown} <= set(firing.alert.drift.topics)  # type: ignore[union-attr]
    onset_ms, at_ms = to_ms(firing.alert.onset), to_ms(firing.alert.at)
    assert all(onset_ms <= one.published_ms < at_ms for one in shown)
    past = [by_place[ref.partition, ref.offset] for ref in firing.past_refs]
    assert past and all(one.published_ms < onset_ms for one in past)
    alert = complete(firing, by_place)
    assert len(alert.evidence.documents) >= 5 and alert.evidence.n_past_documents == len(past)
    assert alert.model == MODEL and {one.sentiment for one in alert.evidence.documents} == {"positive"}


def test_new_vocabulary_is_told_with_the_documents_that_are_new() -> None:
    records = stream(new=0.8)
    by_place = {(one.source_partition, one.source_offset): one for one in records}
    firing = next(one for one in run(records)[0] if one.alert.kind == "drift")
    assert firing.alert.drift is not None and firing.alert.drift.monitor == "embedding" and firing.alert.series == "all"
    assert len(firing.toward) == PROJECTION_BYTES
    shown = complete(firing, by_place).evidence
    assert sum(one.text.split()[0] in NEW for one in shown.documents) >= 0.7 * len(shown.documents) > 3
    assert {one.term for one in shown.terms} & set(NEW) and not {one.term for one in shown.terms} & set(OLD)


cuts = st.lists(st.integers(START_MS // BUCKET_MS, END_MS // BUCKET_MS - 1).map(lambda i: i * BUCKET_MS), max_size=8)


@given(cuts, st.lists(st.booleans(), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None)
def test_calls_and_crashes_anywhere_change_nothing(cuts_ms: list[int], reload: list[bool]) -> None:
    told, pieces = run(TURNED, cuts_ms, reload)
    assert drifts(told) == drifts(WHOLE) and Counter(map(str, told)) == Counter(map(str, WHOLE))
    assert drifting(pieces) == drifting(PIECES)


def drifting(pieces: Iterable[Piece]) -> dict[int, bool]:
    """Whether it was drifting, by bucket."""
    return {start_ms: piece.drifting for piece in pieces for start_ms, _ in piece.counted}


def test_what_counted_is_told_as_drifting_while_the_alert_is_open() -> None:
    first, last = drifts(WHOLE)
    known = drifting(PIECES)
    assert len(known) == len(entries_of(TURNED))
    assert {at_ms for at_ms, so in known.items() if so} == {
        at_ms for at_ms in known if to_ms(first.at) <= at_ms < to_ms(last.at)
    }


def sudden(minutes: int = 400) -> list[Classified]:
    """Earnings turn negative altogether: the share test sees it, and the monitors do."""
    return stream(shares=(0.1, 0.6, 0.3), shifted=(0.9, 0.05, 0.05), minutes=minutes)


def warm(records: Sequence[Classified]) -> list[tuple[int, list[Entry]]]:
    """Two days before the stream, so that the share test has a history of its own."""
    buckets = []
    for n, at_ms in enumerate(range(START_MS - 48 * HOUR_MS, START_MS, 5 * MINUTE_MS)):
        mood = ("negative", *("neutral", "positive") * 4)[n % 9]
        buckets.append((at_ms, [Entry(f"w{n}", mood, ("all", "topic:earnings"), f"w{n}", 0, n)]))
    return buckets + entries_of(records)


def test_a_turn_that_an_alert_about_the_share_tells_of_joins_that_alert() -> None:
    records = sudden()
    evaluator, slow = Evaluator(SETTINGS), SETTINGS.model_copy(update={"drift_run_length": 1e12})
    drift = DriftWatch(slow)
    told = close(evaluator, drift, END_MS, warm(records), sums_of_minutes(records)).transitions
    assert drifts(told) == []
    alerts = [one.alert for one in told]
    assert {alert.kind for alert in alerts} <= {"negative_share", "negative_volume"}
    joined = [alert for alert in alerts if alert.drift is not None]
    assert joined and joined[0].revision > 1 and joined[0].state == "firing"
    assert joined[0].drift is not None and "earnings" in joined[0].drift.topics
    before = next(alert for alert in alerts if (alert.id, alert.revision) == (joined[0].id, joined[0].revision - 1))
    assert before.drift is None
    after = [alert for alert in alerts if alert.id == joined[0].id and alert.revision > joined[0].revision]
    assert all(alert.drift == joined[0].drift for alert in after)
    assert drift.open_alerts == set()


def test_no_rule_for_drift_no_alert_but_the_monitors_go_on() -> None:
    rules = RuleHistory().changed(RuleSet((Rule("r", kinds=("negative_share",)),)), 0)
    told, pieces = run(TURNED, rules=rules)
    assert drifts(told) == [] and drifting(pieces) == drifting(PIECES)


def test_the_rule_gives_its_name_severity_labels_and_routes() -> None:
    rule = Rule("desk", series=("topic:*",), kinds=("drift",), severity="critical", labels={"team": "x"}, routes=("p",))
    [first, _] = drifts(run(TURNED, rules=RuleHistory().changed(RuleSet((rule, Rule("rest"))), 0))[0])
    assert (first.rule, first.severity, first.labels, first.routes) == ("desk", "critical", {"team": "x"}, ("p",))
    assert first.id != drifts(WHOLE)[0].id


def test_what_lasts_longer_than_the_rule_allows_is_over_at_the_end_of_a_bucket() -> None:
    rules = RuleHistory().changed(RuleSet((Rule("r", kinds=RULE_KINDS, max_firing_ms=5 * MINUTE_MS + 1),)), 0)
    first, last = drifts(run(TURNED, rules=rules)[0])
    assert to_ms(last.at) - to_ms(first.at) == 6 * MINUTE_MS
    cut = run(TURNED, [to_ms(first.at) + 5 * MINUTE_MS + BUCKET_MS], [True], rules=rules)
    assert drifts(cut[0]) == [first, last]


def test_one_that_was_told_before_the_state_was_lost_goes_on_under_its_id() -> None:
    first, last = drifts(WHOLE)
    other = msgspec.structs.replace(first, id="f" * 16, onset=first.onset, revision=3)
    told, _ = run(TURNED, published=Published.of([other]))
    [only] = drifts(told)
    assert (only.id, only.revision, only.state) == ("f" * 16, 4, "resolved")
    assert drifts(run(TURNED, published=Published.of([last]))[0]) == drifts(
        WHOLE
    )  # its own: the same, and not sent again


def test_an_open_drift_alert_that_nobody_goes_on_with_is_ended() -> None:
    first, _ = drifts(WHOLE)
    [ended] = orphans([first], set(), END_MS)
    assert (ended.state, ended.resolution, ended.drift) == ("resolved", "lost_history", first.drift)


def test_without_monitors_there_is_nothing_to_keep() -> None:
    off = Settings(drift_run_length=0)
    drift = DriftWatch(off)
    told = close(Evaluator(off), drift, END_MS, entries_of(TURNED), sums_of_minutes(TURNED)).transitions
    assert drifts(told) == [] and drift.take_changes() == {}


@pytest.mark.parametrize("name", [EPISODES, MONITORS])
@pytest.mark.parametrize("raw", [b"\x93\x63\x90\x90", b"junk", b"\x80"])
def test_a_state_of_another_version_is_begun_anew(name: str, raw: bytes) -> None:
    assert not DriftWatch(SETTINGS, {name: raw}).drifting


def test_weeks_in_which_no_text_was_read_are_closed_in_seconds() -> None:
    unread = [(n * DRIFT_BUCKET_MS, Sums({MODEL: ModelSums(1, 1, 1)})) for n in range(30_000)]
    began_s = time.process_time()
    closed = close(Evaluator(SETTINGS), DriftWatch(SETTINGS), len(unread) * DRIFT_BUCKET_MS, [], unread)
    assert not closed.transitions
    assert time.process_time() - began_s < 15
