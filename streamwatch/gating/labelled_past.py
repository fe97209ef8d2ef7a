"""Labelled texts of the past out of files: what was known before, kept aside, that nothing was trained on.

A file has a column `text` and one for each task that it has labels of (`sentiment`, `topic`), as CSV or JSON lines, plain or
gzipped. Its name is the source of its slice.

Examples:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "old.csv")
    ...     _ = path.write_text("text,sentiment\\nprofit falls,negative\\n")
    ...     [found] = read_past(path)
    >>> found.text, found.labels, found.slices
    ('profit falls', {'sentiment': 'negative'}, ('sentiment negative', 'source old'))
"""

from pathlib import Path

from streamwatch.errors import ConfigError
from streamwatch.evaluation.labelled_file import LabelledFile
from streamwatch.gating.evidence import TASKS, Known


def read_past(path: Path) -> list[Known]:
    """The texts of a file with their labels. Raises `ConfigError` where it has none of the tasks, or is no such file."""
    by_task = {task: found for task in TASKS if (found := _labels(path, task)) is not None}
    if not by_task:
        raise ConfigError(f"{path}: expected columns text and {' or '.join(TASKS)}")
    texts = [text for text, _ in next(iter(by_task.values()))]
    return [
        _known(text, {task: rows[i][1] for task, rows in by_task.items() if rows[i][1]}, path)
        for i, text in enumerate(texts)
    ]


def _labels(path: Path, task: str) -> list[tuple[str, str]] | None:
    """Text and label of each row; None where the file has no such column."""
    try:
        return [(row.text, row.label.strip()) for row in LabelledFile(str(path), "text", task)]
    except ConfigError as error:
        if f"no column {task}" in str(error):
            return None
        raise


def _known(text: str, labels: dict[str, str], path: Path) -> Known:
    slices = (*(f"{task} {label}" for task, label in labels.items()), f"source {path.name.split('.')[0]}")
    return Known(text, labels, slices)
