"""How well 32 bits tell near copies, and what they cost.

    python tests/benchmarks/near_copies.py --data FOLDER

FOLDER (or STREAMWATCH_DATA) holds the two streams. Of each post and the sixty after it, all texts different: how many of the
pairs that share .7 of their words (Jaccard) the signatures find, and how many of those that share less than .5 they take for
near copies. Then a ring's worth of variations of one text: how much of it is found to be one group.
"""

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from data_folder import add_data_option, parse_with_data

from streamwatch.alerting.diversity import NEAR_COPY, similarity
from streamwatch.alerting.voices import Voice
from streamwatch.alerting.witnesses import KEPT, Witnesses
from streamwatch.text.clean import model_text, stored_text
from streamwatch.text.signature import alike, signature
from streamwatch.text.words import word_set

NEIGHBOURS = 60
N_POSTS = 14_000
UNLIKE = 0.5
N_CAMPAIGNS = 300
VARIED = 0.2
"""Of the words of a campaign's text, how many each copy replaces: two of them then share some .47 to .67."""


def main() -> None:
    """Print a line for each stream, the campaigns, and the time."""
    folder = _folder()
    for name in ("airline_tweets_2015", "stocknet_2014_2016"):
        texts = _texts(folder / "stream" / f"{name}.csv.gz")
        near, far = _pairs(texts)
        print(
            f"{name}: of {len(near)} near copies {sum(near) / len(near):.1%} found;"
            f" of {len(far)} unlike pairs {sum(far) / len(far):.3%} taken for near copies"
        )
        shares = sorted(_campaigns(texts))
        print(
            f"  campaigns of {KEPT}: largest group, median {shares[len(shares) // 2]:.0%}, 5 % below {shares[15]:.0%}"
        )
        rings = sorted(_rings(texts))
        print(f"  {KEPT} neighbours: largest group, median {rings[len(rings) // 2]:.0%}, 1 % above {rings[-3]:.0%}")
        started = time.process_time()
        for text in texts:
            signature(text)
        print(f"  {(time.process_time() - started) / len(texts) * 1e6:.1f} µs a text")


def _texts(path: Path) -> list[str]:
    posts = pd.read_csv(path).sort_values("published_at", kind="stable").text.head(N_POSTS)
    return list(dict.fromkeys(model_text(stored_text(text)) for text in posts))


def _pairs(texts: list[str]) -> tuple[list[bool], list[bool]]:
    """Whether signatures are alike, of near copies and of unlike texts."""
    sets, signatures = [word_set(text) for text in texts], [signature(text) for text in texts]
    near: list[bool] = []
    far: list[bool] = []
    for i in range(len(texts)):
        for j in range(i + 1, min(i + NEIGHBOURS, len(texts))):
            shared = similarity(sets[i], sets[j])
            if shared >= NEAR_COPY:
                near.append(alike(signatures[i], signatures[j]))
            elif shared < UNLIKE and (i + j) % 7 == 0:
                far.append(alike(signatures[i], signatures[j]))
    return near, far


def _campaigns(texts: list[str]) -> Iterator[float]:
    """The largest group's share where all voices vary one text."""
    draw = random.Random(1)
    long = [text for text in texts if len(word_set(text)) >= 12]
    for text in draw.sample(long, N_CAMPAIGNS):
        yield _largest([_varied(text, draw) for _ in range(KEPT)])


def _varied(text: str, draw: random.Random) -> str:
    return " ".join(f"x{draw.randrange(10**6)}" if draw.random() < VARIED else word for word in text.split())


def _rings(texts: list[str]) -> Iterator[float]:
    """The largest group's share of real neighbours."""
    for start in random.Random(2).sample(range(len(texts) - KEPT), N_CAMPAIGNS):
        yield _largest(texts[start : start + KEPT])


def _largest(texts: list[str]) -> float:
    ring = Witnesses()
    for i, text in enumerate(texts):
        ring.add(Voice(f"t{i}", "negative", ("all",), "", 0, i, 1, signature(text)), i)
    return ring.summary(0).largest_text_share or 0.0


def _folder() -> Path:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    folder: Path = parse_with_data(parser).data
    return folder


if __name__ == "__main__":
    main()
