"""Documents in SQLite: a file for each day of publication, and one that says how far `classified` was read.

Examples:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = open_store(folder)
    ...     store.holding().n_documents, store.reaches_back_to_ms()
    (0, None)
"""

from pathlib import Path

from streamwatch.documents.store import DocumentStore


def open_store(folder: Path | str) -> DocumentStore:
    """The store in this folder, to be read. A folder that is not there yet is an empty store."""
    from streamwatch.documents.sqlite.reading import SqliteStore

    return SqliteStore(Path(folder))
