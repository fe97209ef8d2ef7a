"""Silences, acknowledgements, verdicts: what they are about, when, and what follows from them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.codec import encode
from streamwatch.decisions.keyed import key_of
from streamwatch.decisions.precision import Precision, wilson
from streamwatch.decisions.rules_change import change_needed, rules_change, rules_of
from streamwatch.decisions.silencing import expired, is_about, is_active, new_silence
from streamwatch.decisions.view import Decisions
from streamwatch.errors import ConfigError, RejectError
from streamwatch.records import Acknowledgement, Alert, AnyDecision, Evidence, Matchers, Member, Silence, Verdict
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.rule import Rule
from streamwatch.rules.rule_set import RuleSet
from streamwatch.timeline import DAY_MS, HOUR_MS, MINUTE_MS, to_ms

AT = datetime(2025, 3, 11, 13, 30, tzinfo=UTC)
NOW_MS = to_ms(AT)
BY: dict[str, Any] = {"made_by": "ana", "made_at": AT}


def alert(**changes: Any) -> Alert:
    """An alert about a recall."""
    fields: dict[str, Any] = {
        "id": "a1", "revision": 1, "state": "firing", "rule": "companies", "series": "ticker:BRWK",
        "kind": "negative_share", "severity": "critical", "onset": AT, "at": AT, "window_s": 300, "n": 17, "k": 12,
        "share": 12 / 17, "p0": 0.22, "p0_low": 0.18, "p0_high": 0.27, "k_expected": 3.7, "lift": 3.2, "score": 1e6,
        "threshold": 1e5, "evidence": Evidence(), "labels": {"team": "markets"},
    }  # fmt: skip
    return Alert(**(fields | changes))


def member(series: str, kind: str = "negative_share", firing: bool = True) -> Member:
    """Another series of the incident."""
    return Member(
        id="m", series=series, kind=kind, onset=AT, firing=firing, n=9, k=7, k_expected=2.0, lift=3.5, score=1e5
    )  # type: ignore[arg-type]


def silence(starts_ms: int = NOW_MS, ends_ms: int = NOW_MS + HOUR_MS, **changes: Any) -> Silence:
    """An hour of quiet about tickers."""
    made = new_silence(
        changes.pop("matchers", Matchers(series=("ticker:*",))),
        starts_ms=starts_ms,
        ends_ms=ends_ms,
        now_ms=NOW_MS,
        made_by="ana",
        comment="a split",
    )
    return msgspec.structs.replace(made, **changes)


def folded(*decisions: AnyDecision) -> Decisions:
    """The view after these records."""
    view = Decisions()
    for decision in decisions:
        view.apply(decision)
    return view


# -- what a silence is about


@pytest.mark.parametrize(
    ("matchers", "about"),
    [
        (Matchers(series=("ticker:*",)), True),
        (Matchers(series=("topic:*", "ticker:BRWK")), True),
        (Matchers(series=("ticker:brwk",)), False),
        (Matchers(rules=("comp*",)), True),
        (Matchers(rules=("comp",)), False),
        (Matchers(kinds=("negative_volume", "stalled")), False),
        (Matchers(severities=("critical",)), True),
        (Matchers(severities=("info", "warning")), False),
        (Matchers(labels={"team": "mark*"}), True),
        (Matchers(labels={"team": "sales"}), False),
        (Matchers(labels={"country": "*"}), False),
        (Matchers(series=("ticker:*",), severities=("info",)), False),
    ],
    ids=str,
)
def test_all_that_is_given_must_match(matchers: Matchers, about: bool) -> None:
    assert is_about(matchers, alert()) is about


def test_an_incident_that_grew_beyond_what_was_silenced_is_shown() -> None:
    tickers = Matchers(series=("ticker:*",))
    assert is_about(tickers, alert(members=(member("ticker:ACME"),)))
    grown = alert(members=(member("ticker:ACME"), member("topic:recall", firing=False)))
    assert not is_about(tickers, grown)
    assert is_about(Matchers(series=("ticker:*", "topic:recall")), grown)
    other_kind = alert(members=(member("topic:recall", "negative_volume"),))
    assert not is_about(Matchers(kinds=("negative_share",)), other_kind)


def test_members_that_hold_everything_are_not_asked_but_an_alert_of_one_is() -> None:
    tickers = Matchers(series=("ticker:*",))
    assert is_about(tickers, alert(members=(member("all"), member("source:wire", "negative_volume"))))
    assert not is_about(tickers, alert(series="all", members=(member("ticker:ACME"),)))


# -- when


def test_a_silence_holds_from_its_start_until_before_its_end() -> None:
    later = silence(NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS)
    assert [is_active(later, NOW_MS + minutes * MINUTE_MS) for minutes in (0, 59, 60, 119, 120)] == [
        False, False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("starts_ms", "ends_ms", "why"),
    [
        (NOW_MS - 2 * HOUR_MS, NOW_MS - HOUR_MS, "over before it begins"),
        (NOW_MS, NOW_MS, "over before it begins"),
        (NOW_MS + 2 * HOUR_MS, NOW_MS + HOUR_MS, "ends too early"),
        (NOW_MS, NOW_MS + 367 * DAY_MS, "more than 366 days"),
    ],
    ids=["in the past", "of no length", "that ends before it starts", "for years"],
)
def test_a_silence_is_refused(starts_ms: int, ends_ms: int, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        silence(starts_ms, ends_ms)


def test_a_silence_that_asks_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="would hide every alert"):
        silence(matchers=Matchers())


def test_a_start_in_the_past_becomes_now() -> None:
    assert silence(starts_ms=0).starts_at == AT


def test_a_silence_is_ended_early_and_keeps_its_key() -> None:
    one = silence()
    ended = expired(one, NOW_MS + MINUTE_MS, "ben")
    assert key_of(one) == key_of(ended) == f"silence/{one.id}"
    assert (is_active(ended, NOW_MS + MINUTE_MS - 1), is_active(ended, NOW_MS + MINUTE_MS)) == (True, False)
    with pytest.raises(ConfigError, match="is over since 2025-03-11T13:31:00Z"):
        expired(ended, NOW_MS + MINUTE_MS, "ben")


def test_a_silence_that_has_not_begun_never_will_once_it_is_ended() -> None:
    later = expired(silence(NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS), NOW_MS, "ben")
    assert not any(is_active(later, NOW_MS + hours * HOUR_MS) for hours in (0, 1, 2))


def test_silences_that_differ_have_ids_that_differ() -> None:
    assert silence().id == silence().id
    assert silence().id != silence(ends_ms=NOW_MS + 2 * HOUR_MS).id


# -- the view


def test_an_alert_is_silenced_by_the_silence_that_lasts_longest() -> None:
    short, long = silence(), silence(ends_ms=NOW_MS + 2 * HOUR_MS)
    other = silence(ends_ms=NOW_MS + 3 * HOUR_MS, matchers=Matchers(series=("topic:*",)))
    view = folded(long, short, other)
    assert view.silenced_by(alert(), NOW_MS) == long
    assert view.silenced_by(alert(), NOW_MS + 2 * HOUR_MS) is None
    assert view.silenced_by(alert(series="all"), NOW_MS) is None


def test_acknowledgement_and_verdict_are_replaced_and_taken_back() -> None:
    view = folded(Acknowledgement(alert="a1", **BY), Verdict(alert="a1", true=True, **BY))
    acknowledged, verdict = view.acknowledgement("a1"), view.verdict("a1")
    assert acknowledged is not None and acknowledged.made_by == "ana"
    assert verdict is not None and verdict.true
    view.apply(Verdict(alert="a1", true=False, **BY | {"made_by": "ben"}))
    verdict = view.verdict("a1")
    assert verdict is not None and (verdict.true, verdict.made_by) == (False, "ben")
    view.apply(Verdict(alert="a1", true=False, retracted=True, **BY))
    view.apply(Acknowledgement(alert="a1", retracted=True, **BY))
    assert view.verdict("a1") is None and view.acknowledgement("a1") is None


def test_precision_counts_what_fired_and_was_judged_per_rule() -> None:
    alerts = [
        alert(id="a1"), alert(id="a2"), alert(id="a3", state="resolved", resolution="recovered"),
        alert(id="a4", state="pending"), alert(id="a5", state="resolved", resolution="withdrawn"),
        alert(id="b1", rule="topics"), alert(id="s1", rule="stalled", kind="stalled", series="channel:news"),
    ]  # fmt: skip
    verdicts = [Verdict(alert=f"a{i}", true=i != 2, **BY) for i in (1, 2, 4, 5)]
    assert folded(*verdicts).precision(alerts) == [Precision("companies", 1, 1, 1), Precision("topics", 0, 0, 1)]


def test_rules_that_cannot_be_read_are_rejected_and_change_nothing() -> None:
    good = rules_change(RuleSet((Rule("a"),)), effective_from_ms=0, made_by="worker", made_at_ms=0)
    view = folded(good)
    with pytest.raises(RejectError, match="wrong_type: rules of 1970-01-01"):
        view.apply(msgspec.structs.replace(good, text="rules: []"))
    assert view.rule_history.at(0) == rules_of(good)


@given(st.lists(st.tuples(st.sampled_from(["a1", "a2"]), st.booleans(), st.booleans()), max_size=12))
def test_a_compacted_channel_folds_to_the_same_view(told: Sequence[tuple[str, bool, bool]]) -> None:
    records: list[AnyDecision] = [Verdict(alert=a, true=true, retracted=gone, **BY) for a, true, gone in told]
    newest = {key_of(record): record for record in records}
    compacted = folded(*newest.values())
    everything = Decisions()
    for record in [*records, *newest.values()]:  # and read twice
        everything.apply_message(key_of(record).encode(), encode(record))
    assert [everything.verdict(a) for a in ("a1", "a2")] == [compacted.verdict(a) for a in ("a1", "a2")]


# -- changes of rules

A, B = RuleSet((Rule("a"),)), RuleSet((Rule("b"),))


def needed(history: RuleHistory, wanted: RuleSet, next_bucket_ms: int) -> int | None:
    """From when on a change would hold, None: there is none."""
    change = change_needed(history, wanted, next_bucket_ms=next_bucket_ms, made_by="worker", now_ms=NOW_MS)
    return None if change is None else to_ms(change.effective_from)


def test_the_first_rules_hold_from_the_beginning_and_later_ones_from_the_next_bucket() -> None:
    assert needed(RuleHistory(), A, 600_000) == 0
    history = RuleHistory().changed(A, 0)
    assert needed(history, A, 600_000) is None
    assert needed(history, B, 600_000) == 600_000
    assert needed(history.changed(B, 600_000), A, 900_000) == 900_000


def test_a_change_that_lies_ahead_is_replaced_and_never_overtaken() -> None:
    assert needed(RuleHistory().changed(A, 0).changed(B, 600_000), A, 300_000) == 600_000


@pytest.mark.parametrize("bucket_ms", [-10_000, 5])
def test_a_change_holds_from_a_bucket_on(bucket_ms: int) -> None:
    with pytest.raises(ValueError, match="is not the start of a bucket"):
        rules_change(A, effective_from_ms=bucket_ms, made_by="worker", made_at_ms=0)


# -- Wilson's interval


@given(st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_narrows(kn: tuple[int, int]) -> None:
    k, n = kn
    low, high = wilson(k, n)
    assert 0 <= low <= (k / n if n else 0.5) <= high <= 1
    wider_low, wider_high = wilson(10 * k, 10 * n)
    assert wider_high - wider_low <= high - low + 1e-12
