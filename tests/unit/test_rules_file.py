"""The rules file: examples that are taken, examples that are refused and are named by their fault, and its round trip."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.config import Settings
from streamwatch.errors import ConfigError
from streamwatch.rules.durations import LONGEST_MS, format_duration, parse_duration
from streamwatch.rules.faults import RulesError
from streamwatch.rules.glob import covers, matches
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.reading import EXAMPLE, GROUPING_KEYS, INHIBIT_KEYS, RULE_KEYS, read_rules
from streamwatch.rules.rule import KINDS, RULE_KINDS, Rule
from streamwatch.rules.rule_set import Grouping, Inhibition, RuleSet, default_rules
from streamwatch.rules.writing import write_rules

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"
FOLDER = Path(__file__).parent / "rules"
GOOD = sorted((FOLDER / "good").glob("*.yml"))
BAD = sorted((FOLDER / "bad").glob("*.yml"))

REFUSED = {
    "alias": "2: anchors are not taken (`&first`)",
    "author-share-above-1": "4: `max_author_share`: 50 is above 1",
    "bomb": "4: anchors are not taken (`&a`)",
    "budget-as-text": "4: `false_alarms_per_week`: '1' is no number",
    "budget-infinite": "4: `false_alarms_per_week`: '.inf' is no number",
    "budget-negative": "4: `false_alarms_per_week`: -1 is not above 0",
    "budget-not-a-number": "4: `false_alarms_per_week`: '.nan' is no number",
    "budget-of-zero": "4: `false_alarms_per_week`: 0 is not above 0",
    "budget-overflows": "4: `false_alarms_per_week`: 1.0e+999 is above 10080",
    "control-character": "3: character 7 is not allowed",
    "duplicate-key": "4: duplicate key `name`: it stands in line 2 too",
    "duplicate-pattern": "6: `series`: 'all' stands twice in the list",
    "duplicate-rule": "4: duplicate rule `a`: it stands in line 2 too",
    "duration-in-words": "4: `keep_firing_for`: 'half an hour' is no duration such as 45s, 30m, 2h or 1d",
    "duration-negative": "4: `for`: '-5m' is no duration such as 45s, 30m, 2h or 1d",
    "duration-of-years": "4: `max_firing`: '9999d' is longer than 366d",
    "duration-too-short": "4: `max_firing`: 30s is shorter than 1m",
    "duration-without-unit": "4: `for`: '300' is no duration such as 45s, 30m, 2h or 1d",
    "empty-series": "3: `series`: the list is empty",
    "empty": "1: empty: a rules file begins with `rules:`",
    "for-longer-than-max-firing": "4: `for` is not shorter than `max_firing`: such an alert could not end as recovered",
    "half-written": "4: expected ',' or ']', but got '<stream end>'",
    "inhibition-without-target": "3: `inhibit`: an inhibition without `target`",
    "kind-of-series-alone": "3: `series`: 'source' is a kind of series: `source:*` is all of them",
    "ticker-in-lower-case": "5: `series`: no series is called 'ticker:msft': what is written so is `entity:msft`",
    "entity-that-is-a-ticker": "3: `series`: no series is called 'entity:IBM': what is written so is `ticker:IBM`",
    "label-is-a-number": "4: `version`: '1.10' is read as float: quote it",
    "label-is-empty": "4: `team`: a value is missing",
    "label-key-is-a-truth": "4: key 'on' is read as bool: quote it",
    "label-with-a-line-break": "4: `team`: 'a\\nb' is not 1 to 1024 printable characters",
    "labels-as-a-list": "4: `labels`: a mapping of names and texts is expected",
    "list-at-the-top": "1: a mapping of keys and values is expected",
    "merge-key": "3: key '<<' is read as merge: quote it",
    "name-is-a-number": "2: `name`: '2024' is read as int: quote it",
    "name-with-a-slash": "2: `name`: 'a/b' is no name: up to 64 letters, digits, _ . - are",
    "no-name": "2: a rule without `name`: its alerts are told by it",
    "no-rules": "1: `rules`: a list of at least one rule is expected",
    "no-series": "2: a rule without `series`: it would watch nothing",
    "norway": "6: `country`: 'no' is read as bool: quote it",
    "not-utf-8": "3: byte 0xe9 is not UTF-8",
    "only-comments": "1: empty: a rules file begins with `rules:`",
    "pattern-covered-by-its-except": "3: `ticker:SPY` can never match: the rule's own `except` covers it",
    "pattern-not-quoted": "3: expected alphabetic or numeric character, but found '\\n' (quote a pattern that begins with *)",
    "pattern-of-no-series": "3: `series`: no series is called 'tickers:*': did you mean `ticker`?",
    "pattern-owned-by-an-earlier-rule": "7: `ticker:AAPL` can never match: `a` before it owns it all (first match wins)",
    "rules-as-a-mapping": "2: `rules`: a list of at least one rule is expected",
    "rules-missing": "2: `rules` is missing: nothing would be watched",
    "series-with-a-space": "4: `series`: one value is expected and not a mapping: no space after the colon of a series",
    "drift-of-a-ticker": "3: `ticker:*` can never match: drift is about `all` and about topics",
    "stalled-is-no-kind-of-a-rule": "4: `kinds`: `stalled` is not known: there are negative_share, negative_volume, drift",
    "tab": "3: a tab: YAML is indented with spaces",
    "tag": "2: tags are not taken (`tag:yaml.org,2002:python/object/apply:os.system`)",
    "too-deep": "1: nested too deeply",
    "truth-in-words": "3: `enabled`: 'maybe' is not true or false",
    "two-documents": "2: one document is expected, and here begins another",
    "unknown-key-at-the-top": "1: `rule` is no key of a rules file: did you mean `rules`?",
    "unknown-key-of-grouping": "3: `overlapp` is no key of grouping: did you mean `overlap`?",
    "unknown-key": "4: `fro` is no key of a rule: did you mean `for`?",
    "unknown-kind": "4: `kinds`: `negative_shares` is not known: did you mean `negative_share`?",
    "unknown-severity": "4: `severity`: `high` is not known: there are auto, info, warning, critical",
    "whole-number-with-a-fraction": "4: `min_texts`: '5.5' is no whole number",
    "unclear-named-twice": "5: `topic:unclear` can never match: `a` before it owns it all (first match wins)",
}
"""What is said of each bad example, after the name of the file: the line and the fault."""


def rules(text: str, **settings: object) -> RuleSet:
    """The rules of a text."""
    return read_rules(text, Settings.model_construct(**settings))


# -- examples


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_example_is_taken_and_written_and_read_again(path: Path) -> None:
    found = read_rules(path.read_bytes(), name=path.name)
    again = read_rules(write_rules(found), Settings.model_construct(false_alarms_per_week=99.0, max_series=9))
    assert again == found
    assert again.digest == found.digest


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_example_is_refused_in_one_line_with_its_line(path: Path) -> None:
    with pytest.raises(RulesError) as refused:
        read_rules(path.read_bytes(), name=path.name)
    assert str(refused.value) == f"{path.name}:{REFUSED[path.stem]}"
    assert isinstance(refused.value, ConfigError)
    assert "\n" not in str(refused.value)


def test_every_bad_example_has_its_words() -> None:
    assert {path.stem for path in BAD} == set(REFUSED)


def test_all_faults_are_told_each_with_its_line() -> None:
    with pytest.raises(RulesError) as refused:
        rules("rules:\n  - {name: a, series: all, for: 5}\n  - name: b\n    sries: all\n    severity: high\n")
    assert [line.split(":")[1] for line in refused.value.lines] == ["2", "4", "5"]
    assert str(refused.value).endswith("(and 2 more: streamwatch rules check rules.yml)")


def test_the_example_that_is_shipped_uses_every_key() -> None:
    assert all(f"{key}:" in EXAMPLE for key in RULE_KEYS)
    assert read_rules(EXAMPLE).false_alarms_per_week == 2


def test_the_page_holds_the_example_and_says_what_every_key_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"```yaml\n{EXAMPLE}```" in page
    assert all(f"| `{key}` |" in page for key in RULE_KEYS)
    assert all(f"`{key}`" in page for key in (*GROUPING_KEYS, *INHIBIT_KEYS))


# -- who owns what


def test_the_first_rule_that_matches_owns_a_series_for_each_kind() -> None:
    found = read_rules(EXAMPLE)
    owners = {
        (series, kind): rule.name if (rule := found.rule_for(series, kind)) else None
        for series in ("ticker:BRWK", "ticker:AAPL", "ticker:SPY", "topic:recall")
        for kind in KINDS
    }
    assert owners == {
        ("ticker:BRWK", "negative_share"): "own-brand",
        ("ticker:BRWK", "negative_volume"): "own-brand",
        ("ticker:AAPL", "negative_share"): "companies",
        ("ticker:AAPL", "negative_volume"): "everything-else",
        ("ticker:SPY", "negative_share"): "everything-else",
        ("ticker:SPY", "negative_volume"): "everything-else",
        ("topic:recall", "negative_share"): "everything-else",
        ("topic:recall", "negative_volume"): "everything-else",
    }


def test_a_series_that_no_rule_names_is_not_tested() -> None:
    found = rules("rules: [{name: a, series: 'ticker:*'}]")
    assert found.rule_for("topic:recall", "negative_share") is None
    assert found.rule_for("ticker:A", "stalled") is None


def test_what_is_about_no_topic_is_tested_only_where_it_is_named() -> None:
    by_default = default_rules(Settings())
    assert [by_default.rule_for("topic:unclear", kind) for kind in KINDS] == [None, None]
    assert by_default.rule_for("topic:unclear skies", "negative_share") is not None
    wide, named = Rule("wide", series=("*", "topic:*")), Rule("named", series=("topic:unclear",))
    assert RuleSet((wide,)).rule_for("topic:unclear", "negative_share") is None
    assert RuleSet((wide, named)).rule_for("topic:unclear", "negative_share") == named
    assert Rule("not", series=("topic:unclear",), except_series=("topic:*",)).owns("topic:unclear", KINDS[0]) is False


def test_the_order_decides_and_case_matters() -> None:
    found = rules("rules: [{name: a, series: 'ticker:A*'}, {name: b, series: 'ticker:*'}]")
    assert [found.rule_for(f"ticker:{name}", "negative_share").name for name in ("AB", "aB")] == ["a", "b"]  # type: ignore[union-attr]


# -- the budget


def test_rules_without_a_budget_share_that_of_the_settings() -> None:
    text = "rules: [{name: a, series: 'ticker:*'}, {name: b, series: all}, {name: c, series: 'topic:*', %s}]"
    found = rules(text % "false_alarms_per_week: 3", false_alarms_per_week=1.0)
    assert [rule.false_alarms_per_week for rule in found.rules] == [0.5, 0.5, 3.0]
    assert rules(text % "for: 0s", false_alarms_per_week=1.0).false_alarms_per_week == pytest.approx(1.0)


def test_without_a_file_one_rule_has_the_settings() -> None:
    found = default_rules(Settings.model_construct(false_alarms_per_week=2.0, max_series=50, keep_firing_s=60))
    (rule,) = found.rules
    assert (rule.name, rule.series, rule.kinds, rule.severity) == ("default", ("*",), RULE_KINDS, "auto")
    assert (rule.false_alarms_per_week, rule.max_series, rule.keep_firing_for_ms) == (2.0, 50, 60_000)
    assert read_rules(write_rules(found)) == found


# -- what keeps what quiet


def test_by_default_a_series_keeps_its_containers_quiet_and_not_the_reverse() -> None:
    found = default_rules(Settings.model_construct())
    assert found.inhibits("ticker:AAPL", "all") and found.inhibits("topic:recall", "source:wire")
    assert not found.inhibits("all", "ticker:AAPL")
    assert not found.inhibits("source:wire", "all")
    assert not found.inhibits("ticker:AAPL", "topic:recall")


def test_an_empty_list_inhibits_nothing_and_a_series_never_itself() -> None:
    assert not rules("rules: [{name: a, series: all}]\ninhibit: []").inhibits("topic:a", "all")
    assert not Inhibition(("*",), ("*",)).applies("all", "all")


# -- the digest and the history


def test_the_digest_is_of_what_is_decided_and_not_of_the_layout() -> None:
    one = rules("rules:\n  - name: a # first\n    series: [all]\n    labels: {x: a, y: b}\n")
    same = rules("rules: [{labels: {y: b, x: a}, series: all, name: a, for: 0s}]")
    other = rules("rules: [{labels: {y: b, x: a}, series: all, name: a, for: 1s}]")
    assert one.digest == same.digest != other.digest


def test_history_gives_the_rules_that_held_in_whichever_order_changes_are_told() -> None:
    sets = [RuleSet((Rule(name),)) for name in ("a", "b", "c")]
    changes = list(zip(sets, (0, 20_000, 50_000), strict=True))
    for order in (changes, changes[::-1], [changes[1], changes[2], changes[0]]):
        history = RuleHistory()
        for rule_set, at_ms in order:
            history = history.changed(rule_set, at_ms)
        assert [history.at(ms) for ms in (0, 10_000, 20_000, 40_000, 50_000)] == [
            sets[0], sets[0], sets[1], sets[1], sets[2],
        ]  # fmt: skip
        assert history.next_change_after(20_000) == 50_000
        assert history.next_change_after(50_000) is None


def test_a_change_of_the_same_moment_is_replaced() -> None:
    old, new = RuleSet((Rule("a"),)), RuleSet((Rule("b"),))
    assert RuleHistory().changed(old, 10_000).changed(new, 10_000).changes == ((10_000, new),)


# -- properties

NAMES = st.text("abc:*", max_size=8)
NAMED = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)
WORDS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=20).filter(str.isprintable)
PATTERNS = st.builds("{}:{}".format, st.sampled_from(["topic", "source"]), WORDS)
DURATIONS = st.integers(0, LONGEST_MS)


def by_hand(pattern: str, name: str) -> bool:
    """The definition: exponential, and right."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(by_hand(pattern[1:], name[i:]) for i in range(len(name) + 1))
    return bool(name) and name[0] == pattern[0] and by_hand(pattern[1:], name[1:])


