"""How far the consumer groups are behind the ends of what they read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition

from streamwatch import broker
from streamwatch.channels import SOURCES, channel
from streamwatch.config import Settings
from streamwatch.doctor.finding import Finding, fail, ok, warn

BEHIND = 10_000
"""Records: a second or two of a busy worker, which commits every second. A healthy group is seldom further behind."""


@dataclass(frozen=True)
class Group:
    """A consumer group: what is behind when it is, its name after the prefix, the channels it reads."""

    what: str
    suffix: str
    channels: tuple[str, ...]


GROUPS = (
    Group("classify", "streamwatch", SOURCES),
    Group("trends", "streamwatch-trends", ("classified",)),
)
"""The worker's groups. That of the trend writers shows their progress only: the truth is in Redis."""


def check_lag(settings: Settings, partitions: Mapping[str, int]) -> Iterator[Finding]:
    """One finding a group. `partitions` are those of the channels, by full name."""
    for group in GROUPS:
        names = [channel(settings, name) for name in group.channels]
        tps = [TopicPartition(name, p) for name in names for p in range(partitions[name])]
        committed, behind = _offsets(settings, f"{settings.prefix}{group.suffix}", tps)
        yield (_recreated(group, behind) or _finding(group, committed, behind))


def _offsets(settings: Settings, group: str, tps: list[TopicPartition]) -> tuple[dict[Any, int | None], dict[Any, int]]:
    """Committed offsets and what is left to read, by partition.

    Asked as the group itself, without joining it: a broker may not list the offsets of groups to others (Tansu).
    """
    timeout_ms = int(settings.connect_timeout_s * 1000)
    with broker.consumer(settings, group_id=group, enable_auto_commit=False) as client:
        start = client.beginning_offsets(tps, timeout_ms=timeout_ms)
        committed = {tp: client.committed(tp, timeout_ms=timeout_ms) for tp in tps}
    end = broker.end_offsets(settings, tps)
    behind = {tp: end[tp] - (start[tp] if committed[tp] is None else max(committed[tp], start[tp])) for tp in tps}
    return committed, behind


def _recreated(group: Group, behind: Mapping[Any, int]) -> Finding | None:
    """A group that has read further than its channel goes."""
    beyond = [f"{tp.topic}/{tp.partition}" for tp, left in behind.items() if left < 0]
    if not beyond:
        return None
    saw = f"{', '.join(beyond)}: the group has read further than the channel goes: it was made anew"
    return fail(f"lag {group.what}", saw, "streamwatch channels reset makes all channels and windows anew")


def _finding(group: Group, committed: Mapping[Any, int | None], behind: Mapping[Any, int]) -> Finding:
    check, n = f"lag {group.what}", sum(behind.values())
    if n and all(offset is None for offset in committed.values()):
        return warn(check, f"{n:,} records, and nobody has read any", "start a worker: faust -A streamwatch worker")
    if n > BEHIND:
        return warn(check, f"{n:,} records behind", "look again in a minute; while it grows, start more workers")
    return ok(check, f"{n:,} records behind" if n else "nothing left to read")
