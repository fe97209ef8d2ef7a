"""A small sample of what a series spoke of before: what the terms of an alert are compared with.

At most `KEPT` voices of any sentiment, of each hour at most `AN_HOUR`, and newer ones more likely than older: the
chance of a voice halves with every `HALF_LIFE_MS`. A quiet series keeps all it has, a busy one keeps some of each of
the last days, and the hours of an incident cannot push the days before it out.

Each voice has a key, a function of its text hash and its hour alone, and the smallest keys are kept. So the sample is a
function of the set of voices: not of their order, their partition, or how they arrived. The key is that of weighted
sampling without replacement (Efraimidis and Spirakis 2006: `−ln(u)/w`, here its logarithm), and the weight grows with
time (forward decay, Cormode et al. 2009), so that a key never changes once it was drawn. Neither paper has the limit on
an hour; it keeps the sample exact, because who is pushed out of an hour or of the sample by smaller keys never returns.

Only coordinates in `classified` are kept: some 21 bytes a voice, 1 KB when full. The texts are read when an alert needs them.

Examples:
    >>> from streamwatch.timeline import HOUR_MS
    >>> past = Past()
    >>> for i in range(1000):
    ...     past.add(Voice(f"t{i}", "neutral", ("all",), "", 0, i, 1), i * HOUR_MS // 10)
    >>> len(past.references(100 * HOUR_MS)), len(past.references(0))
    (48, 0)
    >>> len(past.references(before_ms=90 * HOUR_MS))
    40
"""

from bisect import insort
from hashlib import blake2b
from math import log

import msgspec

from streamwatch.alerting.transition import Reference
from streamwatch.alerting.voices import Voice
from streamwatch.timeline import DAY_MS, HOUR_MS

KEPT = 48
"""Twice the voices that an alert rests on, so that the past is the better known side of the comparison."""
AN_HOUR = 4
"""So that a full sample spans twelve hours that had voices, however loud the latest were."""
HALF_LIFE_MS = 2 * DAY_MS


class Sampled(msgspec.Struct, array_like=True, frozen=True, order=True):
    """A voice by its key and coordinates; `at_s` is when it counted, in seconds."""

    key: float
    at_s: int
    partition: int
    offset: int


class Past(msgspec.Struct, array_like=True):
    """The sample, smallest key first."""

    kept: list[Sampled] = []

    def add(self, voice: Voice, at_ms: int) -> None:
        """Offer the voice that counted in the bucket at `at_ms`, whatever its sentiment."""
        hour = at_ms // HOUR_MS
        one = Sampled(_key(voice.text_hash, hour), at_ms // 1000, voice.partition, voice.offset)
        if len(self.kept) >= KEPT and one > self.kept[-1]:
            return
        same_hour = [other for other in self.kept if other.at_s // 3600 == hour]
        if len(same_hour) >= AN_HOUR:
            if one > same_hour[-1]:
                return
            self.kept.remove(same_hour[-1])
        insort(self.kept, one)
        del self.kept[KEPT:]

    def references(self, before_ms: int, at_most: int = KEPT) -> tuple[Reference, ...]:
        """Where the texts of voices before `before_ms` are to be read; the first `at_most` are a sample again.

        Their text hashes and sentiments are not known here.
        """
        earlier = [one for one in self.kept if one.at_s * 1000 < before_ms]
        return tuple(Reference(one.partition, one.offset, "", sentiment="neutral") for one in earlier[:at_most])


def _key(text_hash: str, hour: int) -> float:
    """`ln(−ln u / w)` with u drawn by the text and `w = 2^(t / half-life)`; the smaller, the surer it is kept."""
    digest = blake2b(text_hash.encode("utf-8", "surrogatepass"), digest_size=8, person=b"past").digest()
    u = (int.from_bytes(digest, "big") + 0.5) / 2**64
    return log(max(-log(u), 1e-300)) - hour * HOUR_MS / HALF_LIFE_MS * log(2)
