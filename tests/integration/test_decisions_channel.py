"""The channel `decisions` on both brokers: it alone holds what people decided, and every reader folds the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from streamwatch import channels
from streamwatch.agents.context import Context
from streamwatch.agents.decisions import DecisionLog
from streamwatch.agents.offsets import GroupOffsets
from streamwatch.agents.promotions import PromotionsKeeper
from streamwatch.agents.rules import RulesKeeper
from streamwatch.agents.sender import KafkaSender
from streamwatch.alerting.evaluator import Evaluator
from streamwatch.channels import channel
from streamwatch.commands.promotion_log import tell
from streamwatch.config import Settings
from streamwatch.decisions.promotion import promotion
from streamwatch.decisions.rules_change import change_needed
from streamwatch.decisions.silencing import expired, new_silence
from streamwatch.decisions.view import Decisions
from streamwatch.detection.shift import UNMEASURED, Shift
from streamwatch.detection.versions import Table, code_of
from streamwatch.errors import ConfigError
from streamwatch.records import Acknowledgement, Matchers, Silence, Verdict
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.rule import Rule
from streamwatch.rules.rule_set import RuleSet
from streamwatch.timeline import from_ms
from streamwatch.trends.entry import Entry

NOW_MS = 1_741_700_400_000
OLD, NEW = RuleSet((Rule("old"),)), RuleSet((Rule("new"),))


@asynccontextmanager
async def decision_log(settings: Settings) -> AsyncIterator[tuple[DecisionLog, KafkaSender]]:
    """A reader and its sender, as a worker has them."""
    redis = Redis.from_url(settings.redis)
    context = Context(settings, redis)
    offsets, sender = GroupOffsets(context), KafkaSender(context)
    log = DecisionLog(context, offsets, sender)
    for part in (offsets, sender, log):
        await part.start()
    try:
        yield log, sender
    finally:
        for part in (log, sender, offsets, redis):
            await (part.aclose() if isinstance(part, Redis) else part.stop())


def silence(comment: str = "") -> Silence:
    """Two hours of quiet about tickers."""
    return new_silence(
        Matchers(series=("ticker:*",)),
        starts_ms=NOW_MS,
        ends_ms=NOW_MS + 7_200_000,
        now_ms=NOW_MS,
        made_by="ana",
        comment=comment,
    )


def told(decisions: Decisions) -> tuple[object, ...]:
    """All that a view can say."""
    return (
        decisions.silences,
        decisions.acknowledgement("a1"),
        decisions.verdict("a1"),
        decisions.verdict("a2"),
        decisions.rule_history,
        decisions.rules_changes,
    )


async def decide(log: DecisionLog) -> None:
    """Some decisions, some of them changed later."""
    by = {"made_by": "ana", "made_at": from_ms(NOW_MS)}
    for rules, bucket_ms in ((OLD, 0), (NEW, 60_000)):
        change = change_needed(
            log.decisions.rule_history, rules, next_bucket_ms=bucket_ms, made_by="worker", now_ms=NOW_MS
        )
        assert change is not None
        await log.publish(change)
    one = silence()
    for decision in (
        one,
        silence("another"),
        Acknowledgement(alert="a1", **by),
        Verdict(alert="a1", true=True, **by),
        Verdict(alert="a1", true=False, **by),
        Verdict(alert="a2", true=True, **by),
        Verdict(alert="a2", true=True, retracted=True, **by),
        expired(one, NOW_MS + 1000, "ben"),
    ):
        await log.publish(decision)


async def wipe_redis(settings: Settings) -> None:
    """Every key of this deployment is gone."""
    async with Redis.from_url(settings.redis) as redis:
        async for key in redis.scan_iter(match=f"*{settings.prefix}*"):
            await redis.delete(key)


def test_a_wiped_redis_loses_nothing_that_people_decided(settings: Settings) -> None:
    channels.create(settings)

    async def scenario() -> None:
        async with decision_log(settings) as (log, _):
            await decide(log)
            before = told(log.decisions)
        await wipe_redis(settings)
        async with decision_log(settings) as (again, _):
            assert told(again.decisions) == before
            assert again.decisions.rule_history.changes == ((0, OLD), (60_000, NEW))
            verdict = again.decisions.verdict("a1")
            assert verdict is not None and not verdict.true
            assert again.decisions.verdict("a2") is None
            assert [one.expired_by for one in again.decisions.silences if one.comment == ""] == ["ben"]

    asyncio.run(scenario())


def test_another_worker_sees_a_change_before_its_next_step(settings: Settings) -> None:
    channels.create(settings)

    async def scenario() -> None:
        async with decision_log(settings) as (first, _), decision_log(settings) as (second, _):
            await decide(first)
            assert second.decisions.rule_history.at(0) is None
            await second.catch_up()
            assert told(second.decisions) == told(first.decisions)

    asyncio.run(scenario())


class Clock:
    """Seconds that pass when they are told to: far enough for a look at the file each time it is asked."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 5.0
        return self.now


def names(history: RuleHistory) -> list[tuple[int, str]]:
    """The first rule's name by the bucket from which it decides."""
    return [(at_ms, rules.rules[0].name) for at_ms, rules in history.changes]


def keeper(settings: Settings, log: DecisionLog, path: Path | None = None) -> RulesKeeper:
    """A worker's rules, with `path` as its file."""
    with_file = settings.model_copy(update={"rules": str(path)}) if path else settings
    return RulesKeeper(Context(with_file, None), log, Clock())  # type: ignore[arg-type]


