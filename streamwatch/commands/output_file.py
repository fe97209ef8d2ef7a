"""A file that is there whole or not at all: written beside its place and renamed when done."""

import gzip
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from streamwatch.errors import ConfigError

STDOUT = "-"


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A binary file to write. `path` is replaced when the block ends well; on any exception it stays as it was.

    `-` is standard output, which cannot be taken back. A name that ends in `.gz` is compressed.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(f"{folder}/a") as file:
    ...         _ = file.write(b"all")
    ...     Path(folder, "a").read_bytes(), len(os.listdir(folder))
    (b'all', 1)
    """
    if path == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    new = _beside(target)
    try:
        with gzip.open(new, "wb") if target.suffix == ".gz" else new.open("wb") as file:
            yield cast(BinaryIO, file)
        new.replace(target)
    except BaseException:  # Ctrl-C too
        new.unlink(missing_ok=True)
        raise


def _beside(target: Path) -> Path:
    """A new empty file in the folder of `target`: a rename is only atomic within one file system."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written ({error.strerror})") from error
    os.fchmod(descriptor, 0o644)
    os.close(descriptor)
    return Path(name)
