"""Exports: the rows of a question as CSV or JSON, all of them, streamed, with their number in the head.

JSON is an array of objects. In CSV a text that a spreadsheet would take for a formula gets an apostrophe before it, as OWASP
says; JSON has it as it is.

Examples:
    >>> b"".join(as_csv(["a", "b"], [[1, "x"], [None, "=1+1"]]))
    b"a,b\\r\\n1,x\\r\\n,'=1+1\\r\\n"
    >>> b"".join(as_json(["a"], [[1], [None]]))
    b'[{"a":1},\\n{"a":null}]\\n'
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal

import msgspec
from fastapi.responses import StreamingResponse

Format = Literal["csv", "json"]
ROWS_AT_ONCE = 1000
"""Rows of a chunk: some hundred kilobytes."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet computes; some take the wide forms of the signs for the narrow ones."""
FILES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {"text/csv": {}, "application/json": {}}}
}
"""What the OpenAPI document says of an export."""
_encode = msgspec.json.Encoder().encode


def export(
    name: str, format: Format, columns: Sequence[str], rows: Iterable[Sequence[Any]], n_rows: int
) -> StreamingResponse:  # fmt: skip
    """The answer, as a file to keep. `n_rows` is how many rows there are."""
    chunks = as_csv(columns, rows) if format == "csv" else as_json(columns, rows)
    kind = "text/csv; charset=utf-8" if format == "csv" else "application/json"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"', "X-Row-Count": str(n_rows)}
    return StreamingResponse(chunks, media_type=kind, headers=headers)


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """RFC 4180, with a head."""
    waiting = iter(rows)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    while some := list(islice(waiting, ROWS_AT_ONCE)):
        writer.writerows([_harmless(cell) for cell in row] for row in some)
        yield text.getvalue().encode("utf-8", "replace")
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def as_json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """One object a row."""
    waiting = iter(rows)
    before = b"["
    while some := list(islice(waiting, ROWS_AT_ONCE)):
        yield before + b",\n".join(_encode(dict(zip(columns, row, strict=True))) for row in some)
        before = b",\n"
    yield b"[]\n" if before == b"[" else b"]\n"