def test_a_changed_file_decides_from_the_next_bucket_on_and_a_bad_one_changes_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    channels.create(settings)
    path = tmp_path / "rules.yml"
    path.write_text("rules: [{name: first, series: all}]")

    async def scenario() -> None:
        async with decision_log(settings) as (log, _):
            rules = keeper(settings, log, path)
            assert names(await rules.refresh()) == [(0, "first")]
            path.write_text("rules: [{name: second, series: all}]")
            for expected in ([(0, "first")], [(0, "first"), (70_000, "second")], [(0, "first"), (70_000, "second")]):
                await rules.look(70_000)
                assert names(rules.history) == expected
            path.write_text("rules: [{name: third, series: ")
            for _ in range(3):
                await rules.look(80_000)
            assert names(rules.history)[-1] == (70_000, "second")
        await wipe_redis(settings)
        async with decision_log(settings) as (log, _):  # a restart while the file is bad: the old rules hold
            rules = keeper(settings, log, path)
            assert names(await rules.refresh()) == [(0, "first"), (70_000, "second")]
            for _ in range(3):
                await rules.look(80_000)
            path.write_text("rules: [{name: mended, series: all}]")
            for _ in range(2):
                await rules.look(90_000)
            assert names(rules.history)[-1] == (90_000, "mended")

    asyncio.run(scenario())


def test_a_worker_that_gets_the_lease_back_does_not_bring_back_old_rules(
    tansu_settings: Settings, tmp_path: Path
) -> None:
    channels.create(tansu_settings)
    path = tmp_path / "rules.yml"
    path.write_text("rules: [{name: first, series: all}]")

    async def scenario() -> None:
        async with decision_log(tansu_settings) as (one, _), decision_log(tansu_settings) as (other, _):
            mine, theirs = keeper(tansu_settings, one, path), keeper(tansu_settings, other, path)
            await mine.refresh()
            await mine.look(10_000)
            path.write_text("rules: [{name: second, series: all}]")
            await theirs.refresh()
            for _ in range(2):
                await theirs.look(20_000)
            await mine.refresh()
            for _ in range(3):
                await mine.look(30_000)
            assert names(mine.history) == [(0, "first"), (20_000, "second")]

    asyncio.run(scenario())


def test_without_a_file_the_settings_are_the_rules_and_a_bad_file_stops_the_first_start(
    tansu_settings: Settings, tmp_path: Path
) -> None:
    channels.create(tansu_settings)

    async def scenario() -> None:
        async with decision_log(tansu_settings) as (log, _):
            with pytest.raises(ConfigError, match="cannot be read"):
                await keeper(tansu_settings, log, tmp_path / "nowhere.yml").refresh()
            assert names(await keeper(tansu_settings, log).refresh()) == [(0, "default")]
            bolder = keeper(tansu_settings.model_copy(update={"false_alarms_per_week": 5.0}), log)
            await bolder.look(90_000)
            assert [(at_ms, rules.false_alarms_per_week) for at_ms, rules in bolder.history.changes] == [
                (0, 7.0), (90_000, 5.0),
            ]  # fmt: skip

    asyncio.run(scenario())


def test_what_is_no_decision_is_said_and_passed_over(
    tansu_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    channels.create(tansu_settings)
    topic = channel(tansu_settings, "decisions")

    async def scenario() -> None:
        async with decision_log(tansu_settings) as (log, sender):
            for value in (b"{broken", b'{"schema":"vote.v1"}', b'{"schema":"verdict.v1"}', b"[]"):
                await sender._send(topic, b"verdict/a1", value)
            await log.publish(Verdict(alert="a1", true=True, made_by="ana", made_at=from_ms(NOW_MS)))
            assert log.decisions.verdict("a1") is not None

    asyncio.run(scenario())
    assert sum("is none of ours" in record.message for record in caplog.records) == 4


def test_a_tombstone_forgets_its_key_but_no_rules() -> None:
    decisions = Decisions()
    decisions.apply(silence())
    decisions.apply_message(f"silence/{silence().id}".encode(), None)
    assert decisions.silences == []
    change = change_needed(decisions.rule_history, OLD, next_bucket_ms=0, made_by="worker", now_ms=NOW_MS)
    assert change is not None
    decisions.apply(change)
    decisions.apply_message(b"rules/0", None)
    assert decisions.rule_history.at(0) == OLD


def test_a_promotion_is_told_before_its_documents_and_only_once(settings: Settings) -> None:
    channels.create(settings)
    up, down = (Table(Shift(by, 0.1, by, 0.1, 0.0, 0.1)) for by in (0.5, -0.5))
    first, again = (
        promotion("m+1", "m+2", table, n_documents=2000, made_by="gate", made_at_ms=NOW_MS) for table in (up, down)
    )
    assert tell(settings, first)
    assert not tell(settings, again)

    async def scenario() -> None:
        async with decision_log(settings) as (log, _):
            evaluator, keeper = Evaluator(settings), PromotionsKeeper(log)
            versions = [code_of(name) for name in ("m+1", "m+2", "m+3")]
            for version in versions:
                await keeper.meet(evaluator, [(0, [Entry("t", "neutral", ("all",), "", 0, 0, model=version)])])
            assert keeper.versions.between("all", *versions[:2]).log_odds == 0.5
            assert keeper.versions.between("all", *versions[1:]) == UNMEASURED
        async with decision_log(settings) as (log, _):
            assert [one.n_documents for one in log.decisions.promotions] == [2000, 0]

    asyncio.run(scenario())
