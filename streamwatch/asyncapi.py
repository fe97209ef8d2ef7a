"""The AsyncAPI 3 document over all channels: addresses, keys, headers, and the schema of each message.

Examples:
    >>> document = asyncapi()
    >>> document["channels"]["alerts"]["address"]
    '{prefix}alerts'
    >>> sorted(document["operations"])[:2]
    ['receive-news', 'receive-social']
"""

from typing import Any

from streamwatch import __version__
from streamwatch.channels import SOURCES, Channel, layout
from streamwatch.config import Settings
from streamwatch.json_schema import json_schema, paragraphs
from streamwatch.messages import MESSAGES, Message

INTRODUCTION = """
streamwatch reads documents from its source channels, classifies each one's topic and sentiment, and raises alerts.

Values are JSON. Fields that a schema does not know are ignored, so a producer may send more; fields that hold their
default are left out of what streamwatch sends. Partitions and retention are those of the default settings, which
`streamwatch channels create` uses. Delivery is at least once: a reader of `alerts` takes each (id, revision) once, a
reader of `classified` each (source_channel, source_partition, source_offset).
"""

SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"

OBSERVED_MS = {
    "type": "string",
    "pattern": "^[0-9]+$",
    "description": "When the record arrived, in milliseconds since 1970 UTC, as decimal text. Without it Kafka's own "
    "timestamp is taken. A replay sets it to the largest date so far in its file.",
}
BACKFILL = {
    "type": "string",
    "enum": ["1"],
    "description": "The record corrects history only: nothing is detected on it.",
}
MARKER = {
    "type": "string",
    "pattern": "^(begin|end):.+$",
    "description": "`begin:<run>` before the first record of a replay, `end:<run>` after its last, in every partition.",
}


def asyncapi() -> dict[str, Any]:
    """The document. Schemas are referred to by their file beside it."""
    channels = {c.name: c for c in layout(Settings.model_construct())}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "streamwatch",
            "version": __version__,
            "description": paragraphs(INTRODUCTION),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(channels[name]) for m in MESSAGES for name in m.channels},
        "operations": dict(_operation(name, m) for m in MESSAGES for name in m.channels),
        "components": {"messages": {m.name: _message(m) for m in MESSAGES} | {"marker": _marker()}},
    }


def _carried(name: str) -> list[str]:
    """The names of the messages on a channel: documents come between markers."""
    return [m.name for m in MESSAGES if name in m.channels] + (["marker"] if name in SOURCES else [])


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "address": f"{{prefix}}{channel.name}",
        "parameters": {"prefix": {"description": "The setting STREAMWATCH_PREFIX; empty by default.", "default": ""}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _carried(channel.name)},
        "bindings": {"kafka": {"partitions": channel.partitions, "topicConfiguration": _topic_configuration(channel)}},
    }


def _topic_configuration(channel: Channel) -> dict[str, Any]:
    """What AsyncAPI's Kafka binding has words for."""
    configuration: dict[str, Any] = {}
    if "cleanup.policy" in channel.configs:
        configuration["cleanup.policy"] = [channel.configs["cleanup.policy"]]
    for name in ("retention.ms", "max.message.bytes"):
        if name in channel.configs:
            configuration[name] = int(channel.configs[name])
    return configuration


def _operation(name: str, message: Message) -> tuple[str, dict[str, Any]]:
    action = "receive" if message.received else "send"
    return f"{action}-{name}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{m}"} for m in _carried(name)],
    }


def _message(message: Message) -> dict[str, Any]:
    """One message; streamwatch itself sends no headers."""
    description = json_schema(message)["description"]
    described = {
        "name": message.name,
        "summary": description.split("\n\n")[0],
        "description": description,
        "payload": {
            "schemaFormat": SCHEMA_FORMAT,
            "schema": {"$ref": f"./{message.file}"},
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": message.key}}},
    }
    if message.received:
        described["headers"] = {"type": "object", "properties": {"observed_ms": OBSERVED_MS, "backfill": BACKFILL}}
    return described


def _marker() -> dict[str, Any]:
    """What opens and closes a replay. It has no key and no value."""
    return {
        "name": "marker",
        "summary": "Opens or closes a replay, so that the watermark waits for documents that are still on their way.",
        "headers": {
            "type": "object",
            "required": ["marker"],
            "properties": {"marker": MARKER, "observed_ms": OBSERVED_MS},
        },
        "payload": {"type": "null"},
    }
