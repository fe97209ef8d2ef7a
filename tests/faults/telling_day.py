"""The synthetic day with sentiments of its own, so that the null model's hashes cannot hide its incidents."""

import json
from zlib import crc32

import msgspec

from streamwatch.sources import synthetic
from streamwatch.sources.files import read_rows
from streamwatch.sources.row import Row

ONE_UNREAD_OF = 50
UNREAD = ("@desk https://t.co/x", "今天涨停了 $AAPL")


def telling_day() -> list[Row]:
    """The day with its copies, late documents, redeliveries and faults; what was published in an incident is negative.

    Some of the others have a text that the model cannot read, and no sentiment.
    """
    return [_with_sentiment(row) for row in read_rows(synthetic.SHIPPED)]


def _with_sentiment(row: Row) -> Row:
    try:
        document = json.loads(row.value)
    except ValueError:
        return row
    published_at = str(document.get("published_at", ""))
    bad = any(incident.start <= published_at < incident.end for incident in synthetic.INCIDENTS)
    if not bad and crc32(str(document.get("id")).encode()) % ONE_UNREAD_OF == 0 and str(document.get("text")).strip():
        document["text"] = UNREAD[len(str(document["text"])) % 2]
        return msgspec.structs.replace(row, value=json.dumps(document).encode())
    document["sentiment"] = "negative" if bad else ("neutral", "positive")[len(str(document.get("text"))) % 2]
    return msgspec.structs.replace(row, value=json.dumps(document).encode())
