"""A batch's failure belongs to its items: split until the bad one stands alone.

Examples:
    >>> def reciprocal(rows):
    ...     return [1 / row for row in rows]
    >>> isolate(reciprocal, [1, 2, 0, 4], out_of_memory=(MemoryError,))
    [1.0, 0.5, RejectError('classification_failed: ZeroDivisionError: division by zero'), 0.25]
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from streamwatch.errors import ModelError, RejectError, StreamwatchError

Row = TypeVar("Row")
Result = TypeVar("Result")


def isolate(
    run: Callable[[Sequence[Row]], Sequence[Result | RejectError]],
    rows: Sequence[Row],
    out_of_memory: tuple[type[Exception], ...],
) -> list[Result | RejectError]:
    """What `run` gives for `rows`; where it raises, for the halves, down to single rows, which become `RejectError`.

    A single row that runs out of memory says nothing against the row: then a `ModelError` ends it, and the documents
    stay unacknowledged in Kafka. Errors of our own (a `FatalError`) pass through at once.
    """
    try:
        return list(run(rows))
    except StreamwatchError:
        raise
    except Exception as error:
        if len(rows) == 1:
            return [_verdict(error, out_of_memory)]
    half = len(rows) // 2  # outside of the handler, so that the failed batch's tensors are free before the next try
    return isolate(run, rows[:half], out_of_memory) + isolate(run, rows[half:], out_of_memory)


def _verdict(error: Exception, out_of_memory: tuple[type[Exception], ...]) -> RejectError:
    if isinstance(error, out_of_memory):
        raise ModelError(
            "no memory for a single text: give the worker more, or lower STREAMWATCH_BATCH_TOKENS"
        ) from error
    return RejectError("classification_failed", f"{type(error).__name__}: {error}")
