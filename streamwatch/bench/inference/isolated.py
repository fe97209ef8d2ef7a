"""A variant in a process of its own, as whoever uses it would run it.

In one process variants get in each other's way: thread pools that spin when they wait, allocators, caches of compiled kernels.
The child is forked before anything was opened, opens its variant, and measures itself; only texts and answers pass.

Examples:
    >>> from streamwatch.bench.inference.ours import AtFullRate
    >>> from streamwatch.inference.batcher import Sizes
    >>> from streamwatch.inference.engine import NullEngine
    >>> spec = Spec("ours", "null", lambda: Opened("ours", "null", AtFullRate(NullEngine(), Sizes()), "no model"))
    >>> with opened_apart(spec) as one:
    ...     one.choice, one.variant.measured(["$AAPL falls"]).said["topic"], one.variant.figures().waste
    ('no model', ['financials'], 0.0)
"""

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from streamwatch.bench.inference.variant import Measured, Missing, Opened, Said, Spec, measured
from streamwatch.errors import FatalError

END_S = 10.0
"""For a child to end after it was told; it is at nothing then."""


class Apart:
    """A variant behind a pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def classify(self, texts: Sequence[str]) -> Said:
        """Both tasks of all texts."""
        return self.measured(texts).said

    def measured(self, texts: Sequence[str]) -> Measured:
        """The same, with the seconds that the child took."""
        return self._ask("measured", list(texts))  # type: ignore[no-any-return]

    def figures(self) -> Any:
        """What the batcher of one of ours has done."""
        return self._ask("figures", None)

    def _ask(self, what: str, argument: Any) -> Any:
        with suppress(ConnectionError):  # what has become of the child is said by what it answers
            self._pipe.send((what, argument))
        answer = _received(self._pipe)
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def opened_apart(spec: Spec) -> Iterator[Opened]:
    """The variant of `spec`, opened in a child that ends with the block. Raises `Missing` when it cannot run here."""
    ours, childs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_serve, args=(spec, childs), daemon=True)
    child.start()
    childs.close()
    try:
        answer = _received(ours)
        if isinstance(answer, Exception):
            raise answer
        yield msgspec.structs.replace(answer, variant=Apart(ours))
    finally:
        # Told, and not only closed: children that were forked later hold this end of the pipe too, so it never breaks.
        with suppress(ConnectionError):
            ours.send(None)
        ours.close()
        child.join(END_S)
        if child.is_alive():
            child.terminate()
            child.join()


def _received(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except (EOFError, ConnectionError):
        raise FatalError("a variant's process has ended before it answered: see its output above") from None


def _serve(spec: Spec, pipe: Connection) -> None:
    """The child's life: open, then answer until the pipe is closed. Ctrl-C is the parent's matter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        one = spec.open()
    except Missing as reason:
        pipe.send(Missing(str(reason)))
        return
    pipe.send(msgspec.structs.replace(one, variant=None))
    with suppress(EOFError, ConnectionError):
        while (asked := pipe.recv()) is not None:
            pipe.send(_answer(one, *asked))


def _answer(one: Opened, what: str, argument: Any) -> Any:
    try:
        return one.variant.figures() if what == "figures" else measured(one.variant, argument)
    except Exception as error:
        return FatalError(f"{one.name}: {error!r}")
