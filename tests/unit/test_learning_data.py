"""What is learned from: data sets by name, reading labelled files, holding texts out, the order of an epoch."""

import gzip
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.errors import ConfigError
from streamwatch.inference.engine import TOPICS, UNCLEAR
from streamwatch.learning.batches import epoch_batches
from streamwatch.learning.datasets import catalogue
from streamwatch.learning.datasets.entry import DataSet, read_entry
from streamwatch.learning.datasets.rows import NO_LABEL, Example, read_examples
from streamwatch.learning.material import head_entries, some_unknown
from streamwatch.learning.near_copies import jaccard, near_copies
from streamwatch.learning.split import DEV_SHARE, VALIDATION_SHARE, held_out, sides
from streamwatch.text.words import word_set

DESK = DataSet(name="desk", file="desk.csv", task="sentiment")


def write(folder: Path, *rows: str) -> Path:
    (folder / "desk.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    return folder


def test_texts_are_cleaned_as_the_model_reads_them(tmp_path: Path) -> None:
    [example] = read_examples(write(tmp_path, "RT @jo: up &amp; away https://t.co/x,positive"), DESK)
    assert (example.text, example.label) == ("up & away http", 2)


def test_copies_count_once_and_contradictions_not_at_all(tmp_path: Path) -> None:
    rows = ("up https://t.co/1,positive", "up https://t.co/2,positive", "odd,negative", "odd,positive", "flat,neutral")
    assert [example.text for example in read_examples(write(tmp_path, *rows), DESK)] == ["up http", "flat"]


def test_rare_labels_weigh_more_where_the_data_set_says_so(tmp_path: Path) -> None:
    folder = write(tmp_path, "a,neutral", "b,neutral", "c,neutral", "d,negative")
    balanced = read_examples(folder, msgspec.structs.replace(DESK, balance=1.0, weight=2.0))
    assert [round(example.weight, 3) for example in balanced] == [1.333, 1.333, 1.333, 4.0]
    assert {example.weight for example in read_examples(folder, DESK)} == {1.0}


def test_gzipped_files_are_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "desk.csv.gz", "wt") as file:
        file.write("text,label\nup,positive\n")
    assert len(read_examples(tmp_path, msgspec.structs.replace(DESK, file="desk.csv.gz"))) == 1


def test_other_columns_and_labels_are_named_in_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "desk.csv").write_text("body,mood\nto the moon,bull\nto the floor,bear\n")
    entry = read_entry(
        b"{name: desk, file: desk.csv, task: sentiment, columns: {text: body, label: mood},"
        b" labels: {bull: positive, bear: negative}, lacks: [neutral]}",
        "desk.yml",
    )
    assert [example.label for example in read_examples(tmp_path, entry)] == [2, 0]


def test_texts_without_a_task_have_no_label(tmp_path: Path) -> None:
    (tmp_path / "desk.csv").write_text("text\nup\n")
    [example] = read_examples(tmp_path, msgspec.structs.replace(DESK, task=""))
    assert example.label == NO_LABEL


def test_unlabelled_texts_are_new_ones_and_the_same_every_time() -> None:
    read = [Example(text, "bare", "", NO_LABEL) for text in "abcdefgh"]
    known = [Example("c", "desk", "sentiment", 0)]
    some = some_unknown(read, known, 3)
    assert some == some_unknown(read[::-1], known, 3) and len(some) == 3
    assert {e.text for e in some_unknown(read, known, 0)} == set("abdefgh")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"text,label\nup,positive\nmore,bullish\n",
            r"row 3: label 'bullish' is not one of negative, neutral, positive",
        ),
        (b"text,mood\nup,positive\n", r"row 1: no column 'label' among text, mood"),
        (b"text,label\nup,positive\n\xff\xfe,positive\n", r"desk\.csv, after row"),
        (b"", r"row 1: no column 'text'"),
    ],
    ids=["unknown label", "missing column", "not UTF-8", "empty file"],
)
def test_a_fault_in_the_data_names_file_and_row(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "desk.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_examples(tmp_path, DESK)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is missing: the data set desk needs it"):
        read_examples(tmp_path, DESK)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{name: desk}", "missing required field"),
        (b"{name: desk, file: a, task: urgency}", "task urgency is new"),
        (b"{name: desk, file: a, task: sentiment, lacks: [meh]}", "'meh' is no label of sentiment"),
        (b"{name: desk, file: a, task: topic, domain: press}", "Invalid enum value"),
        (b"{name: desk, file: a, task: topic, repeat: 0}", "repeat is at least 1"),
        (b"{name: '../desk', file: a, task: topic}", "lower-case letters"),
    ],
    ids=["missing field", "no labels", "unknown label", "unknown domain", "no repeat", "bad name"],
)
def test_a_fault_in_a_data_set_names_its_file(content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=f"desk.yml: .*{message}"):
        read_entry(content, "desk.yml")


