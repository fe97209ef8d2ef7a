"""How many tweets the labelling queue takes for near copies of one just before, and how many are.

    python tests/benchmarks/labelling_copies.py --data FOLDER

Of each post: whether its signature is alike that of one of the last N posts, and, of every tenth, whether one of the last two
hundred really shares .7 of its words. All texts are different. The topics are in random order, the streams in their own.
"""

import argparse
from collections import deque
from pathlib import Path

import pandas as pd
from data_folder import add_data_option, parse_with_data

from streamwatch.labelling.recent import REMEMBERED
from streamwatch.learning.near_copies import near_copies
from streamwatch.text.clean import model_text, stored_text
from streamwatch.text.signature import n_alike, signature

N_POSTS = 4000
WINDOWS = (50, REMEMBERED, 2000)


def main() -> None:
    """Print a line for each set of posts."""
    options = parse_with_data(_options())
    for name, texts in _sets(options.data):
        signatures = [signature(text) for text in texts]
        shares = ", ".join(f"of the last {n} {_alike(signatures, n):.1%}" for n in WINDOWS)
        print(
            f"{name}: taken for near copies of one {shares}; near copies of one of the last {REMEMBERED} {_real(texts):.1%}"
        )


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    return parser


def _sets(folder: Path) -> list[tuple[str, list[str]]]:
    topics = pd.read_csv(folder / "topic" / "twitter_financial_train.csv").sample(N_POSTS, random_state=1)
    streams = ("stocknet_2014_2016", "airline_tweets_2015")
    tables = {name: pd.read_csv(folder / "stream" / f"{name}.csv.gz", nrows=N_POSTS) for name in streams}
    posts = {"topics": topics, **tables}
    return [
        (name, list(dict.fromkeys(model_text(stored_text(t)) for t in table.text))) for name, table in posts.items()
    ]


def _alike(signatures: list[int], n_before: int) -> float:
    recent: deque[int] = deque(maxlen=n_before)
    n = 0
    for one in signatures:
        n += n_alike(one, recent) > 0
        recent.append(one)
    return n / len(signatures)


def _real(texts: list[str]) -> float:
    places = range(0, len(texts), 10)
    found = [near_copies(texts[i : i + 1], texts[max(0, i - REMEMBERED) : i])[0] for i in places]
    return sum(found) / len(found)


if __name__ == "__main__":
    main()
