"""The audit trail: who wrote what, told to the channel `audit` before it is done, and again when it is known what came of it.

What is told is who, from where, which route and path, and the HTTP status: never a body, a query, a secret or a document's
text. A write whose first record the broker does not take is not done at all.

Examples:
    >>> asked = Asked.of({"type": "http", "method": "PUT", "path": "/a/7", "headers": [], "client": ("10.0.0.7", 1)})
    >>> record = step("answered", asked, at_ms=0, status=401, reason="log-in")
    >>> record.who, record.stage, record.status, record.subject, record.address
    ('nobody', 'answered', 401, '/a/7', '10.0.0.7')
"""

import logging
from typing import Any

from streamwatch.codec import encode
from streamwatch.dashboard.access.asked import Asked
from streamwatch.dashboard.access.limits import Limit
from streamwatch.dashboard.access.person import clean_name
from streamwatch.errors import RetryError
from streamwatch.records import Audit, AuditStage
from streamwatch.timeline import from_ms

log = logging.getLogger(__name__)

CHANNEL = "audit"
REFUSALS_PER_MINUTE = 60
"""Refused writes of one person or address that are told; of the rest the log has the number, or a page that tries all day
would fill a channel that is kept for ever."""
NOBODY = "nobody"
SUBJECT_CHARS = 512
ACTION_CHARS = 256
REASON_CHARS = 64
"""As the record has them."""


def step(stage: AuditStage, asked: Asked, at_ms: int, status: int = 0, reason: str = "") -> Audit:
    """One record of a request. Without a person it was somebody who did not come in."""
    person = asked.person
    return Audit(
        id=asked.id,
        at=from_ms(at_ms),
        stage=stage,
        who=person.name if person else NOBODY,
        role=person.role if person else None,
        way=person.way if person else "unknown",
        verified=person.verified if person else False,
        credential=person.credential if person else "",
        address=asked.address,
        action=clean_name(asked.action, "", ACTION_CHARS),
        subject=clean_name(asked.path, "", SUBJECT_CHARS),
        status=status,
        reason=reason[:REASON_CHARS],
    )


class Trail:
    """The way into the channel."""

    def __init__(self, channels: Any) -> None:
        self._channels = channels
        self._refusals = Limit(REFUSALS_PER_MINUTE)
        self.n_untold = 0

    async def ask(self, record: Audit) -> None:
        """Tell what is about to be done. Raises `BrokerUnavailable`: then it must not be done."""
        await self._write(record)

    async def answer(self, record: Audit) -> None:
        """Tell what came of it. It is done by now: where the broker is away the log has it."""
        try:
            await self._write(record)
        except RetryError as error:
            log.error("not in the audit trail (%s): %s", error, encode(record).decode())

    async def refuse(self, record: Audit, now_ms: int) -> None:
        """Tell of a write or a log-in that was refused, as long as there are not too many."""
        if self._refusals.take(record.credential or record.address or record.who, now_ms):
            self.n_untold += 1
            if self.n_untold.bit_count() == 1:  # 1, 2, 4, …: whoever tries all day does not fill the log, either
                log.warning("%d refused and not in the audit trail, now %s", self.n_untold, encode(record).decode())
            return
        await self.answer(record)

    async def _write(self, record: Audit) -> None:
        await self._channels.write_raw(CHANNEL, record.id.encode(), encode(record), (), 0)
