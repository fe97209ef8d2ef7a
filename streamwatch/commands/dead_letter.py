"""`streamwatch dead-letter`: what could not be used, why, and where it came from."""

from collections import Counter

import click
import msgspec

from streamwatch.codec import decode, encode
from streamwatch.config import load
from streamwatch.errors import REASONS, RejectError
from streamwatch.following.channel_log import values
from streamwatch.records import DeadLetter
from streamwatch.text.clean import normalise
from streamwatch.timeline import format_rfc3339

SHOWN_CHARS = 100


@click.group("dead-letter")
def dead_letter() -> None:
    """See what could not be used. This channel alone is not redacted."""


@dead_letter.command("list")
@click.option("--reason", type=click.Choice(REASONS), help="Only these.")
@click.option("--json", "as_json", is_flag=True, help="One record a line, as JSON, with the first 64 KB of the bytes.")
@click.option("--follow", is_flag=True, help="Wait for new ones too. Ctrl-C ends it.")
def list_letters(reason: str | None, as_json: bool, follow: bool) -> None:
    """List the dead letters from the oldest on, and count them by reason.

    Each line has the source channel, partition and offset of the record, so that its producer can be found.
    """
    counts: Counter[str] = Counter()
    try:
        for value in values(load(), "dead-letter", from_start=True, follow=follow):
            letter = _letter(value)
            if letter is None or (reason is not None and letter.reason != reason):
                continue
            counts[letter.reason] += 1
            click.echo(encode(letter) if as_json else _line(letter))
    except KeyboardInterrupt:
        pass  # the way to end --follow
    summary = ", ".join(f"{n} {name}" for name, n in counts.most_common()) or "no dead letters"
    click.echo(msgspec.json.encode(counts).decode() if as_json else summary, err=True)


def _letter(value: bytes) -> DeadLetter | None:
    try:
        return decode(value, DeadLetter)
    except RejectError as error:
        click.echo(f"streamwatch: a record that is no dead letter: {error}", err=True)
        return None


def _line(letter: DeadLetter) -> str:
    """One line of plain text, whatever the bytes were."""
    where = f"{letter.source_channel}[{letter.source_partition}]@{letter.source_offset}"
    shown = normalise(letter.raw[: 4 * SHOWN_CHARS].decode(errors="replace"))[:SHOWN_CHARS]
    head = f"{format_rfc3339(letter.observed_ms)}  {letter.reason:<22} {where:<18} {letter.length_bytes:>10,} bytes"
    return f"{head}  {shown}"
