"""A promotion makes the evaluator neither loud nor deaf: the same news, the same alerts, whichever model reads the documents."""

import asyncio
from collections.abc import Sequence
from math import log

import msgspec
import pytest
from alerting_streams import QUIET_MS, SETTINGS, Bucket, Stream, rules, states

from streamwatch.agents.promotions import PromotionsKeeper
from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.transition import EvaluatorState, Transition
from streamwatch.alerting.virtual import VirtualTime
from streamwatch.codec import encode
from streamwatch.decisions.keyed import key_of
from streamwatch.decisions.promotion import promotion
from streamwatch.decisions.view import Decisions
from streamwatch.detection.log_odds import logit
from streamwatch.detection.shift import UNMEASURED, Shift
from streamwatch.detection.versions import Table, Versions, code_of
from streamwatch.records import AnyDecision, Classified, Label, Prediction, SentimentLabel
from streamwatch.timeline import HOUR_MS, MINUTE_MS
from streamwatch.trends.entry import Entry

A, B = code_of("m+1"), code_of("m+2")
X, Y = "ticker:X", "ticker:Y"
UP = Shift(logit(2 / 3) - logit(1 / 3), 0.1, log(2), 0.1, 0.0, 0.02)
USUAL_OF_A, USUAL_OF_B = ("negative", "neutral", "positive"), ("negative", "negative", "positive")
THREE_OF_TEN = ("negative",) * 3 + ("neutral",) * 7
SLIGHTLY_UP = Shift(logit(0.45) - logit(0.3), 0.1, log(1.5), 0.1, 0.0, 0.02)
"""Fifteen points."""
LATER_MS = QUIET_MS + 6 * HOUR_MS


def told(shift: Shift = UP) -> Versions:
    """B says twice as often `negative` as A."""
    versions = Versions()
    versions.introduce(B, A, Table(shift))
    return versions


def read_by(stream: Stream, model: int, moods: Sequence[str], from_ms: int, until_ms: int, *series: str) -> Stream:
    """As it always is, in the eyes of that model."""
    for at_ms in range(from_ms, until_ms, 10 * MINUTE_MS):
        for mood in moods:
            stream.say(at_ms, mood, *series, model=model)
    return stream


def swapped(swap_ms: int = QUIET_MS, until_ms: int = LATER_MS) -> Stream:
    """A reads, then B does: nothing happens."""
    stream = read_by(Stream(), A, USUAL_OF_A, 0, swap_ms, X)
    return read_by(stream, B, USUAL_OF_B, swap_ms, until_ms, X)


def alerts(stream: Stream, versions: Versions) -> list[Transition]:
    """What an evaluator that was told of the versions tells."""
    return Evaluator(SETTINGS, rules(), versions=versions).advance(stream.end_ms, stream.buckets)


def test_a_swap_in_a_quiet_stream_is_no_alert_and_would_be_one_if_nobody_knew_of_it() -> None:
    assert alerts(swapped(), told()) == []
    unknown = Stream()
    unknown.by_start = {
        at_ms: [msgspec.structs.replace(one, model=0) for one in entries]
        for at_ms, entries in swapped().by_start.items()
    }
    assert states(alerts(unknown, told()))[0] == (X, "firing", 1)


def test_a_version_that_nobody_measured_raises_no_alert_either() -> None:
    assert alerts(swapped(), Versions()) == []


def test_news_in_the_bucket_after_the_swap_and_during_it_are_told_of_as_soon() -> None:
    delays = {}
    for name, model, from_ms in (
        ("plain", A, QUIET_MS),
        ("after", B, QUIET_MS),
        ("during", B, QUIET_MS - 4 * MINUTE_MS),
    ):
        stream = read_by(Stream(), A, THREE_OF_TEN, 0, QUIET_MS - 10 * MINUTE_MS, X)
        for minute in range(40):
            at_ms = from_ms + minute * MINUTE_MS
            for _ in range(3):
                stream.say(at_ms, "negative", X, model=model if at_ms >= QUIET_MS else A)
        first = next(t for t in alerts(stream, told(SLIGHTLY_UP)) if t.alert.state == "firing")
        delays[name] = first.alert.at.timestamp() * 1000 - from_ms
    assert max(delays.values()) - delays["plain"] <= 2 * MINUTE_MS


def burning(swap_ms: int) -> Stream:
    """An hour of bad news; from the swap on B reads."""
    stream = read_by(Stream(), A, USUAL_OF_A, 0, QUIET_MS, X)
    for minute in range(60):
        at_ms = QUIET_MS + minute * MINUTE_MS
        for _ in range(12):
            stream.say(at_ms, "negative", X, model=B if at_ms >= swap_ms else A)
        stream.say(at_ms, "neutral", X, model=B if at_ms >= swap_ms else A)
    after = B if swap_ms < LATER_MS else A
    return read_by(stream, after, USUAL_OF_B if after == B else USUAL_OF_A, QUIET_MS + HOUR_MS, LATER_MS, X)


def test_a_firing_alert_goes_on_over_the_swap_and_ends_when_the_news_does() -> None:
    plain, over = (alerts(burning(swap_ms), told()) for swap_ms in (LATER_MS, QUIET_MS + 20 * MINUTE_MS))
    assert states(over) == states(plain) == [(X, "firing", 1), (X, "resolved", 2)]
    assert {t.alert.id for t in over} == {t.alert.id for t in plain}
    assert abs((over[1].alert.at - plain[1].alert.at).total_seconds()) <= 30 * 60
    assert over[1].alert.resolution == "recovered"


