"""Reading the alert channel as people want it: each revision of an alert once.

The channel holds every revision at least once, and the same one again after a crash of the evaluator.
"""

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from streamwatch.codec import decode
from streamwatch.config import Settings
from streamwatch.errors import RejectError
from streamwatch.following.channel_log import values
from streamwatch.records import Alert

N_REMEMBERED = 100_000
"""Revisions that are known again. A copy follows its first by seconds, so this is more than enough."""


class Once:
    """Tells a revision from its copies.

    >>> once = Once()
    >>> [once.is_new("a", 1), once.is_new("a", 1), once.is_new("a", 2)]
    [True, False, True]
    """

    def __init__(self, n_remembered: int = N_REMEMBERED) -> None:
        self._n_remembered = n_remembered
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()

    def is_new(self, alert_id: str, revision: int) -> bool:
        """Whether this revision comes for the first time."""
        if (alert_id, revision) in self._seen:
            return False
        self._seen[alert_id, revision] = None
        if len(self._seen) > self._n_remembered:
            self._seen.popitem(last=False)
        return True


def read_alerts(settings: Settings, from_start: bool, follow: bool) -> Iterator[Alert | RejectError]:
    """Alerts in order, each revision once; a record that is none comes as the error that says why.

    Without `follow` it ends where the channel ended when it began. Raises `ConfigError` where there is no channel,
    `BrokerUnavailable`.
    """
    once = Once()
    for value in values(settings, "alerts", from_start=from_start, follow=follow):
        try:
            alert = to_alert(value)
        except RejectError as error:
            yield error
            continue
        if once.is_new(alert.id, alert.revision):
            yield alert


def newest_alerts(settings: Settings) -> dict[str, Alert]:
    """The newest revision of each alert that the channel holds, by id, in the order of their onsets.

    Raises `ConfigError` where there is no channel, `BrokerUnavailable`.
    """
    newest: dict[str, Alert] = {}
    for found in read_alerts(settings, from_start=True, follow=False):
        if isinstance(found, Alert) and (found.id not in newest or newest[found.id].revision < found.revision):
            newest[found.id] = found
    return dict(sorted(newest.items(), key=lambda item: (item[1].onset, item[0])))


def to_alert(value: bytes) -> Alert:
    """The alert in a record: bare, or the `data` of a CloudEvent in structured mode. Raises `RejectError`."""
    if b'"specversion"' in value:
        envelope = decode(value, dict[str, msgspec.Raw])
        if "specversion" in envelope and "data" in envelope:
            return decode(bytes(envelope["data"]), Alert)
    return decode(value, Alert)
