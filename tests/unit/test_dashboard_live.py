"""The pure parts behind live pages: what events may say, where ids lie, how rules made by people stand beside the file's."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.backtest.here import Span
from streamwatch.codec import encode
from streamwatch.config import Settings
from streamwatch.dashboard.live.frames import EventId, frame, heartbeat, parse_id
from streamwatch.dashboard.live.telling import event_of
from streamwatch.dashboard.live.views import MOST_REVISIONS, Views, Written
from streamwatch.decisions.keyed import key_of
from streamwatch.decisions.rule_edits import RuleEdits
from streamwatch.decisions.view import Decisions
from streamwatch.errors import ConfigError
from streamwatch.following.alert_log import Once
from streamwatch.labelling.examples import answer
from streamwatch.records import Alert, ApiKey, Evidence, RuleEdit, Watchlist
from streamwatch.rules.faults import RulesError
from streamwatch.rules.joined import joined
from streamwatch.rules.reading import MAX_RULE_BYTES, MOST_RULES, read_rule, read_rules, read_written
from streamwatch.rules.rule import Rule
from streamwatch.rules.rule_set import RuleSet
from streamwatch.rules.writing import write_rules
from streamwatch.testing.event_reader import parse
from streamwatch.timeline import DAY_MS, from_ms

AT = from_ms(0)


def alert(**changes: Any) -> Alert:
    """An alert that fires."""
    usual = Alert(
        id="a1", revision=1, state="firing", rule="r", series="all", kind="negative_share", severity="info", onset=AT,
        at=AT, window_s=60, n=9, k=8, share=0.9, p0=0.3, p0_low=0.2, p0_high=0.4, k_expected=2.7, lift=3.0, score=1e6,
        threshold=1e5, evidence=Evidence(),
    )  # fmt: skip
    return msgspec.structs.replace(usual, **changes)


def edit(id_: str, based_on: int, **changes: Any) -> RuleEdit:
    """An edit of the rule `banks`."""
    usual = RuleEdit(
        id=id_, name="banks", revision=based_on + 1, based_on=based_on, text="…", made_by="ana", made_at=AT
    )
    return msgspec.structs.replace(usual, **changes)


def written(channel: str, record: Any, offset: int = 0) -> Written:
    """A record as it lies there."""
    key = key_of(record).encode() if channel == "decisions" else record.id.encode()
    return Written(channel, 0, offset, 0, key, encode(record))


# -- events


def test_events_say_nothing_of_keys_of_watchlists_or_of_what_an_answer_says() -> None:
    key = ApiKey(id="k1", name="x", role="admin", hash="0" * 64, made_by="ana", made_at=AT)
    mine = Watchlist(name="w", series=("all",), made_by="ana", made_at=AT)
    for record in (key, mine):
        assert event_of(written("decisions", record), Decisions(), Once(), now_ms=0) is None
    said = event_of(written("labels", answer("d1", "ana", topic="earnings")), Decisions(), Once(), now_ms=0)
    assert said is not None
    assert json.loads(said.data) == {"id": "d1", "labeller": "ana", "undone": False}


def test_of_edits_only_what_was_taken_is_told() -> None:
    decisions = Decisions()
    first, second = edit("e1", 0), edit("e2", 0)
    decisions.apply(first)
    decisions.apply(second)
    told = [event_of(written("decisions", one), decisions, Once(), now_ms=0) for one in (first, second)]
    assert told[0] is not None and told[1] is None


def test_a_revision_that_stands_in_the_channel_twice_is_told_once() -> None:
    once = Once()
    told = [event_of(written("alerts", alert(), n), Decisions(), once, now_ms=0) for n in (1, 2)]
    assert told[0] is not None and told[0].at == "alerts/0/1" and told[1] is None


@given(st.text(alphabet="0123456789abcdef", min_size=1, max_size=12), st.integers(0, 10**15), st.integers(0, 10**9))
def test_an_id_is_read_as_it_was_written(epoch: str, ms: int, number: int) -> None:
    found = EventId(epoch, ms, number)
    assert parse_id(str(found)) == found
    received = parse(frame("alert", b'{"a":1}', found).removesuffix(b"\n\n"))
    assert (received.event, received.id, received.data) == ("alert", str(found), '{"a":1}')
    assert parse(heartbeat(found).removesuffix(b"\n\n")).id == str(found)


@given(st.text(max_size=60))
def test_an_id_that_is_none_of_ours_is_none(text: str) -> None:
    found = parse_id(text)
    assert found is None or str(found) == text or text.startswith(found.epoch)


# -- views


def test_a_timeline_is_bounded_and_what_was_read_does_not_change() -> None:
    views = Views()
    views.apply(written("alerts", alert(revision=0)))
    before, timeline = views.alerts, views.revisions("a1")
    for n in range(1, MOST_REVISIONS + 10):
        views.apply(written("alerts", alert(revision=n), n))
    assert before["a1"].revision == 0 and [one.revision for one in timeline] == [0]
    assert views.alerts["a1"].revision == MOST_REVISIONS + 9
    assert [one.revision for one in views.revisions("a1")] == list(range(10, MOST_REVISIONS + 10))


def test_records_that_are_none_of_ours_are_left_out_and_a_tombstone_forgets() -> None:
    views = Views()
    views.apply(Written("alerts", 0, 0, 0, b"a0", b"no alert"))
    views.apply(written("alerts", alert(), 1))
    views.apply(Written("decisions", 0, 0, 0, b"x", b'{"schema":"vote.v1"}'))
    assert list(views.alerts) == ["a1"]
    views.apply(Written("alerts", 0, 2, 0, b"a1", None))
    assert views.alerts == {} and views.revisions("a1") == []


# -- rules made by people


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3), st.booleans()), max_size=30))
def test_in_any_order_revisions_grow_by_one_and_a_copy_changes_nothing(edits: list[tuple[str, int, bool]]) -> None:
    log = [edit(f"{id_}{based_on}", based_on, removed=removed) for id_, based_on, removed in edits]
    one, again = RuleEdits(), RuleEdits()
    for record in log:
        one.apply(record)
    for record in log:
        again.apply(record)
        again.apply(record)
    assert one.taken == again.taken
    assert [record.revision for record in one.taken] == list(range(1, len(one.taken) + 1))


def test_the_files_rules_come_first_and_what_is_made_here_cannot_take_from_them() -> None:
    file = read_rules("rules: [{name: first, series: 'ticker:*'}, {name: rest, series: '*'}]")
    found = joined(file, [Rule("late", series=("ticker:JPM",)), Rule("rest", series=("all",))], Settings())
    assert found.rules == file
    assert set(found.left_out) == {"late", "rest"}


def test_what_is_joined_can_be_written_and_read_again() -> None:
    here = [read_rule(f"name: r{n}\nseries: ['entity:a{n}', 'topic:*']") for n in range(3)]
    found = joined(None, here, Settings()).rules
    assert read_rules(write_rules(found)).digest == found.digest
    assert [rule.series for rule in found.rules[:3]] == [("entity:a0", "topic:*"), ("entity:a1",), ("entity:a2",)]


def test_more_rules_than_are_taken_are_left_out_and_said() -> None:
    here = [Rule(f"r{n}", series=(f"entity:e{n}",)) for n in range(MOST_RULES + 5)]
    found = joined(None, here, Settings())
    assert len(found.rules.rules) <= MOST_RULES and found.rules.rules[-1].name == "default"
    assert read_written(write_rules(found.rules), "all") == found.rules
    assert found.left_out
    assert all("too many rules" in why for why in found.left_out.values())


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "empty"),
        ("- {name: a, series: all}\n- {name: b, series: all}", 1, "2 rules"),
        ("name: a\nseries: all\nfro: 5m", 3, "did you mean `for`"),
        ("series: all", 1, "without `name`"),
        ("name: a\nseries: [ticker:X]\nexcept: ['ticker:*']", 2, "can never match"),
        ("x" * (MAX_RULE_BYTES + 1), 1, "more than"),
        ("name: &a a\nseries: all", 1, "anchors"),
    ],
    ids=["empty", "two", "unknown key", "no name", "its own except", "too large", "anchor"],
)
def test_a_rule_that_cannot_be_read_has_its_fault_at_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(RulesError) as refused:
        read_rule(text)
    assert refused.value.faults[0][0] == line
    assert said in refused.value.faults[0][1]


def test_a_rule_of_one_item_is_the_same_with_and_without_its_dash() -> None:
    assert read_rule("- name: a\n  series: all\n") == read_rule("name: a\nseries: all\n")


# -- backtests


def test_a_stream_of_old_dates_is_read_from_its_start_and_a_live_one_from_before_its_span() -> None:
    live = Span(30, until_ms=100 * DAY_MS, now_ms=100 * DAY_MS + 1000)
    old = Span(30, until_ms=100 * DAY_MS, now_ms=900 * DAY_MS)
    assert live.read_from_ms == 63 * DAY_MS and live.from_ms == 70 * DAY_MS
    assert old.read_from_ms is None and old.from_ms == 70 * DAY_MS


def test_a_rule_that_owns_nothing_is_not_tried() -> None:
    from streamwatch.backtest.here import try_rule

    with pytest.raises(ConfigError, match="own nothing"):
        try_rule(Settings(), RuleSet((Rule("a"),)), Rule("b"), Span(1, 0, 0), lambda done, total: None)
