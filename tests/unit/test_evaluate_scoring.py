"""What is counted as what: an engine that says what the text tells it to, and one real tiny model."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tiny_models import write_model

from streamwatch.config import load
from streamwatch.errors import ConfigError, RejectError
from streamwatch.evaluation.figures import Figures, Subject, figures
from streamwatch.evaluation.labelled_file import LabelledText
from streamwatch.evaluation.labels import Labels, head_labels
from streamwatch.evaluation.scoring import CHUNK_ROWS, Scored, Terms, score
from streamwatch.inference.engine import Answer, Engine, NullEngine, NullRow
from streamwatch.inference.opening import open_engine
from streamwatch.records import SENTIMENTS, Label, Prediction, SentimentLabel


class Parrot:
    """Says the label and the probability that stand in the text: `negative .9`; `boom` fails."""

    model = "parrot"

    def prepare(self, texts: Sequence[str]) -> list[NullRow | RejectError]:
        return [RejectError("classification_failed", "boom") if text == "boom" else NullRow(text) for text in texts]

    def predict(self, batch: Sequence[NullRow]) -> list[Answer]:
        return [self._say(*row.text.rsplit(" ", 1)) for row in batch]

    def _say(self, label: str, p: str) -> Prediction:
        shares = {s: float(p) if s == label else (1 - float(p)) / 2 for s in SENTIMENTS}
        said = label if label in SENTIMENTS else "neutral"
        return Prediction(
            topic=Label(label=label, p=float(p)),
            sentiment=SentimentLabel(label=said, p=shares[said], probabilities=shares),
            heads={"urgency": Label(label=label, p=float(p))},
            model=self.model,
        )


def scored(
    rows: list[tuple[str, str]], task: str = "sentiment", engine: Engine | None = None, **options: object
) -> Scored:
    engine = engine or Parrot()
    labels = Labels(head_labels(engine, task), **options)  # type: ignore[arg-type]
    terms = Terms(task, labels, 0.6, 1000, 4096)
    texts = [LabelledText(i, *row) for i, row in enumerate(rows, 1)]
    return score(texts, engine, terms, "a.csv", lambda n: None)


def told(rows: list[tuple[str, str]], task: str = "sentiment", **options: object) -> Figures:
    labels = Labels(head_labels(Parrot(), task), **options)  # type: ignore[arg-type]
    return figures(scored(rows, task, **options), labels.names, Subject(task, "a.csv", "parrot", 0.6))


def test_a_failed_text_is_wrong_and_the_others_are_not_harmed() -> None:
    made = told([("negative .9", "negative"), ("boom", "negative"), ("positive .8", "positive")])
    assert (made.n, made.n_failed, made.accuracy) == (3, 1, 0.6667)
    assert made.confusion["negative"] == {"negative": 1, "(none)": 1}
    assert made.recall == {"negative": 0.5, "positive": 1.0}


def test_the_best_label_is_scored_however_unsure_and_coverage_stands_beside_it() -> None:
    made = told(
        [
            ("negative .4", "negative"),
            ("negative .9", "negative"),
            ("positive .9", "negative"),
            ("positive .5", "negative"),
        ]
    )
    assert (made.accuracy, made.coverage, made.accuracy_when_confident) == (0.5, 0.5, 0.5)


def test_unclear_is_a_label_but_no_confident_answer() -> None:
    made = told([("unclear .99", "unclear"), ("earnings .9", "earnings")], "topic")
    assert (made.accuracy, made.coverage, made.accuracy_when_confident) == (1.0, 0.5, 1.0)


def test_the_surest_half_is_found_by_probability() -> None:
    rows = [
        ("negative .9", "negative"),
        ("negative .8", "negative"),
        ("positive .5", "negative"),
        ("positive .4", "negative"),
    ]
    assert told(rows).selective_accuracy["0.5"] == 1.0


def test_labels_that_do_not_occur_have_no_recall_and_no_part_in_macro_f1() -> None:
    made = told([("negative .9", "negative"), ("positive .9", "positive")])
    assert (set(made.recall), made.macro_f1) == ({"negative", "positive"}, 1.0)


def test_probabilities_are_renormalised_over_the_classes() -> None:
    made = scored([("neutral .9", "negative")], chosen=("negative", "positive"))
    assert made.tally.p.tolist() == [0.5]


def test_a_text_is_cut_and_cleaned_as_in_the_worker() -> None:
    made = scored([("RT @jo: negative .9", "negative"), ("x" * 5000, "neutral")], engine=NullEngine())
    assert len(made.tally) == 2


def test_an_engine_that_gives_no_other_probability_scores_no_choice_of_topics() -> None:
    with pytest.raises(ConfigError, match="no probability of a topic but the best one's"):
        told([("ipo .9", "ipo")], "topic", chosen=("ipo", "dividend"))


def test_a_real_model_scores_a_choice_of_topics_among_themselves(tmp_path: Path) -> None:
    write_model(tmp_path)
    engine = open_engine(load(model=str(tmp_path), device="cpu"))
    rows = [("shares fall", "ipo"), ("profit of the company", "dividend"), ("bag lost", "earnings"), ("...", "ipo")]
    made = scored(rows, "topic", engine, chosen=("ipo", "dividend"))
    assert (len(made.tally), made.n_left_out, made.n_unread) == (3, 1, 1)
    assert set(made.tally.predicted.tolist()) <= {0, 1, -1}
    assert all(0.5 <= p <= 1 for p in made.tally.p[:2])


def test_rows_are_read_as_they_are_scored() -> None:
    read: list[int] = []
    seen: list[int] = []

    def rows() -> Iterator[LabelledText]:
        for i in range(1, 3 * CHUNK_ROWS + 1):
            read.append(i)
            yield LabelledText(i, f"text {i}", "neutral")

    terms = Terms("sentiment", Labels(SENTIMENTS), 0.6, 1000, 4096)
    score(rows(), NullEngine(), terms, "a.csv", lambda n: seen.append(len(read) - n))
    assert seen == [0, 0, 0]


@pytest.mark.parametrize("task", ["sentiment", "topic"])
def test_a_real_model_is_scored_on_every_row(task: str, tmp_path: Path) -> None:
    write_model(tmp_path)
    engine = open_engine(load(model=str(tmp_path), device="cpu"))
    label = {"sentiment": "negative", "topic": "earnings"}[task]
    made = scored([("shares fall .", label), ("profit of the company", label), ("...", label)], task, engine)
    assert (len(made.tally), made.n_unread, made.n_failed) == (3, 1, 0)
    assert 0 < made.tally.p[0] <= 1
