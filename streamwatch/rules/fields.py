"""Readers of one value of the rules file: each takes a node and gives the value, or raises a `Fault` at its line.

Examples:
    >>> from streamwatch.rules.yaml_tree import Scalar
    >>> duration()(Scalar("30m", "str", 1)), number(above=0)(Scalar("0.5", "float", 1))
    (1800000, 0.5)
    >>> text(Scalar("no", "bool", 7))
    Traceback (most recent call last):
      ...
    streamwatch.rules.faults.Fault: 'no' is read as bool: quote it
"""

import re
from collections.abc import Callable
from math import inf
from typing import Any

from streamwatch.rules.durations import format_duration, parse_duration
from streamwatch.rules.faults import Fault, Faults, collected, did_you_mean, shown
from streamwatch.rules.glob import ANY
from streamwatch.rules.yaml_tree import Mapping, Node, Scalar, Sequence
from streamwatch.trends.entry import entity_series

Reader = Callable[[Node], Any]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")
SERIES_KINDS = ("all", "source", "topic", "ticker", "entity")
"""What stands before the colon of a series; `all` stands alone."""
LONGEST_TEXT = 1024


def scalar(node: Node) -> Scalar:
    """The node as one value that is there."""
    if not isinstance(node, Scalar):
        kind = "a list" if isinstance(node, Sequence) else "a mapping"
        raise Fault(node.line, f"one value is expected and not {kind}{_space_after_colon(node)}")
    if node.kind == "null":
        raise Fault(node.line, "a value is missing")
    return node


def _space_after_colon(node: Node) -> str:
    """`ticker: AAPL` is a mapping to YAML."""
    if isinstance(node, Mapping) and len(node.entries) == 1 and next(iter(node.entries)) in SERIES_KINDS:
        return ": no space after the colon of a series"
    return ""


def text(node: Node) -> str:
    """Text; what YAML takes for something else must be quoted, since `no` is false and 1.10 is 1.1 there."""
    value = scalar(node)
    if value.kind != "str":
        raise Fault(value.line, f"{shown(value.text)} is read as {value.kind}: quote it")
    if not value.text or not value.text.isprintable() or len(value.text) > LONGEST_TEXT:
        raise Fault(value.line, f"{shown(value.text)} is not 1 to {LONGEST_TEXT} printable characters")
    return value.text


def identifier(node: Node) -> str:
    """A name of letters, digits, `_`, `.` and `-`: it stands in ids, metrics and on the command line."""
    value = text(node)
    if not NAME.fullmatch(value):
        raise Fault(node.line, f"{shown(value)} is no name: up to 64 letters, digits, _ . - are")
    return value


def truth(node: Node) -> bool:
    """`true` or `false`."""
    value = scalar(node)
    if value.kind != "bool":
        raise Fault(value.line, f"{shown(value.text)} is not true or false")
    return value.text.lower() in ("true", "yes", "on")


def number(*, above: float = -inf, least: float = -inf, most: float = inf) -> Reader:
    """A finite number in bounds."""

    def read(node: Node) -> float:
        value = scalar(node)
        if value.kind not in ("int", "float") or not NUMBER.fullmatch(value.text):
            raise Fault(value.line, f"{shown(value.text)} is no number")
        return _bounded(value, float(value.text), above, least, most)

    return read


def whole(*, least: int, most: int = 1_000_000) -> Reader:
    """A whole number in bounds."""

    def read(node: Node) -> int:
        value = scalar(node)
        if value.kind != "int" or not re.fullmatch(r"[-+]?[0-9]{1,18}", value.text):
            raise Fault(value.line, f"{shown(value.text)} is no whole number")
        return int(_bounded(value, int(value.text), -inf, least, most))

    return read


def _bounded(value: Scalar, n: float, above: float, least: float, most: float) -> float:
    if n <= above:
        raise Fault(value.line, f"{value.text} is not above {above:g}")
    if n < least:
        raise Fault(value.line, f"{value.text} is below {least:g}")
    if n > most or n == inf:
        raise Fault(value.line, f"{value.text} is above {most:g}")
    return n


def duration(*, least_ms: int = 0) -> Reader:
    """A duration, in milliseconds."""

    def read(node: Node) -> int:
        value = scalar(node)
        try:
            duration_ms = parse_duration(value.text)
        except ValueError as error:
            raise Fault(value.line, str(error)) from error
        if duration_ms < least_ms:
            raise Fault(value.line, f"{value.text} is shorter than {format_duration(least_ms)}")
        return duration_ms

    return read


def one_of(known: tuple[str, ...]) -> Reader:
    """One of some words."""

    def read(node: Node) -> str:
        value = text(node)
        if value not in known:
            raise Fault(node.line, f"`{value[:64]}` is not known:{did_you_mean(value, known)}")
        return value

    return read


def several(read_one: Reader, *, least: int = 1) -> Reader:
    """One value or a list of different ones, as a tuple."""

    def read(node: Node) -> tuple[Any, ...]:
        items = node.items if isinstance(node, Sequence) else (node,)
        if len(items) < least:
            raise Fault(node.line, "the list is empty")
        values: list[Any] = []
        for item in items:
            value = read_one(item)
            if value in values:
                raise Fault(item.line, f"{shown(str(value))} stands twice in the list")
            values.append(value)
        return tuple(values)

    return read


def pattern(node: Node) -> str:
    """A pattern that can match a series: of a kind that there is, and written as series of that kind are."""
    value = text(node)
    kind, colon, name = value.partition(":")
    if ANY in kind or value == "all":
        return value
    if kind not in SERIES_KINDS or kind == "all":
        raise Fault(node.line, f"no series is called {shown(value)}:{did_you_mean(kind, SERIES_KINDS)}")
    if not colon:
        raise Fault(node.line, f"{shown(value)} is a kind of series: `{kind}:*` is all of them")
    if kind in ("ticker", "entity") and ANY not in name and entity_series(name) != value:
        raise Fault(node.line, f"no series is called {shown(value)}: what is written so is `{entity_series(name)}`")
    return value


def mapping(keys: dict[str, Reader], what: str) -> Reader:
    """A mapping with some of `keys` and no other, as a dict; `what` names it in messages."""

    def known(key: str, line: int) -> Reader:
        if key not in keys:
            raise Fault(line, f"`{key[:64]}` is no key of {what}:{did_you_mean(key, keys)}")
        return keys[key]

    def read(node: Node) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            raise Fault(node.line, "a mapping of keys and values is expected")
        values: dict[str, Any] = {}
        faults: list[Fault] = []
        for key, (line, value) in node.entries.items():
            with collected(faults):
                values[key] = _named(key, known(key, line), value)
        if faults:
            raise Faults(faults)
        return values

    return read


def _named(key: str, reader: Reader, value: Node) -> Any:
    """Read a value; a fault of it alone tells its key, those of its parts tell theirs."""
    try:
        return reader(value)
    except Faults:
        raise
    except Fault as fault:
        raise Fault(fault.line, f"`{key}`: {fault}") from fault


def labels(node: Node) -> dict[str, str]:
    """Labels: a mapping of names to text."""
    if not isinstance(node, Mapping):
        raise Fault(node.line, "a mapping of names and texts is expected")
    for key, (line, _) in node.entries.items():
        if not NAME.fullmatch(key):
            raise Fault(line, f"{shown(key)} is no name of a label: up to 64 letters, digits, _ . - are")
    return mapping(dict.fromkeys(node.entries, text), "labels")(node)
