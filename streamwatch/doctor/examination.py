"""All checks, one after the other, whatever becomes of each."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from streamwatch.config import Settings
from streamwatch.doctor.environment import check_settings
from streamwatch.doctor.finding import Check, Finding, fail
from streamwatch.doctor.kafka import check_broker
from streamwatch.doctor.model import check_device, check_model, check_registry
from streamwatch.doctor.rules import check_rules
from streamwatch.doctor.serving import check_serving
from streamwatch.doctor.store import check_redis
from streamwatch.errors import StreamwatchError

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "settings": check_settings,
        "rules": check_rules,
        "broker": check_broker,
        "redis": check_redis,
        "registry": check_registry,
        "model": check_model,
        "device": check_device,
        "serving": check_serving,
    }
)


def examine(
    settings: Settings, checks: Mapping[str, Check] = CHECKS, before: Callable[[str], None] = lambda name: None
) -> Iterator[Finding]:
    """What the checks say, each finding as soon as it is known. `before` hears of each check that begins."""
    for name, check in checks.items():
        before(name)
        try:
            yield from check(settings)
        except StreamwatchError as error:
            yield fail(name, str(error), "see docs/operations.md")
        except Exception as error:  # a check that breaks is a finding too, and the others go on
            yield fail(name, f"the check itself failed: {error!r}", "report this as a bug of streamwatch")
