"""YAML as a tree with line numbers, and without what YAML has beyond plain data.

Refused: anchors and aliases (a bomb is made of them), tags, several documents, duplicate keys, tabs, bytes that are not
UTF-8, more than 256 KB, deep nesting. Values keep the text that stands in the file; `Scalar.kind` says as what YAML 1.1
would read it, so that `no` in place of a word can be told to its author.

Examples:
    >>> tree = parse("rules:\\n  - name: a\\n    labels: {country: no}\\n")
    >>> rule = tree.entries["rules"][1].items[0]
    >>> country = rule.entries["labels"][1].entries["country"][1]
    >>> country.text, country.kind, country.line
    ('no', 'bool', 3)
"""

from dataclasses import dataclass
from typing import Any

import yaml

from streamwatch.rules.faults import Fault, shown

MAX_FILE_BYTES = 64 * 1024
MAX_BYTES = 256 * 1024
"""What people write, and what `write_rules` makes of it with everything said: 200 rules more than fit into the rest."""
DEEPEST = 12
"""Levels of nesting; rules need five."""

TAG = "tag:yaml.org,2002:"
QUOTE = "quote a pattern that begins with *"


@dataclass(frozen=True)
class Scalar:
    """One value: its text and what YAML takes it for: `str`, `int`, `float`, `bool`, `null`, `timestamp`, …."""

    text: str
    kind: str
    line: int


@dataclass(frozen=True)
class Sequence:
    """A list."""

    items: tuple["Node", ...]
    line: int


@dataclass(frozen=True)
class Mapping:
    """Keys in the order of the file, each with its line and its value."""

    entries: dict[str, tuple[int, "Node"]]
    line: int


Node = Scalar | Sequence | Mapping


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, used as far as its nodes: nothing is constructed from them."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Look at each event before it becomes a node."""
        event = self.peek_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise Fault(line, f"aliases are not taken (`*{event.anchor}`): {QUOTE}")
        if event.anchor is not None:
            raise Fault(line, f"anchors are not taken (`&{event.anchor}`)")
        if event.tag is not None:
            raise Fault(line, f"tags are not taken (`{event.tag}`)")
        return super().compose_node(parent, index)


def parse(raw: bytes | str, max_bytes: int = MAX_FILE_BYTES) -> Node | None:
    """The tree of the one document in `raw`; None where there is nothing but comments. Raises `Fault`."""
    text = _decoded(raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw, max_bytes)
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        raise Fault(_line_at(text, error.position), f"character {error.character!r} is not allowed") from error
    except yaml.MarkedYAMLError as error:
        raise _syntax(error) from error
    except RecursionError as error:
        raise Fault(1, "nested too deeply") from error
    return None if root is None else _node(root, 1)


def _decoded(raw: bytes, max_bytes: int) -> str:
    if len(raw) > max_bytes:
        raise Fault(1, f"rules of more than {max_bytes:,} bytes are not taken")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Fault(raw[: error.start].count(b"\n") + 1, f"byte 0x{raw[error.start]:02x} is not UTF-8") from error


def _line_at(text: str, position: int) -> int:
    return text[:position].count("\n") + 1


def _syntax(error: yaml.MarkedYAMLError) -> Fault:
    """PyYAML's words, with what people mostly did to hear them."""
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "no YAML"
    if "'\\t'" in problem:
        problem = "a tab: YAML is indented with spaces"
    elif "expected alphabetic or numeric character" in problem:
        problem += f" ({QUOTE})"
    elif "single document" in (error.context or ""):
        problem = "one document is expected, and here begins another"
    return Fault(mark.line + 1 if mark else 1, problem)


def _node(node: yaml.Node, depth: int) -> Node:
    line = node.start_mark.line + 1
    if depth > DEEPEST:
        raise Fault(line, "nested too deeply")
    if isinstance(node, yaml.ScalarNode):
        return Scalar(node.value, node.tag.removeprefix(TAG), line)
    if isinstance(node, yaml.SequenceNode):
        return Sequence(tuple(_node(item, depth + 1) for item in node.value), line)
    entries: dict[str, tuple[int, Node]] = {}
    for key, value in node.value:
        name, key_line = _key(key)
        if name in entries:
            raise Fault(key_line, f"duplicate key `{name}`: it stands in line {entries[name][0]} too")
        entries[name] = (key_line, _node(value, depth + 1))
    return Mapping(entries, line)


def _key(key: yaml.Node) -> tuple[str, int]:
    line = key.start_mark.line + 1
    if not isinstance(key, yaml.ScalarNode):
        raise Fault(line, "a key must be text")
    kind = key.tag.removeprefix(TAG)
    if kind != "str":
        raise Fault(line, f"key {shown(key.value)} is read as {kind}: quote it")
    return key.value, line
