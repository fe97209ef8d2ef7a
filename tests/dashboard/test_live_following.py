"""The followed channels: everything once, what was written is read, and a broker that is away is said and waited for."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from running_dashboard import an_alert, publish

from streamwatch import broker, channels
from streamwatch.channels import channel
from streamwatch.config import Settings, load
from streamwatch.dashboard.live.channels import FollowedChannels
from streamwatch.embedded import Tansu, embedded_settings
from streamwatch.errors import BrokerUnavailable, ConfigError
from streamwatch.records import RuleEdit, Verdict
from streamwatch.timeline import from_ms

REDIS = "redis://127.0.0.1:1/0"
"""No Redis is asked for anything."""


@pytest.fixture
def own_broker() -> Iterator[Tansu]:
    """A broker that is stopped and goes on."""
    with Tansu() as server:
        yield server


def opened(settings: Settings) -> FollowedChannels:
    """Channels of a new deployment, read to their end."""
    channels.create(settings)
    found = FollowedChannels(settings)
    found.start()
    until(lambda: found.ready)
    return found


def until(happened: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait for something that comes soon."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def verdict(alert: str, by: str = "ana") -> Verdict:
    """A verdict."""
    return Verdict(alert=alert, true=True, made_by=by, made_at=from_ms(0))


def test_what_was_written_is_read_when_the_write_is_over(settings: Settings) -> None:
    followed = opened(settings)
    try:

        async def write() -> None:
            for n in range(20):
                await followed.publish("decisions", verdict(f"a{n}"))
                assert followed.decisions.verdict(f"a{n}") is not None

        asyncio.run(write())
        with pytest.raises(ConfigError, match="not written"):
            asyncio.run(followed.publish("decisions", verdict("a", by="")))
    finally:
        followed.close()


def test_each_alert_has_its_newest_revision_and_its_timeline(settings: Settings) -> None:
    followed = opened(settings)
    try:
        revisions = [an_alert(revision=n) for n in (1, 2, 2, 4, 3)]
        publish(settings, "alerts", revisions)
        until(lambda: len(followed.revisions("a1b2c3d4e5f6")) == 4)
        assert followed.alerts["a1b2c3d4e5f6"].revision == 4
        assert [one.revision for one in followed.revisions("a1b2c3d4e5f6")] == [1, 2, 3, 4]
        before = followed.alerts
        publish(settings, "alerts", [msgspec.structs.replace(an_alert(), id="other")])
        until(lambda: "other" in followed.alerts)
        assert list(before) == ["a1b2c3d4e5f6"], "what was read stays as it was"
        producer = broker.producer(settings)
        producer.send(channel(settings, "alerts"), key=b"other", value=None).get(10)
        producer.close()
        until(lambda: list(followed.alerts) == ["a1b2c3d4e5f6"])
    finally:
        followed.close()


def test_of_edits_from_the_same_revision_all_readers_take_the_first(settings: Settings) -> None:
    followed = opened(settings)
    other = FollowedChannels(settings)
    other.start()
    try:
        edits = [
            RuleEdit(id=f"e{n}", name="banks", revision=1, based_on=0, text="…", made_by=f"p{n}", made_at=from_ms(0))
            for n in range(8)
        ]

        async def write() -> list[bool]:
            async def one(n: int) -> bool:
                where = (followed, other)[n % 2]
                await where.publish("decisions", edits[n])
                return where.decisions.rule_edits.has_taken(edits[n])

            return await asyncio.gather(*(one(n) for n in range(8)))

        taken = asyncio.run(write())
        assert sum(taken) == 1
        winner = edits[taken.index(True)]
        for one in (followed, other):
            assert one.decisions.rule_edits.rule("banks") == winner
    finally:
        followed.close()
        other.close()


def test_a_broker_that_is_away_is_said_and_what_was_missed_is_read_when_it_is_back(own_broker: Tansu) -> None:
    mine = load(prefix=f"f{secrets.token_hex(4)}-", connect_timeout_s=5, **embedded_settings(own_broker.url, REDIS))
    followed = opened(mine)
    try:
        asyncio.run(followed.publish("decisions", verdict("before")))
        assert own_broker.pid is not None
        os.kill(own_broker.pid, signal.SIGSTOP)
        try:
            until(lambda: followed.broken, 30)
            assert followed.lag_s > 1
            assert followed.decisions.verdict("before") is not None, "what was folded stays"
            with pytest.raises(BrokerUnavailable):
                asyncio.run(followed.publish("decisions", verdict("meanwhile")))
        finally:
            os.kill(own_broker.pid, signal.SIGCONT)
        until(lambda: not followed.broken, 30)
        asyncio.run(followed.publish("decisions", verdict("after")))
        assert followed.decisions.verdict("after") is not None
        until(lambda: followed.lag_s < 3)
    finally:
        followed.close()


def test_dead_letters_are_read_from_near_their_end_and_keep_little(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamwatch.codec import encode
    from streamwatch.dashboard.live import following
    from streamwatch.records import DeadLetter

    monkeypatch.setattr(following, "MOST_TAIL", 3)
    first = opened(settings)
    first.close()
    producer = broker.producer(settings)
    for n in range(9):
        letter = DeadLetter(
            reason="wrong_type", source_channel="news", source_partition=0, source_offset=n, observed_ms=0,
            length_bytes=5000, sha256="0" * 64, raw=b"x" * 5000,
        )  # fmt: skip
        producer.send(channel(settings, "dead-letter"), value=encode(letter)).get(10)
    producer.close()
    followed = FollowedChannels(settings)
    followed.start()
    try:
        until(lambda: followed.ready)
        until(lambda: len(followed.dead_letters) == 3)
        assert [one.letter.source_offset for one in followed.dead_letters] == [6, 7, 8]
        assert all(len(one.letter.raw) == 512 and one.raw_is_whole for one in followed.dead_letters)
    finally:
        followed.close()
