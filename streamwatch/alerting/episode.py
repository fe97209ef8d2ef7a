"""The life of one episode: pending while a rule's `for` runs, firing, and over when it was calm for long enough.

The onset is the bucket in which the test first crossed; it is never revised, and names the episode.

Examples:
    >>> episode_id("default", "entity:Delta", "negative_volume", 1424620800000)
    'db6fdc608594e6b8'
"""

from hashlib import blake2b

import msgspec

from streamwatch.detection.reading import Reading


class Episode(msgspec.Struct, array_like=True):
    """An episode of one series and kind, with the reading at its onset. `calm_since_ms` is −1 while it is not calm."""

    id: str
    onset_ms: int
    fired: Reading
    pending: bool = False
    calm_since_ms: int = -1

    def age_ms(self, at_ms: int) -> int:
        """How long ago it began."""
        return at_ms - self.onset_ms

    def calm_for_ms(self, calm: bool, at_ms: int) -> int:
        """Note whether it is calm at `at_ms`; for how long it has been so, −1 while it is not."""
        if not calm:
            self.calm_since_ms = -1
            return -1
        if self.calm_since_ms < 0:
            self.calm_since_ms = at_ms
        return at_ms - self.calm_since_ms


def episode_id(rule: str, series: str, kind: str, onset_ms: int) -> str:
    """The same for the same episode in every replay."""
    return blake2b(f"{rule}|{series}|{kind}|{onset_ms}".encode(), digest_size=8).hexdigest()
