"""How long the broker keeps each channel, against what the settings want."""

from collections.abc import Iterator
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType

from streamwatch import broker, channels
from streamwatch.config import Settings
from streamwatch.doctor.finding import Finding, ok, warn
from streamwatch.embedded import capabilities

KEPT_BY = ("retention.ms", "cleanup.policy")
"""What decides when a record goes: too early and windows cannot be rebuilt, or labels are gone; too late and unredacted
dead letters stay."""

ALTER = "kafka-configs --alter --entity-type topics --entity-name {} --add-config {}={}"


def check_retention(settings: Settings) -> Iterator[Finding]:
    """One finding a channel that is kept otherwise than the settings want; channels that are there keep what they had."""
    if not capabilities(settings.idempotence).durable:
        return  # it keeps everything until it ends, and says nothing when asked
    wanted = {c.name: c.configs for c in channels.layout(settings)}
    found = _configs(settings, list(wanted))
    differ = [
        (name, key, found[name][key]["value"], configs[key])
        for name, configs in wanted.items()
        for key in KEPT_BY
        if key in configs and found[name][key]["value"] != configs[key]
    ]
    for name, key, value, right in differ:
        yield warn("retention", f"{name} has {key}={value}, wanted is {right}", ALTER.format(name, key, right))
    if not differ:
        yield ok("retention", f"classified {settings.classified_retention_days} days, the others as wanted")


def _configs(settings: Settings, names: list[str]) -> dict[str, dict[str, Any]]:
    """The configuration of channels, the broker's defaults included, by full name."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    with broker.admin(settings) as admin:
        answer: dict[str, dict[str, Any]] = admin.describe_configs(resources, config_filter="all")["topic"]
    return answer
