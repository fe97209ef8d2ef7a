"""Making a first stage, whole: a tiny trunk is asked, the file stands beside its adapter and fits no other model."""

import gzip
from pathlib import Path

import pytest
from tiny_models import write_model

from streamwatch.config import load
from streamwatch.errors import ConfigError, ModelError
from streamwatch.inference.cascade.first_stage import CASCADE_FILE, MAX_BYTES, read_first_stage
from streamwatch.inference.cascade.job import LABELLED, STREAM, UNSEEN_FROM, make_cascade, read_known
from streamwatch.inference.opening import locate, open_engine
from streamwatch.learning.datasets.catalogue import find

N_ROWS = 120


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The labelled sets and a stream, half of it too late to be learned from."""
    folder = tmp_path_factory.mktemp("data")
    for name in LABELLED:
        entry = find(name)
        labels = list(entry.label_map())
        rows = [f"{name} company {n} profit,{labels[n % len(labels)]}" for n in range(N_ROWS)]
        path = folder / entry.file
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([f"{entry.columns.text},{entry.columns.label}", *(_quoted(row) for row in rows)]))
    (folder / "stream").mkdir()
    dates = ("2015-05-31T23:59:59Z", f"{UNSEEN_FROM}T00:00:00Z")
    lines = [f"{n},{dates[n % 2]},X,shares fall {'late' if n % 2 else 'early'} {n}" for n in range(2 * N_ROWS)]
    with gzip.open(folder / find(STREAM).file, "wt") as file:
        file.write("\n".join(["id,published_at,ticker,text", *lines]))
    return folder


def _quoted(row: str) -> str:
    text, _, label = row.partition(",")
    return f'{text},"{label}"'


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    folder = tmp_path_factory.mktemp("models") / "one"
    write_model(folder)
    make_cascade(locate(load(model=str(folder))), data, 10_000, lambda *_: None)
    return folder


def test_the_file_stands_beside_the_adapter_and_says_what_it_is(model: Path) -> None:
    found = read_first_stage(model)
    assert found is not None and (model / CASCADE_FILE).stat().st_size < MAX_BYTES
    assert set(found.card.macro_f1) == set(LABELLED) and found.card.n_texts > 0
    assert [head.name for head in found.card.heads] == ["sentiment", "topic"]
    assert found.version in open_engine(load(model=str(model), precision="fp32", cascade="on")).model


def test_nothing_late_in_the_stream_is_learned_from(data: Path) -> None:
    stream = [one.text for one in read_known(data, 10_000) if one.source == STREAM]
    assert len(stream) == N_ROWS and all("early" in text for text in stream)


def test_the_same_texts_make_the_same_file(model: Path, data: Path) -> None:
    before = (model / CASCADE_FILE).read_bytes()
    make_cascade(locate(load(model=str(model))), data, 10_000, lambda *_: None)
    assert (model / CASCADE_FILE).read_bytes() == before


def test_beside_another_adapter_it_is_refused(model: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "two", seed=2)
    (tmp_path / "two" / CASCADE_FILE).write_bytes((model / CASCADE_FILE).read_bytes())
    with pytest.raises(ModelError, match="another model"):
        open_engine(load(model=str(tmp_path / "two"), precision="fp32"))


def test_a_folder_without_the_data_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        read_known(tmp_path, 10_000)