@given(NAMES, st.text("abc:", max_size=8))
def test_a_pattern_matches_what_its_definition_says(pattern: str, name: str) -> None:
    assert matches(pattern, name) == by_hand(pattern, name)


@given(NAMES, NAMES, st.lists(st.text("abcd:", max_size=3), min_size=8, max_size=8))
def test_what_covers_a_pattern_matches_all_that_the_pattern_matches(wide: str, narrow: str, fills: list[str]) -> None:
    parts = narrow.split("*")
    name = "".join(part + fill for part, fill in zip(parts, [*fills[: len(parts) - 1], ""], strict=True))
    assert matches(narrow, name)
    assert not covers(wide, narrow) or matches(wide, name)


@given(DURATIONS)
def test_a_duration_is_written_and_read_again(duration_ms: int) -> None:
    assert parse_duration(format_duration(duration_ms)) == duration_ms


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    """Rules that a file may hold."""
    names = draw(st.lists(NAMED, min_size=1, max_size=4, unique=True))
    made = [
        Rule(
            name,
            series=(f"topic:{i}",) if draw(st.booleans()) else (f"ticker:{i}*", "all")[: 1 + (i == 0)],
            except_series=tuple(draw(st.lists(PATTERNS.filter(lambda p: "*" not in p), max_size=2, unique=True))),
            kinds=draw(st.sampled_from([RULE_KINDS, KINDS, KINDS[:1], RULE_KINDS[2:]])),
            false_alarms_per_week=draw(st.floats(1e-6, 10_000)),
            max_author_share=draw(st.floats(0.01, 1)),
            for_ms=draw(st.integers(0, 59_999)),
            severity=draw(st.sampled_from(["auto", "info", "critical"])),
            labels=draw(st.dictionaries(NAMED, WORDS, max_size=3)),
            routes=tuple(draw(st.lists(NAMED, max_size=2, unique=True))),
        )
        for i, name in enumerate(names)
    ]
    inhibit = tuple(
        Inhibition((one,), (other,)) for one, other in draw(st.lists(st.tuples(PATTERNS, PATTERNS), max_size=2))
    )
    return RuleSet(tuple(made), Grouping(draw(st.booleans()), draw(st.floats(0.01, 1)), draw(DURATIONS)), inhibit)


