"""The channel `decisions` for commands: folded from its start, and written to."""

import contextlib
import getpass
import time

import click
from kafka.errors import KafkaError

from streamwatch import broker
from streamwatch.channels import channel
from streamwatch.config import Settings
from streamwatch.decisions.view import Decisions
from streamwatch.decisions.writing import written
from streamwatch.errors import BrokerUnavailable, RejectError, RetryError
from streamwatch.following.channel_log import records
from streamwatch.records import AnyDecision

SEND_S = 30
FRESH_S = 2.0
"""How old the view of `alerts tail` may be when an alert comes: a silence of a moment ago counts soon enough."""


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def user() -> str:
    """Who decides, unless told otherwise: the account's name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such account in this container
        return "unknown"


def read_decisions(settings: Settings) -> Decisions:
    """All that was decided until now; a record that is none of ours is told on standard error.

    Raises `ConfigError` where there is no channel, `BrokerUnavailable`.
    """
    decisions = Decisions()
    for key, value in records(settings, "decisions", from_start=True, follow=False):
        try:
            decisions.apply_message(key, value)
        except RejectError as error:
            click.echo(f"streamwatch: a record that is no decision: {error}", err=True)
    return decisions


def publish(settings: Settings, decision: AnyDecision) -> None:
    """Write one decision and wait until all replicas have it.

    Raises `ConfigError` for one that nobody could read again (made by nobody, too long a comment), `BrokerUnavailable`.
    """
    key, value = written(decision)
    sender = broker.producer(settings)
    try:
        topic = channel(settings, "decisions")
        sender.send(topic, key=key, value=value).get(SEND_S)
    except KafkaError as error:
        raise BrokerUnavailable(f"the decision was not written: {error}") from error
    finally:
        sender.close()


class FreshDecisions:
    """The view for somebody who follows a channel for hours: read again when it is older than `FRESH_S`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._decisions = read_decisions(settings)
        self._read_at = time.monotonic()

    def now(self) -> Decisions:
        """The view, at most `FRESH_S` old; an older one while the broker does not answer."""
        if time.monotonic() - self._read_at > FRESH_S:
            with contextlib.suppress(RetryError):
                self._decisions = read_decisions(self._settings)
            self._read_at = time.monotonic()
        return self._decisions
