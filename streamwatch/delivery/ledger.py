"""Which source offsets of one partition may be released, and what each of them follows.

Classification finishes in any order; records must leave in source order and offsets may be committed only up to the
first one that has not left. The ledger holds what is in flight and gives out the contiguous finished prefix.

Faust's own acks are not used for this: it commits past what is still in flight (its issue 606), and it acks the events
of an earlier generation that it skips after a rebalance.

Examples:
    >>> ledger = PartitionLedger(committed=5)
    >>> for offset in (5, 6, 8): ledger.open(offset)      # 7 is a gap in the log, a transaction marker for instance
    >>> ledger.complete(6, "b"); ledger.release()
    []
    >>> ledger.complete(5, "a"); ledger.release()
    [Released(offset=5, follows=4, result='a'), Released(offset=6, follows=5, result='b')]
    >>> ledger.complete(8, "c"); ledger.release()
    [Released(offset=8, follows=6, result='c')]
"""

from collections import deque
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Released(NamedTuple, Generic[T]):
    """A finished offset with the one that this run released before it."""

    offset: int
    follows: int
    result: T


class PartitionLedger(Generic[T]):
    """In-flight offsets of one partition during one run, that is from one assignment to the next.

    Args:
        committed: the offset at which the run begins; everything below it was released and acknowledged by earlier runs.
    """

    def __init__(self, committed: int) -> None:
        self._in_flight: deque[int] = deque()
        self._finished: dict[int, T] = {}
        self._follows = committed - 1
        self._newest = committed - 1

    def __len__(self) -> int:
        return len(self._in_flight)

    @property
    def newest(self) -> int:
        """The newest offset opened, at the start of the run the one before it."""
        return self._newest

    def open(self, offset: int) -> None:
        """Take `offset` in flight. Raises `ValueError` unless it is above all that came before."""
        if offset <= self._newest:
            raise ValueError(f"offset {offset} came after {self._newest}")
        self._newest = offset
        self._in_flight.append(offset)

    def complete(self, offset: int, result: T) -> None:
        """Finish `offset`, in any order."""
        self._finished[offset] = result

    def release(self) -> list[Released[T]]:
        """The contiguous finished prefix, in order; each offset is released once."""
        released = []
        while self._in_flight and self._in_flight[0] in self._finished:
            offset = self._in_flight.popleft()
            released.append(Released(offset, self._follows, self._finished.pop(offset)))
            self._follows = offset
        return released
