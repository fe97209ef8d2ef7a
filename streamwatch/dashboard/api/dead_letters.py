"""What could not be used, and a way back into its channel for what was mended: the schema, a setting, a bug."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path
from kafka import TopicPartition
from pydantic import BaseModel

from streamwatch import broker
from streamwatch.channels import SOURCES, channel
from streamwatch.codec import decode
from streamwatch.config import Settings
from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.api.verdicts import check_ready
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.live.views import DeadLetterAt
from streamwatch.dashboard.paging import USUAL_ITEMS, Cursor, Limit, cut
from streamwatch.dashboard.problems import Problem
from streamwatch.errors import Reason, RejectError
from streamwatch.records import DeadLetter
from streamwatch.text.clean import normalise

REPLAYED = "replayed_from"
"""The header of a record that was put back: `dead-letter/<partition>/<offset>`, so that everybody sees that it was."""
READ_S = 5.0
"""How long one record may take to come from the broker."""
POLL_MS = 500
SHOWN_CHARS = 400
Partition = Annotated[int, Path(ge=0, le=2**31 - 1)]
Offset = Annotated[int, Path(ge=0, le=2**63 - 1)]


class DeadLetters(BaseModel):
    """Dead letters, the newest first. `shown` is the beginning of the bytes, for admins alone: the channel is not redacted."""

    items: list[dict[str, Any]]
    next: str | None = None


class Replayed(BaseModel):
    """Where the record lies now."""

    channel: str
    partition: int
    offset: int


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.get("/dead-letters")
    async def list_letters(
        person: Annotated[Person, Depends(needs("viewer"))],
        reason: Reason | None = None,
        limit: Limit = USUAL_ITEMS,
        cursor: Cursor = None,
    ) -> DeadLetters:
        """List what could not be used: why, and where it came from. The newest 10,000 are known here."""
        check_ready(desk)
        found = [one for one in reversed(desk.channels.dead_letters) if reason in (None, one.letter.reason)]
        page = cut(found, lambda one: (-one.offset, one.partition), limit, cursor, ["dead-letters", reason])
        return DeadLetters(items=[_shown(one, person.may("admin")) for one in page.items], next=page.next)

    @routes.post("/dead-letters/{partition}/{offset}/replay")
    async def replay(
        partition: Partition, offset: Offset, person: Annotated[Person, Depends(needs("admin"))]
    ) -> Replayed:
        """Put the bytes back into the channel that they came from, with a header that says so. They count as a new arrival."""
        if not desk.channels.has_read("dead-letter", partition, offset):
            check_ready(desk)
            raise _gone(partition, offset)
        letter = await desk.reading(read_letter, desk.settings, partition, offset)
        _check_replayable(letter)
        header = (REPLAYED, f"dead-letter/{partition}/{offset}".encode())
        place = await desk.channels.write_raw(
            letter.source_channel, None, letter.raw, [header], letter.source_partition
        )
        return Replayed(channel=letter.source_channel, partition=place.partition, offset=place.offset)

    return routes


def read_letter(settings: Settings, partition: int, offset: int) -> DeadLetter:
    """The dead letter at a place that was read before, with all its bytes. Raises `Problem` (404), `BrokerUnavailable`."""
    part = TopicPartition(channel(settings, "dead-letter"), partition)
    quick = settings.model_copy(update={"connect_timeout_s": min(READ_S, settings.connect_timeout_s)})
    with broker.consumer(quick, max_partition_fetch_bytes=broker.FETCH_BYTES) as reader:
        if offset < reader.beginning_offsets([part])[part]:
            raise _gone(partition, offset)
        reader.assign([part])
        reader.seek(part, offset)
        for _ in range(int(READ_S * 1000 / POLL_MS)):
            for record in reader.poll(POLL_MS, max_records=1).get(part, ()):
                return _decoded(record, partition, offset)
    raise _gone(partition, offset)


def _decoded(record: Any, partition: int, offset: int) -> DeadLetter:
    if record.offset != offset:
        raise _gone(partition, offset)
    try:
        return decode(record.value or b"", DeadLetter)
    except RejectError as error:
        raise _gone(partition, offset) from error


def _gone(partition: int, offset: int) -> Problem:
    return Problem(404, "no-dead-letter", "No such dead letter", f"nothing lies at {partition}/{offset} any more")


def _check_replayable(letter: DeadLetter) -> None:
    if letter.source_channel not in SOURCES:
        raise Problem(409, "no-source", "It came from elsewhere", f"{letter.source_channel!r} is no source channel")
    if letter.length_bytes > len(letter.raw):
        kept = f"{len(letter.raw):,} of its {letter.length_bytes:,} bytes are kept"
        raise Problem(409, "raw-cut", "Its bytes are not whole", f"{kept}: let its producer send it again")
    if not letter.raw:
        raise Problem(409, "raw-empty", "It has no bytes", "an empty message cannot become a document")


def _shown(one: DeadLetterAt, raw: bool) -> dict[str, Any]:
    letter = msgspec.to_builtins(one.letter)
    del letter["raw"]
    if raw:
        letter["shown"] = normalise(one.letter.raw.decode(errors="replace"))[:SHOWN_CHARS]
    replayable = one.raw_is_whole and one.letter.source_channel in SOURCES and bool(one.letter.length_bytes)
    return {"partition": one.partition, "offset": one.offset, "replayable": replayable, **letter}
