"""JSON Schemas (draft 2020-12) of the messages, from the structs that decode them.

Examples:
    >>> from streamwatch.messages import MESSAGES
    >>> schema = json_schema(MESSAGES[0])
    >>> schema["$id"], schema["required"]
    ('urn:streamwatch:schema:document.v1', ['id', 'text', 'published_at'])
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from streamwatch.messages import Message

DIALECT = "https://json-schema.org/draft/2020-12/schema"

INSTANT = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""RFC 3339 with its zone. `format` alone is a remark for most validators, and a date without a zone is no instant."""


def json_schema(message: Message) -> dict[str, Any]:
    """The schema of one message; what it refers to lies in its own `$defs`."""
    generated = msgspec.json.schema(message.record)
    definitions = generated["$defs"]
    root = definitions.pop(message.record.__name__)
    head = {"$schema": DIALECT, "$id": f"urn:streamwatch:schema:{message.name}", "title": message.name}
    schema: dict[str, Any] = head | {name: value for name, value in root.items() if name != "title"}
    if definitions:
        schema["$defs"] = definitions
    for part in _parts(schema):
        _improve(part)
    return schema


def paragraphs(text: str) -> str:
    """A docstring with one line a paragraph.

    >>> paragraphs("One.\\n\\n    Two goes\\n    on.")
    'One.\\n\\nTwo goes on.'
    """
    return "\n\n".join(re.sub(r"\s+", " ", part).strip() for part in inspect.cleandoc(text).split("\n\n"))


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    """All objects of a schema, from the top down."""
    if isinstance(node, dict):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _parts(child)


def _improve(part: dict[str, Any]) -> None:
    """Say what msgspec leaves out: the zone of an instant; and lay descriptions out anew."""
    if part.get("format") == "date-time":
        part["pattern"] = INSTANT
    if isinstance(part.get("description"), str):
        part["description"] = paragraphs(part["description"])