@given(rule_sets())
def test_rules_are_written_and_read_again(found: RuleSet) -> None:
    try:
        again = read_rules(write_rules(found))
    except RulesError as error:
        assert "`except` covers it" in str(error) or "drift is about" in str(error)
        return
    assert again == found
    assert again.digest == found.digest


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_whatever_stands_in_a_file_is_rules_or_a_config_error(raw: bytes | str) -> None:
    try:
        read_rules(raw)
    except RulesError as error:
        assert "\n" not in str(error)


def test_a_rule_of_drift_alone_takes_nothing_of_the_budget() -> None:
    text = "rules: [{name: moved, series: 'topic:*', kinds: [drift]}, {name: rest, series: '*'}]"
    rules = read_rules(text, Settings(false_alarms_per_week=7))
    assert rules.false_alarms_per_week == 7 and rules.rules[1].false_alarms_per_week == 7
    assert rules.rule_for("topic:ipo", "drift").name == "moved"  # type: ignore[union-attr]
    assert rules.rule_for("topic:ipo", "negative_share").name == rules.rule_for("all", "drift").name == "rest"  # type: ignore[union-attr]


def test_a_rule_of_names_alone_shares_its_budget_with_no_series_that_it_cannot_own():
    rules = read_rules(
        "rules:\n"
        "  - {name: one, series: [ticker:BRWK]}\n"
        "  - {name: two, series: [ticker:JPM, ticker:BAC], max_series: 7}\n"
        "  - {name: rest, series: '*'}\n",
        Settings.model_construct(max_series=50),
    )
    assert [rule.max_series for rule in rules.rules] == [1, 7, 50]
