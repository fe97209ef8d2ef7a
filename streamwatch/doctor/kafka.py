"""The broker, its channels, and how far the consumer groups are behind."""

from collections.abc import Iterator

from kafka.errors import KafkaError

from streamwatch import broker, channels
from streamwatch.channels import SOURCES, channel
from streamwatch.config import Settings
from streamwatch.doctor.finding import Finding, fail, ok, warn
from streamwatch.doctor.lag import check_lag
from streamwatch.doctor.patience import patient
from streamwatch.doctor.retention import check_retention
from streamwatch.errors import BrokerUnavailable, FatalError

MAKE = "streamwatch channels create"


def check_broker(settings: Settings) -> Iterator[Finding]:
    """It answers; the channels are there; their ends can be read; the groups are near them.

    What cannot be looked at because something before it is missing is left out.
    """
    settings = patient(settings)
    try:
        there = _partitions(settings)
    except (BrokerUnavailable, FatalError, KafkaError) as error:
        yield _unreachable(settings, error)
        return
    yield ok("broker", f"{settings.broker} answers")
    findings = list(_channel_findings(settings, there))
    yield from findings
    if all(finding.status != "fail" for finding in findings):
        yield from _reading(settings, there)


def _partitions(settings: Settings) -> dict[str, int]:
    """The partitions of every channel by full name, 0 where there is no such channel."""
    names = [c.name for c in channels.layout(settings)]
    with broker.admin(settings) as admin:
        described = {t["name"]: len(t["partitions"]) for t in admin.describe_topics(names)}
    return {name: described.get(name, 0) for name in names}


def _unreachable(settings: Settings, error: Exception) -> Finding:
    if isinstance(error, BrokerUnavailable):
        saw = f"nobody answers at {settings.broker} within {settings.connect_timeout_s:g} s"
        return fail("broker", saw, "start it (docker compose up -d kafka), or set STREAMWATCH_BROKER")
    return fail("broker", str(error) or repr(error), "look into the broker's own log")


def _channel_findings(settings: Settings, there: dict[str, int]) -> Iterator[Finding]:
    """Missing channels; sources that `classified` cannot follow; other numbers than the settings'."""
    wanted = {c.name: c.partitions for c in channels.layout(settings)}
    missing = [name for name, n in there.items() if n == 0]
    if missing:
        yield fail("channels", f"missing: {', '.join(missing)}", MAKE)
    yield from _too_wide(settings, there)
    others = [
        f"{name} has {n} (the settings say {wanted[name]})" for name, n in there.items() if n not in (0, wanted[name])
    ]
    if others:
        yield warn("channels", f"other partitions: {', '.join(others)}", "set STREAMWATCH_PARTITIONS to what is there")
    if not missing and not others:
        yield ok("channels", f"all {len(there)} there, {settings.partitions} partitions in news, social and classified")


def _too_wide(settings: Settings, there: dict[str, int]) -> Iterator[Finding]:
    """A document is emitted in its source's partition number, so `classified` must have at least as many."""
    classified = channel(settings, "classified")
    for name in (channel(settings, source) for source in SOURCES):
        if there[classified] and there[name] > there[classified]:
            saw = f"{name} has {there[name]} partitions, {classified} only {there[classified]}"
            yield fail("channels", saw, f"give {classified} as many (kafka-topics --alter --partitions)")


def _reading(settings: Settings, there: dict[str, int]) -> Iterator[Finding]:
    """What needs the channels: how long they are kept, their ends, and the groups."""
    try:
        yield from check_retention(settings)
        yield from check_lag(settings, there)
    except (BrokerUnavailable, KafkaError) as error:
        yield fail(
            "lag", f"offsets cannot be read: {error!r}", "look into the broker's own log: has a partition no leader?"
        )
