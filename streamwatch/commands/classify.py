"""`streamwatch classify`: label the texts of a file, offline."""

from collections import Counter
from collections.abc import Iterable
from typing import BinaryIO

import click
from rich.console import Console

from streamwatch.commands.bars import Bars
from streamwatch.commands.output_file import whole_file
from streamwatch.config import load
from streamwatch.inference.offline import Limits, OfflineLine, classify_rows, to_json
from streamwatch.inference.offline_rows import OpenRows
from streamwatch.inference.opening import open_engine
from streamwatch.inference.sizes import sizes_of
from streamwatch.sources.columns import parse_columns

SILENT_S = 2.0
"""A file that is done sooner shows no progress."""
UNREAD = "unread"
"""Under which lines without a sentiment are counted; no reason of an error."""


@click.command()
@click.argument("file")
@click.option("--out", required=True, help="File to write, JSON lines (.gz compresses); - for standard output.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME",
              help="The column NAME holds the FIELD (text or id); may be repeated.")  # fmt: skip
def classify(file: str, out: str, columns: tuple[str, ...]) -> None:
    """Label the topic and sentiment of each text in FILE.

    FILE is .jsonl with one {"id": …, "text": …} a line, or .csv with a header; either may be gzipped; - reads JSON
    lines from standard input. Texts are cleaned as the worker cleans them, and the settings of the model hold here too
    (STREAMWATCH_MODEL, _BASE, _DEVICE, _THREADS).

    Each line of FILE gives one line of output, in order:

    \b
      {"id":"7","topic":{"label":"earnings","p":0.91},
       "sentiment":{"label":"negative","p":0.84,"probabilities":{…}},"model":"minilm-l6+…"}

    A sentiment with a probability below STREAMWATCH_LOW_CONFIDENCE_BELOW has "low_confidence":true beside it. A text that
    the model cannot read has none: "sentiment":null, the topic "unclear", and "unread" says why (nothing_left: only links,
    mentions and punctuation; other_script: mostly letters that the model does not know).

    A line that cannot be classified gives {"id":…,"error":{"reason":…,"detail":…}} and is counted in the summary; the
    exit code stays 0. The output file appears whole when all is done; Ctrl-C leaves what was there before.

    \b
    Examples:
      streamwatch classify posts.jsonl --out labelled.jsonl
      streamwatch classify tweets.csv.gz --column text=tweet --out - | head
    """
    settings = load()
    rows = OpenRows(file, parse_columns(columns))
    engine = open_engine(settings)
    limits = Limits(settings.max_document_bytes, settings.max_text_chars, settings.low_confidence_below)
    with Bars(Console(stderr=True), after_s=SILENT_S) as bars, whole_file(out) as output:
        counts = write_lines(classify_rows(rows, engine, limits, sizes_of(settings, engine)), output, rows, bars)
    click.echo(summary(counts), err=True)


def write_lines(lines: Iterable[OfflineLine], output: BinaryIO, rows: OpenRows, bars: Bars) -> Counter[str]:
    """Write the lines; gives how many were classified (under the empty reason), of these how many were not read (under
    `unread`), and how many failed for each reason."""
    counts: Counter[str] = Counter()
    for n, line in enumerate(lines, 1):
        output.write(to_json(line))
        counts[line.error.reason if line.error else ""] += 1
        counts[UNREAD] += line.unread != ""
        bars.watch("classify", rows.position, rows.size, f"{n:,} lines")
    return counts


def summary(counts: Counter[str]) -> str:
    """One line for people.

    >>> summary(Counter({"": 3, "empty_text": 1, "invalid_json": 1}))
    '3 classified, 2 not (1 empty_text, 1 invalid_json)'
    >>> summary(Counter({"": 3, "unread": 1}))
    '3 classified (1 of them could not be read)'
    """
    errors = {reason: n for reason, n in sorted(counts.items()) if reason not in ("", UNREAD)}
    unread = f" ({counts[UNREAD]} of them could not be read)" if counts[UNREAD] else ""
    classified = f"{counts['']} classified{unread}"
    if not errors:
        return classified
    reasons = ", ".join(f"{n} {reason}" for reason, n in errors.items())
    return f"{classified}, {sum(errors.values())} not ({reasons})"
