"""Alerts of kind `stalled`: a source that has gone silent, or event time that does not move although there is work.

They are about the wall clock, and so outside of detection: a replay raises none of these again. The id is a hash of what
stalled and of where it stood, so that workers which take over from each other tell of the same one.

Examples:
    >>> stalls = Stalls(after_ms=600_000)
    >>> stalls.observe("channel:news", (17,), 0), stalls.observe("channel:news", (17,), 500_000)
    (None, None)
    >>> alert = stalls.observe("channel:news", (17,), 600_000)
    >>> stalls.told(alert)
    >>> alert.state, alert.series, alert.window_s, stalls.observe("channel:news", (17,), 700_000)
    ('firing', 'channel:news', 600, None)
    >>> over = stalls.observe("channel:news", (18,), 900_000)
    >>> over.state, over.resolution, over.revision, over.id == alert.id
    ('resolved', 'recovered', 2, True)
"""

from collections.abc import Iterable

import msgspec

from streamwatch.alerting.episode import episode_id
from streamwatch.records import Alert, Evidence
from streamwatch.timeline import from_ms, to_ms

RULE = "stalled"
Place = tuple[int, ...]
"""Where something stands: offsets, or the watermark. It moved when the place is another."""


class Stalls:
    """What has not moved for `after_ms` of wall clock. `observe` says what to tell, `told` that it was."""

    def __init__(self, after_ms: int, published: Iterable[Alert] = ()) -> None:
        self._after_ms = after_ms
        self._since: dict[str, tuple[Place, int]] = {}
        self.know(published)

    def know(self, published: Iterable[Alert]) -> None:
        """What the alert channel holds now: the newest revision of each. Since when a thing stands we know ourselves."""
        stalled = [alert for alert in published if alert.kind == "stalled"]
        self._open = {alert.series: alert for alert in stalled if alert.state == "firing"}
        self._revisions = {alert.id: alert.revision for alert in stalled}

    def observe(self, name: str, place: Place, now_ms: int, idle: bool = False) -> Alert | None:
        """The alert that begins or ends with this look. An `idle` thing has nothing to do, and stalls never."""
        before, since_ms = self._since.get(name, (place, now_ms))
        if place != before or idle:
            since_ms = now_ms
        self._since[name] = place, since_ms
        open_ = self._open.get(name)
        if open_ is not None:
            return None if self._still(open_, name, place, idle) else _resolved(open_, now_ms)
        if now_ms - since_ms < self._after_ms:
            return None
        fired = _fired(name, place, since_ms, now_ms)
        return msgspec.structs.replace(fired, revision=self._revisions.get(fired.id, 0) + 1)

    def told(self, alert: Alert) -> None:
        """The alert is in the channel."""
        self._revisions[alert.id] = alert.revision
        if alert.state == "firing":
            self._open[alert.series] = alert
        else:
            self._open.pop(alert.series, None)

    @staticmethod
    def _still(alert: Alert, name: str, place: Place, idle: bool) -> bool:
        return not idle and alert.id == _id(name, place)


def _id(name: str, place: Place) -> str:
    return episode_id(RULE, name, "stalled", hash_place(place))


def hash_place(place: Place) -> int:
    """The same for the same place in every process.

    >>> hash_place((3, 4)) != hash_place((4, 3))
    True
    """
    total = 0
    for part in place:
        total = (total * 1_000_003 + part + 1) % 2**61
    return total


def _fired(name: str, place: Place, since_ms: int, now_ms: int) -> Alert:
    return Alert(
        id=_id(name, place), revision=1, state="firing", rule=RULE, series=name, kind="stalled", severity="warning",
        onset=from_ms(since_ms), at=from_ms(now_ms), window_s=(now_ms - since_ms) // 1000, n=0, k=0, share=0.0, p0=0.0,
        p0_low=0.0, p0_high=0.0, k_expected=0.0, lift=0.0, score=0.0, threshold=0.0, evidence=Evidence(),
    )  # fmt: skip


def _resolved(alert: Alert, now_ms: int) -> Alert:
    return msgspec.structs.replace(
        alert,
        revision=alert.revision + 1,
        state="resolved",
        resolution="recovered",
        at=from_ms(now_ms),
        window_s=(now_ms - to_ms(alert.onset)) // 1000,
    )
