"""Where a partition really ends, on a broker that answers ListOffsets with the start of its last batch (Tansu 0.6).

Its answer is `base offset of the last batch + 1`: right for a batch of one record, too low for any other. So the last
batch is read from there, and ends after its last record. (Seen: batches of 5 and 7 records, answer 6, end 12.)

The reader is one of its own: these functions replace its assignment and its position.
"""

import time
from collections.abc import Mapping
from typing import Any

READ_TIMEOUT_S = 5.0
"""How long the last batches may take to come; they come in milliseconds. Without them the broker's answer stands."""

POLL_S = 0.2


def read_end_offsets(reader: Any, answered: Mapping[Any, int]) -> dict[Any, int]:
    """The ends of partitions, by a `kafka.KafkaConsumer`; `answered` is what its `end_offsets` said."""
    ends, waiting = dict(answered), _not_empty(answered)
    reader.assign(list(waiting))
    for part in waiting:
        reader.seek(part, answered[part] - 1)
    deadline = time.monotonic() + READ_TIMEOUT_S
    while waiting and time.monotonic() < deadline:
        for part, records in reader.poll(timeout_ms=int(POLL_S * 1000)).items():
            ends[part] = max(ends[part], records[-1].offset + 1)
            waiting.discard(part)
    return ends


async def read_end_offsets_async(reader: Any, answered: Mapping[Any, int]) -> dict[Any, int]:
    """The same by an `aiokafka.AIOKafkaConsumer`.

    It would go on fetching what it is assigned, for nobody and some hundred times a second: it is paused until the next time.
    """
    ends, waiting = dict(answered), _not_empty(answered)
    read = list(waiting)
    if read:
        reader.assign(read)
    for part in waiting:
        reader.seek(part, answered[part] - 1)
    deadline = time.monotonic() + READ_TIMEOUT_S
    while waiting and time.monotonic() < deadline:
        for part, records in (await reader.getmany(timeout_ms=int(POLL_S * 1000))).items():
            ends[part] = max(ends[part], records[-1].offset + 1)
            waiting.discard(part)
    reader.pause(*read)
    return ends


def _not_empty(answered: Mapping[Any, int]) -> set[Any]:
    return {part for part, end in answered.items() if end > 0}
