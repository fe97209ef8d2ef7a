"""What is learned from: reading labelled files, holding texts out, the order of an epoch."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.errors import ConfigError
from streamwatch.learning.batches import epoch_batches
from streamwatch.learning.recipe import RECIPE, Source, read_recipe, read_source
from streamwatch.learning.split import VALIDATION_SHARE, held_out

DESK = Source("desk", "desk.csv", "sentiment")


def write(folder: Path, *rows: str) -> Path:
    (folder / "desk.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    return folder


def test_texts_are_cleaned_as_the_model_reads_them(tmp_path: Path) -> None:
    [example] = read_source(write(tmp_path, "RT @jo: up &amp; away https://t.co/x,positive"), DESK)
    assert (example.text, example.label) == ("up & away http", 2)


def test_copies_count_once_and_contradictions_not_at_all(tmp_path: Path) -> None:
    rows = ("up https://t.co/1,positive", "up https://t.co/2,positive", "odd,negative", "odd,positive", "flat,neutral")
    assert [example.text for example in read_source(write(tmp_path, *rows), DESK)] == ["up http", "flat"]


def test_rare_labels_weigh_more_where_the_recipe_says_so(tmp_path: Path) -> None:
    folder = write(tmp_path, "a,neutral", "b,neutral", "c,neutral", "d,negative")
    balanced = read_source(folder, Source("desk", "desk.csv", "sentiment", balance=1.0))
    assert [round(example.weight, 3) for example in balanced] == [0.667, 0.667, 0.667, 2.0]
    assert {example.weight for example in read_source(folder, DESK)} == {1.0}


def test_gzipped_files_are_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "desk.csv.gz", "wt") as file:
        file.write("text,label\nup,positive\n")
    assert len(read_source(tmp_path, Source("desk", "desk.csv.gz", "sentiment"))) == 1


def test_an_unknown_label_names_file_and_row(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"desk\.csv, row 3: label 'bullish' is not one of negative, neutral, positive"
    ):
        read_source(write(tmp_path, "up,positive", "more,bullish"), DESK)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is missing"):
        read_source(tmp_path, DESK)


def test_a_folders_own_recipe_goes_before_the_projects(tmp_path: Path) -> None:
    assert read_recipe(tmp_path) == RECIPE
    (tmp_path / "recipe.json").write_text('[{"name": "desk", "file": "desk.csv", "task": "sentiment"}]')
    assert read_recipe(tmp_path) == (DESK,)
    (tmp_path / "recipe.json").write_text('[{"name": "desk"}]')
    with pytest.raises(ConfigError, match=r"recipe\.json"):
        read_recipe(tmp_path)


def test_the_recipe_never_learns_from_what_it_is_judged_by() -> None:
    assert not any(word in source.file for source in RECIPE for word in ("airline", "zh", "stream/"))


def test_copies_stand_on_one_side_of_the_split() -> None:
    for n in range(200):
        text = f"Company {n} beats estimates"
        assert held_out(text) == held_out(f"{text.upper()}! http") == held_out(f"@user #{text}")


def test_the_split_holds_out_its_share() -> None:
    share = sum(held_out(f"text {n}") for n in range(10_000)) / 10_000
    assert share == pytest.approx(VALIDATION_SHARE, abs=0.01)


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
