"""The figures for people: a few lines, a table of the labels with their confusions, one of the groups."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from streamwatch.evaluation.figures import Figures

MAX_COLUMNS = 6
"""A confusion matrix of more labels is no longer read: then each label has the mistakes that it is taken for most."""
TOP = 3


def show(figures: Figures, console: Console) -> None:
    """Print everything."""
    for line in lines(figures):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(_labels(figures))
    if figures.by:
        console.print(_groups(figures))


def lines(f: Figures) -> Iterator[str]:
    """The figures that are of all texts together."""
    yield f"{f.task} of {f.model}"
    yield f"on {f.data}: {f.n:,} texts in {f.seconds:.1f} s" + "".join(_counted(f))
    yield f"accuracy {f.accuracy:.3f}   macro-F1 {f.macro_f1:.3f}   macro-recall {f.macro_recall:.3f}"
    low, high = f.ece_interval
    yield f"calibration error {f.ece:.3f} (95 % interval {low:.3f} to {high:.3f})"
    yield (
        f"confident (p ≥ {f.confident_at:g}) of {100 * f.coverage:.0f} %, accuracy there {f.accuracy_when_confident:.3f}"
    )
    yield "accuracy of the surest " + ", ".join(
        f"{100 * float(c):.0f} % {a:.3f}" for c, a in f.selective_accuracy.items()
    )


def _counted(f: Figures) -> Iterator[str]:
    if f.n_left_out:
        yield f", {f.n_left_out:,} left out"
    if f.n_unread:
        yield f", {f.n_unread:,} could not be read (scored as wrong)"
    if f.n_failed:
        yield f", {f.n_failed:,} failed (scored as wrong)"


def _labels(f: Figures) -> Table:
    """A row for each label that occurs: recall, precision, what its texts are predicted as."""
    columns = list(dict.fromkeys(said for row in f.confusion.values() for said in row))
    ordered = [*(name for name in f.recall if name in columns), *(name for name in columns if name not in f.recall)]
    wide = len(ordered) <= MAX_COLUMNS
    table = Table(
        "label", "n", "recall", "precision", *([f"as {name}" for name in ordered] if wide else ["mistaken for"])
    )
    for name, row in f.confusion.items():
        cells = [str(row.get(said, 0)) for said in ordered] if wide else [_mistakes(name, row)]
        table.add_row(name, str(sum(row.values())), f"{f.recall[name]:.3f}", f"{f.precision[name]:.3f}", *cells)
    return table


def _mistakes(name: str, row: dict[str, int]) -> str:
    others = sorted(((n, said) for said, n in row.items() if said != name), key=lambda pair: -pair[0])
    return ", ".join(f"{said} {n}" for n, said in others[:TOP])


def _groups(f: Figures) -> Table:
    table = Table("by", "n", "accuracy")
    for name, group in f.by.items():
        table.add_row(name, str(group.n), f"{group.accuracy:.3f}")
    return table
