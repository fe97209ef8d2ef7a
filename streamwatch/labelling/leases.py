"""Who is at which document now: a lease of ten minutes in Redis, so that two people do not label the same one unknowingly.

A lease only saves work. Whoever answers without one is heard all the same.
"""

from collections.abc import Iterable
from typing import Any

from redis import Redis

from streamwatch.redis_errors import answering
from streamwatch.redis_lease import GIVE_BACK, TAKE
from streamwatch.timeline import MINUTE_MS

LEASE_MS = 10 * MINUTE_MS
"""Long enough to read a long text and a guideline; whoever went for lunch has given the document back."""


class Leases:
    """The leases of one deployment.

        sw:{labels}:lease:<document id>   string   the labeller who has it

    Args:
        redis: a client that returns bytes.
        prefix: the settings' prefix.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis: Any = redis
        self._base = f"{prefix}sw:{{labels}}:lease:"
        self._take = redis.register_script(TAKE)
        self._give_back = redis.register_script(GIVE_BACK)

    def take(self, document_id: str, labeller: str) -> bool:
        """Whether `labeller` has the document now: it was free, or theirs, and is theirs for ten minutes from now."""
        with answering():
            return bool(self._take(keys=[self._base + document_id], args=[labeller, LEASE_MS]))

    def give_back(self, document_id: str, labeller: str) -> None:
        """The labeller is done with it. Nobody else's lease ends by this."""
        with answering():
            self._give_back(keys=[self._base + document_id], args=[labeller])

    def holders(self, document_ids: Iterable[str]) -> dict[str, str]:
        """By document, who has it; those that nobody has are left out."""
        ids = list(document_ids)
        if not ids:
            return {}
        with answering():
            held = self._redis.mget([self._base + one for one in ids])
        return {one: raw.decode() for one, raw in zip(ids, held, strict=True) if raw is not None}
