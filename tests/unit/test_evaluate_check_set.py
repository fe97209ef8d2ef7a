"""The check set keeps what its README promises: size, balance, no copies, and that no model learned it."""

import csv
from collections import Counter
from itertools import combinations
from pathlib import Path

from streamwatch.evaluation.check_set import CHECK_SET
from streamwatch.inference.engine import TOPICS, UNCLEAR
from streamwatch.inference.opening import SHIPPED
from streamwatch.models.manifest import file_sha256, read_manifest
from streamwatch.records import SENTIMENTS
from streamwatch.text.clean import model_text, stored_text
from streamwatch.text.readable import unread_reason
from streamwatch.text.signature import alike, signature
from streamwatch.text.words import word_set

ROWS = list(csv.DictReader(CHECK_SET.open(encoding="utf-8", newline="")))
README = (CHECK_SET.parent / "README.md").read_text(encoding="utf-8")
ALIKE_WORDS = 0.5
"""Of the words of both. The signature alone takes many short texts for copies of another."""


def shares(column: str) -> Counter[str]:
    return Counter(row[column] for row in ROWS)


def test_it_has_at_least_500_texts_with_ids_of_their_own() -> None:
    assert len(ROWS) >= 500
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert list(ROWS[0]) == ["id", "text", "sentiment", "topic", "kind", "note"]


def test_every_label_is_known_and_no_sentiment_is_rare() -> None:
    assert set(shares("sentiment")) == set(SENTIMENTS)
    assert min(shares("sentiment").values()) >= 0.3 * len(ROWS)


def test_every_topic_has_texts_of_all_three_sentiments() -> None:
    assert set(shares("topic")) == {*TOPICS, UNCLEAR}
    assert min(shares("topic").values()) >= 20
    both = Counter((row["topic"], row["sentiment"]) for row in ROWS)
    assert len(both) == 3 * 21
    assert min(both.values()) >= 3


def test_no_text_is_a_near_copy_of_another() -> None:
    read = [(row["text"], word_set(row["text"]), signature(row["text"])) for row in ROWS]
    copies = [
        (a, b)
        for (a, words_a, sign_a), (b, words_b, sign_b) in combinations(read, 2)
        if alike(sign_a, sign_b) and len(words_a & words_b) >= ALIKE_WORDS * len(words_a | words_b)
    ]
    assert copies == []


def test_every_text_can_be_read_and_says_what_the_model_sees() -> None:
    for row in ROWS:
        assert unread_reason(model_text(stored_text(row["text"]))) == "", row["id"]


def test_long_texts_are_long() -> None:
    assert all(len(row["text"].split()) >= 150 for row in ROWS if row["kind"] == "long")


def test_the_readme_counts_right() -> None:
    assert f"{len(ROWS)} short texts" in README
    assert "{negative} negative, {neutral} neutral, {positive} positive".format_map(shares("sentiment")) in README
    for line in README.splitlines():
        kinds, _, n = line.removeprefix("| ").partition(" | ")
        if n[:1].isdigit():
            assert sum(shares("kind")[kind] for kind in kinds.split(", ")) == int(n.split(" |")[0]), kinds


def test_no_shipped_model_learned_it() -> None:
    learned = {(Path(data.file).name, data.sha256) for data in read_manifest(SHIPPED).data}
    assert CHECK_SET.name not in {name for name, _ in learned}
    assert file_sha256(CHECK_SET) not in {digest for _, digest in learned}
