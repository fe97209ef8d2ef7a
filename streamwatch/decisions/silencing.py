"""Silences: which alerts they are about, and when. They change what people are shown, never what is detected or sent.

Examples:
    >>> silence = new_silence(
    ...     Matchers(series=("ticker:*",)), starts_ms=0, ends_ms=7_200_000, now_ms=60_000, made_by="ana", comment="split"
    ... )
    >>> silence.starts_at.isoformat(), is_active(silence, 60_000), is_active(silence, 7_200_000)
    ('1970-01-01T00:01:00+00:00', True, False)
    >>> is_active(expired(silence, 120_000, "ben"), 120_000)
    False
    >>> new_silence(silence.matchers, starts_ms=0, ends_ms=50_000, now_ms=60_000, made_by="ana", comment="")
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: a silence until 1970-01-01T00:00:50Z is over before it begins: it is 1970-01-01T00:01:00Z
"""

from hashlib import sha256

import msgspec

from streamwatch.codec import encode
from streamwatch.errors import ConfigError
from streamwatch.records import Alert, AlertKind, Matchers, Silence
from streamwatch.rules.durations import LONGEST_MS
from streamwatch.rules.glob import matches, matches_any
from streamwatch.rules.rule_set import Inhibition
from streamwatch.timeline import format_rfc3339, from_ms, to_ms

ID_CHARS = 10
CONTAINERS = Inhibition().target


def new_silence(
    matchers: Matchers, *, starts_ms: int, ends_ms: int, now_ms: int, made_by: str, comment: str
) -> Silence:
    """A silence, made at `now_ms` of the wall clock. It cannot begin before that: what was shown was shown.

    Raises `ConfigError` when it ends in the past or before it starts, lasts more than a year, or asks nothing (a
    silence of everything says so: `series` `*`).
    """
    begins_ms = max(starts_ms, now_ms)
    if ends_ms <= now_ms:
        end, now = format_rfc3339(ends_ms), format_rfc3339(now_ms)
        raise ConfigError(f"a silence until {end} is over before it begins: it is {now}")
    if ends_ms <= begins_ms:
        raise ConfigError(f"a silence from {format_rfc3339(begins_ms)} until {format_rfc3339(ends_ms)} ends too early")
    if ends_ms - begins_ms > LONGEST_MS:
        raise ConfigError("a silence of more than 366 days: say in the rules file that these series are not watched")
    if matchers == Matchers():
        raise ConfigError("a silence that asks nothing would hide every alert: say series * to mean that")
    silence = Silence(
        id="-",
        matchers=matchers,
        starts_at=from_ms(begins_ms),
        ends_at=from_ms(ends_ms),
        made_by=made_by,
        made_at=from_ms(now_ms),
        comment=comment,
    )
    return msgspec.structs.replace(silence, id=sha256(encode(silence)).hexdigest()[:ID_CHARS])


def expired(silence: Silence, now_ms: int, by: str) -> Silence:
    """The same silence, ended now. One that has not begun never will. Raises `ConfigError` when it is over already."""
    if to_ms(silence.ends_at) <= now_ms:
        raise ConfigError(f"silence {silence.id} is over since {format_rfc3339(to_ms(silence.ends_at))}")
    end_ms = max(now_ms, to_ms(silence.starts_at))
    return msgspec.structs.replace(silence, ends_at=from_ms(end_ms), expired_by=by)


def is_active(silence: Silence, at_ms: int) -> bool:
    """Whether it holds at `at_ms` of the wall clock; its end is not included."""
    return to_ms(silence.starts_at) <= at_ms < to_ms(silence.ends_at)


def is_about(matchers: Matchers, alert: Alert) -> bool:
    """Whether all that the silence asks is true of the alert, and of every series that its incident has.

    An incident that has grown beyond what was silenced is shown: its other series may be what nobody expected. Members
    that hold everything (`all`, a source) say nothing new and are not asked.
    """
    others = [(one.series, one.kind) for one in alert.members if not matches_any(CONTAINERS, one.series)]
    parts = [(alert.series, alert.kind), *others]
    return (
        all(_about_series(matchers, series, kind) for series, kind in parts)
        and (not matchers.rules or matches_any(matchers.rules, alert.rule))
        and (not matchers.severities or alert.severity in matchers.severities)
        and all(name in alert.labels and matches(glob, alert.labels[name]) for name, glob in matchers.labels.items())
    )


def _about_series(matchers: Matchers, series: str, kind: AlertKind) -> bool:
    return (not matchers.series or matches_any(matchers.series, series)) and (
        not matchers.kinds or kind in matchers.kinds
    )
