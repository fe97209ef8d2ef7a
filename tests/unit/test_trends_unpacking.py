"""What is unpacked in bulk is what is unpacked one by one, whatever the numbers."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streamwatch.trends.cells import packed, packed_cell, unpacked
from streamwatch.trends.distinct import split
from streamwatch.trends.unpacking import Hashes, cells_of, sketches_of

numbers = st.one_of(st.integers(-40, 300), st.integers(-(2**40), 2**40), st.integers(2**31, 2**33))
hashes = st.one_of(st.integers(2**16, 2**32 - 1), st.integers(0, 2**17))
some_hashes = st.lists(hashes, max_size=64, unique=True).map(sorted)


@settings(max_examples=200, deadline=None)
@given(cells=st.lists(st.lists(numbers, min_size=7, max_size=7), max_size=20))
def test_cells_are_unpacked_in_bulk_as_one_by_one(cells: list[list[int]]) -> None:
    fields = [packed_cell(cell) for cell in cells]
    assert cells_of(fields).tolist() == [unpacked(field) for field in fields]


@settings(max_examples=200, deadline=None)
@given(sketches=st.lists(st.tuples(some_hashes, some_hashes), max_size=12))
def test_sketches_are_unpacked_in_bulk_as_one_by_one(sketches: list[tuple[list[int], list[int]]]) -> None:
    fields = [packed(texts) + packed(authors) for texts, authors in sketches]
    found = [by_field(one, len(fields)) for one in sketches_of(fields)]
    assert [list(pair) for pair in zip(*found, strict=True)] == [list(split(field)) for field in fields]


def by_field(some: Hashes, n: int) -> list[list[int]]:
    return [some.value[some.field == i].tolist() for i in range(n)]
