"""What the store does with a record of `classified`: count it, or leave it.

The store keeps, per source channel and partition, the last source offset applied: the fence. `classified` may hold
copies (a crash between the produce and the commit, a zombie) and may lack a batch that will come again (a lost
produce). Both are told from the record alone.

Examples:
    >>> judge(fence=10, source_offset=11, follows=10)
    <Verdict.COUNT: 'count'>
    >>> judge(fence=10, source_offset=10, follows=9)
    <Verdict.COPY: 'copy'>
    >>> judge(fence=10, source_offset=14, follows=13)      # 11 to 13 were lost and will come again
    <Verdict.HOLE: 'hole'>
    >>> judge(fence=10, source_offset=12, follows=7)       # a run began at 8, where 8 to 11 exist no more
    <Verdict.COUNT: 'count'>
"""

from enum import Enum

NOTHING = -1
"""The fence of a source partition of which nothing was applied."""


class Verdict(Enum):
    """What becomes of a record at the fence."""

    COUNT = "count"
    COPY = "copy"
    HOLE = "hole"


def judge(fence: int, source_offset: int, follows: int) -> Verdict:
    """The verdict on a record, given the last source offset applied.

    A record at or below the fence is a copy. One whose `follows` lies above the fence stands after a hole: counting it
    would move the fence over documents that are still to come.
    """
    if source_offset <= fence:
        return Verdict.COPY
    if follows > fence:
        return Verdict.HOLE
    return Verdict.COUNT