def test_the_worker_s_tasks_come_first_and_a_new_task_makes_a_head() -> None:
    urgency = read_entry(b"{name: desk, file: a, task: urgency, labels: {0: low, 1: high}}", "desk.yml")
    heads = head_entries([urgency, catalogue.find("twitter_financial_topics"), catalogue.find("fiqa")])
    assert [head.name for head in heads] == ["sentiment", "topic", "urgency"]
    assert [head.domains for head in heads] == [("market", "customer"), (), ()]
    assert heads[1].labels == (*TOPICS, UNCLEAR) and heads[1].outside == UNCLEAR
    assert heads[2].labels == ("low", "high")


def test_a_release_learns_from_the_permissive_list_only() -> None:
    catalogue.check_trainable(catalogue.permissive(), release=True)
    catalogue.check_trainable([catalogue.find("stockemotions"), DESK], release=False)
    for name in ("stockemotions", "finfe_zh", "thucnews_zh"):
        with pytest.raises(ConfigError, match=f"{name} is not of these"):
            catalogue.check_trainable([catalogue.find(name)], release=True)
    claimed = msgspec.structs.replace(DESK, permissive=True)
    with pytest.raises(ConfigError, match="desk is not of these"):
        catalogue.check_trainable([claimed], release=True)
    renamed = msgspec.structs.replace(catalogue.find("fiqa"), file="stream/airline_tweets_2015.csv.gz")
    with pytest.raises(ConfigError, match="fiqa is not of these"):
        catalogue.check_trainable([renamed], release=True)


def test_a_release_may_choose_how_much_a_set_counts() -> None:
    chosen = msgspec.structs.replace(catalogue.find("fiqa"), repeat=3, balance=1.0)
    catalogue.check_trainable([chosen], release=True)


def test_airline_is_never_learned_from() -> None:
    for release in (True, False):
        with pytest.raises(ConfigError, match="airline is never learned from"):
            catalogue.check_trainable([catalogue.find("airline")], release=release)
    assert not any("airline" in e.file or "zh" in e.file or "2020" in e.file for e in catalogue.permissive())


def test_every_data_set_of_the_project_is_pinned() -> None:
    assert len(catalogue.names()) == 12
    assert all(len(catalogue.find(name).sha256) == 64 for name in catalogue.names())


def test_copies_stand_on_one_side_of_the_split() -> None:
    for n in range(200):
        text = f"Company {n} beats estimates"
        assert held_out(text) == held_out(f"{text.upper()}! http") == held_out(f"@user #{text}")


def headlines(n: int) -> list[str]:
    """Many texts, a third of them a near copy of another one: a word is another."""
    rng = random.Random(1)
    vocabulary = [f"{a}{b}{c}" for a in "bdgkt" for b in "aeiou" for c in "lmnrs"]
    made: list[str] = []
    for i in range(n):
        words = rng.choice(made).split() if i % 3 == 2 else rng.sample(vocabulary, 11)
        made.append(" ".join([*words[1:], rng.choice(vocabulary)]))
    return made


def test_no_near_copy_crosses_the_split() -> None:
    texts = headlines(600)
    made = sides(texts, dev_share=0.1)
    assert {"train", "dev", "report", "left out"} <= set(made)
    sets = {side: [word_set(t) for t, its in zip(texts, made, strict=True) if its == side] for side in made}
    for one, other in (("train", "dev"), ("train", "report"), ("dev", "report")):
        assert not any(jaccard(a, b) >= 0.7 for a in sets[one] for b in sets[other])


@given(
    st.lists(st.text("abcdefgh ", max_size=20), max_size=12), st.lists(st.text("abcdefgh ", max_size=20), max_size=12)
)
def test_the_prefix_filter_misses_no_near_copy(texts: list[str], others: list[str]) -> None:
    sets = [word_set(text) for text in others]
    slow = [any(jaccard(word_set(text), other) >= 0.7 for other in sets) for text in texts]
    assert near_copies(texts, others) == slow


def test_the_split_holds_out_its_shares() -> None:
    texts = [f"text {n}" for n in range(10_000)]
    assert sum(map(held_out, texts)) / 10_000 == pytest.approx(VALIDATION_SHARE, abs=0.01)
    letters = ["".join(chr(97 + int(d)) for d in str(n)) for n in range(10_000)]
    assert sides(letters).count("dev") / 10_000 == pytest.approx(DEV_SHARE, abs=0.01)


def test_a_text_s_side_does_not_depend_on_the_others() -> None:
    texts = headlines(300)
    alone = sides(texts[:100])
    among = sides(texts)[:100]
    assert all(a == b for a, b in zip(alone, among, strict=True) if "left out" not in (a, b))


@given(st.lists(st.integers(1, 128), min_size=1, max_size=400), st.integers(1, 32), st.integers(0, 3))
def test_an_epoch_shows_every_example_once(lengths: list[int], size: int, epoch: int) -> None:
    batches = epoch_batches(lengths, size, seed=1, epoch=epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(0 < len(batch) <= size for batch in batches)


def test_epochs_differ_and_repeat_themselves() -> None:
    lengths = list(range(1, 100))
    assert epoch_batches(lengths, 8, 1, 0) == epoch_batches(lengths, 8, 1, 0)
    assert epoch_batches(lengths, 8, 1, 0) != epoch_batches(lengths, 8, 1, 1)
    assert epoch_batches(lengths, 8, 1, 0) != epoch_batches(lengths, 8, 2, 0)
