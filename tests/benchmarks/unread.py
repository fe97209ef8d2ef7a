"""How many texts of real sets the model is said not to read, and what it costs to look.

    python tests/benchmarks/unread.py --data FOLDER

FOLDER (or STREAMWATCH_DATA) holds the data sets. Of each: the texts that have nothing left after cleaning, those mostly in
another script than Latin, and the CPU time a text beside that of preparing a document for the model.
"""

import argparse
import time
from collections import Counter

import pandas as pd
from data_folder import add_data_option, parse_with_data

from streamwatch.codec import encode
from streamwatch.config import Settings
from streamwatch.delivery.intake import SourceRecord, prepare
from streamwatch.records import Document
from streamwatch.text.clean import model_text, stored_text
from streamwatch.text.readable import unread_reason
from streamwatch.timeline import from_ms

FOLDERS = ("sentiment", "topic", "stream")
N_TIMED = 10_000
AT_MS = 1_700_000_000_000


def main() -> None:
    """A line for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    folder = parse_with_data(parser).data
    for path in sorted(path for name in FOLDERS for path in (folder / name).glob("*.csv*")):
        texts = pd.read_csv(path).text.dropna().astype(str)
        print(f"{path.name}: {_shares([model_text(stored_text(text)) for text in texts])}; {_cost(list(texts))}")


def _shares(texts: list[str]) -> str:
    reasons = Counter(unread_reason(text) for text in texts)
    n = len(texts)
    said = (f"{reason} {reasons[reason]:,} ({reasons[reason] / n:.2%})" for reason in ("nothing_left", "other_script"))
    return f"{n:,} texts, {', '.join(said)}"


def _cost(texts: list[str]) -> str:
    settings = Settings()
    some = [
        SourceRecord("social", 0, 0, encode(Document(id="x", text=text, published_at=from_ms(AT_MS))), AT_MS)
        for text in texts[:N_TIMED]
        if text.strip()
    ]
    started_s = time.process_time()
    works = [prepare(source, settings) for source in some]
    prepared_s = time.process_time()
    for work in works:
        unread_reason(work.text)
    looked_s = time.process_time()
    look_us, prepare_us = ((end - begin) / len(some) * 1e6 for begin, end in
                           ((prepared_s, looked_s), (started_s, prepared_s)))  # fmt: skip
    return f"{look_us:.2f} µs to look, {prepare_us:.1f} µs to prepare"


if __name__ == "__main__":
    main()