def pieces(buckets: Sequence[Bucket], every: int) -> list[Transition]:
    """The evaluator is read again from its state after every so many buckets."""
    state, found, end_ms = EvaluatorState(), [], buckets[-1][0] + HOUR_MS
    for start in range(0, len(buckets), every):
        some = list(buckets[start : start + every])
        until_ms = buckets[start + every][0] if start + every < len(buckets) else end_ms
        evaluator = Evaluator(SETTINGS, rules(), state, versions=told())
        found += evaluator.advance(until_ms, some)
        state = state.after(evaluator.take_changes())
    return found


def test_a_crash_anywhere_in_the_swap_changes_no_alert() -> None:
    buckets = burning(QUIET_MS + 20 * MINUTE_MS).buckets
    assert pieces(buckets, 7) == pieces(buckets, 41) == pieces(buckets, len(buckets))


def test_the_order_of_documents_in_a_mixed_bucket_changes_nothing() -> None:
    stream = burning(QUIET_MS + 20 * MINUTE_MS)
    for at_ms in range(QUIET_MS, QUIET_MS + 40 * MINUTE_MS, MINUTE_MS):
        stream.say(at_ms, "neutral", X, model=A)
        stream.say(at_ms, "negative", X, model=B)
    turned = Stream()
    turned.by_start = {at_ms: entries[::-1] for at_ms, entries in stream.by_start.items()}
    assert alerts(stream, told()) == alerts(turned, told()) != []


def test_after_five_hundred_documents_the_baseline_is_in_the_new_units_and_way_back_is_a_swap_like_any() -> None:
    stream = swapped(until_ms=QUIET_MS + 30 * HOUR_MS)
    evaluator = Evaluator(SETTINGS, rules(), versions=told())
    evaluator.advance(stream.end_ms, stream.buckets)
    series = evaluator.series[X]
    assert (series.units.version, series.units.guest) == (B, 0)
    assert series.share.state.baseline.level == pytest.approx(2 / 3, abs=0.06)
    back = read_by(Stream(), A, USUAL_OF_A, stream.end_ms + HOUR_MS, stream.end_ms + 30 * HOUR_MS, X)
    assert evaluator.advance(back.end_ms, back.buckets) == []
    assert series.units.version == A
    assert series.share.state.baseline.level == pytest.approx(1 / 3, abs=0.06)


# -- who tells of versions


class Channel:
    """The channel `decisions`, in memory: what is published is folded, and read when somebody catches up."""

    def __init__(self) -> None:
        self.decisions = Decisions()
        self.waiting: list[AnyDecision] = []

    async def catch_up(self) -> None:
        """Fold what lies in the channel."""
        for record in self.waiting:
            self.decisions.apply_message(key_of(record).encode(), encode(record))
        self.waiting = []

    async def publish(self, decision: AnyDecision) -> None:
        """Write one decision, and fold it."""
        self.waiting.append(decision)
        await self.catch_up()


def meet(channel: Channel, evaluator: Evaluator, *models: int) -> None:
    """Documents of these versions come."""
    keeper = PromotionsKeeper(channel)  # type: ignore[arg-type]
    entries = [Entry(f"t{model}", "neutral", ("all",), "", 0, 0, 0, model) for model in models]
    asyncio.run(keeper.meet(evaluator, [(0, entries)]))


def test_a_promotion_that_lies_in_the_channel_is_read_before_its_first_document_is_judged() -> None:
    channel, evaluator = Channel(), Evaluator(SETTINGS)
    meet(channel, evaluator, A)
    channel.waiting.append(promotion("m+1", "m+2", Table(UP), n_documents=2000, made_by="ana", made_at_ms=0))
    meet(channel, evaluator, A, B)
    assert channel.decisions.versions.between("all", A, B).log_odds == pytest.approx(UP.log_odds, abs=1e-4)
    assert evaluator.met == (A, B) and len(channel.decisions.promotions) == 1


def test_the_first_version_of_all_is_nothing_to_tell_and_one_that_nobody_told_of_is_told_as_unmeasured() -> None:
    channel, evaluator = Channel(), Evaluator(SETTINGS)
    meet(channel, evaluator, A)
    assert channel.decisions.promotions == []
    meet(channel, evaluator, B, 0)
    (record,) = channel.decisions.promotions
    assert (record.version, record.against, record.n_documents) == (B, A, 0)
    late = promotion("m+1", "m+2", Table(UP), n_documents=2000, made_by="ana", made_at_ms=0)
    channel.waiting.append(late)
    meet(channel, evaluator, 77)
    assert channel.decisions.versions.between("all", A, B) == UNMEASURED


def test_what_an_evaluator_has_met_is_kept_with_its_state() -> None:
    evaluator = Evaluator(SETTINGS)
    meet(Channel(), evaluator, A)
    again = Evaluator(SETTINGS, state=EvaluatorState().after(evaluator.take_changes()))
    assert again.met == (A,)


def test_a_record_of_classified_brings_its_version_to_the_detectors() -> None:
    virtual = VirtualTime(SETTINGS)
    said = SentimentLabel(label="neutral", p=1.0, probabilities={"negative": 0.0, "neutral": 1.0, "positive": 0.0})
    virtual.feed([
        Classified(
            outcome="classified", source_channel="news", source_partition=0, source_offset=i, follows=i - 1, id=f"d{i}",
            observed_ms=(i + 1) * HOUR_MS, published_ms=(i + 1) * HOUR_MS, text="t", text_hash=f"h{i}", source="wire",
            prediction=Prediction(topic=Label(label="earnings", p=1.0), sentiment=said, model="m+1/int8-cpu"),
        )
        for i in range(2)
    ])  # fmt: skip
    virtual.finish()
    assert virtual.evaluator.series["all"].units.version == A
