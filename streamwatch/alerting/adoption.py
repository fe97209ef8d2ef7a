"""What an evaluator that lost its state takes over from the alert channel.

A rebuild from a `classified` log whose head retention has cut begins with less history, so a test may cross some buckets
earlier or later than it did, and its episode would have another id. An episode that overlaps one that was told of goes on
under the id, the onset and the revision that consumers know.

Examples:
    >>> Published({}).overlapping("default", None) is None
    True
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from streamwatch.alerting.watch import Event
from streamwatch.records import Alert
from streamwatch.timeline import HOUR_MS, from_ms, to_ms

EARLIER_MS = HOUR_MS
"""How much earlier than what was told an onset may be found now."""


class Known(NamedTuple):
    """The newest revision of a published alert."""

    id: str
    revision: int
    onset_ms: int
    until_ms: int | None
    """When it was resolved; None: it was not."""
    pending: bool = False
    """Whether it is not known to have fired."""


class Published:
    """The newest revision of each alert in the channel, by (rule, series, kind)."""

    def __init__(self, known: Mapping[tuple[str, str, str], list[Known]]) -> None:
        self._known = known
        self._ids = {one.id for alerts in known.values() for one in alerts}

    @classmethod
    def of(cls, newest: Iterable[Alert]) -> "Published":
        """From the newest revision of each alert."""
        known: dict[tuple[str, str, str], list[Known]] = {}
        for alert in newest:
            until_ms = to_ms(alert.at) if alert.state == "resolved" else None
            one = Known(alert.id, alert.revision, to_ms(alert.onset), until_ms, alert.state == "pending")
            known.setdefault((alert.rule, alert.series, alert.kind), []).append(one)
        return cls(known)

    def without(self, ids: Collection[str]) -> "Published":
        """Leave out alerts that the evaluator's own state goes on with; their ids stay known."""
        rest = {key: [one for one in alerts if one.id not in ids] for key, alerts in self._known.items()}
        left = Published(rest)
        left._ids = self._ids
        return left

    def overlapping(self, rule: str, event: Event | None) -> Known | None:
        """The alert that the episode of `event` continues. None where its own id was told: that is no other episode."""
        if event is None:
            return None
        return self.known(rule, event.series, event.kind, event.episode.id, event.episode.onset_ms)

    def known(self, rule: str, series: str, kind: str, id: str, onset_ms: int) -> Known | None:
        """The same for an episode of that id and onset."""
        if id in self._ids:
            return None
        candidates = self._known.get((rule, series, kind), ())
        fitting = [one for one in candidates if _covers(one, onset_ms)]
        return max(fitting, key=lambda one: one.onset_ms) if fitting else None


def _covers(one: Known, onset_ms: int) -> bool:
    return one.onset_ms - EARLIER_MS <= onset_ms and (one.until_ms is None or onset_ms < one.until_ms)


def orphans(newest: Iterable[Alert], open_: Collection[str], closed_until_ms: int) -> list[Alert]:
    """The end of alerts that were told as pending or firing and that no evaluator goes on with: a rebuild from what is
    left of the log has passed them, and their series is not in that episode. Call it when everything is evaluated.

    One that is newer than what is evaluated is left alone: another evaluator told it.
    """
    return [
        msgspec.structs.replace(
            alert,
            revision=alert.revision + 1,
            state="resolved",
            resolution="lost_history",
            at=from_ms(closed_until_ms),
        )
        for alert in newest
        if alert.kind != "stalled"
        and alert.state != "resolved"
        and alert.id not in open_
        and to_ms(alert.at) <= closed_until_ms
    ]
