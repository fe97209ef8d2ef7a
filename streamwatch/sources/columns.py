"""Which column of a file fills which field of a document.

Examples:
    >>> columns = parse_columns(["text=tweet", "sentiment="])
    >>> columns.pick({"tweet": "up", "author": "jo", "sentiment": "positive"})
    {'text': 'up', 'author': 'jo'}
    >>> parse_columns(["text"])
    Traceback (most recent call last):
      ...
    streamwatch.errors.ConfigError: --column text: expected FIELD=NAME
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streamwatch.errors import ConfigError

FIELDS = ("text", "published_at", "id", "entities", "source", "author", "url", "language", "sentiment", "topic")
"""The fields of a document that a file may fill."""

REQUIRED = ("text", "published_at")
"""Without these no row could be a document."""


@dataclass(frozen=True)
class Columns:
    """A column's name for each field; a field that is not named here takes the column of its own name.

    A field mapped to the empty name is not taken from the file at all.
    """

    named: Mapping[str, str]

    def of(self, field: str) -> str:
        """The column of a field."""
        return self.named.get(field, field)

    def pick(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that a row has."""
        return {field: row[self.of(field)] for field in FIELDS if self.of(field) in row}

    def check(self, there: Iterable[str], path: str) -> None:
        """Raise `ConfigError`, naming the columns that are there, where a column is missing that must not be."""
        names = set(there)
        for field in FIELDS:
            column = self.of(field)
            if column in names or (field not in REQUIRED and not self.named.get(field)):
                continue
            hint = "" if field in self.named else f" for {field} (--column {field}=NAME)"
            raise ConfigError(f"{path}: no column {column}{hint}; columns are {', '.join(sorted(names))}")


def parse_columns(options: Iterable[str]) -> Columns:
    """`field=name` options as columns. Raises `ConfigError`."""
    named: dict[str, str] = {}
    for option in options:
        field, equals, name = option.partition("=")
        if not equals:
            raise ConfigError(f"--column {option}: expected FIELD=NAME")
        if field not in FIELDS:
            raise ConfigError(f"--column {option}: no field {field}; fields are {', '.join(FIELDS)}")
        named[field] = name
    return Columns(named)
