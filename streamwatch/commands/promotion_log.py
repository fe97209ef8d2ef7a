"""Telling the detectors of a promotion, before the pointer moves."""

import time

import msgspec

from streamwatch.commands.decision_log import publish, read_decisions, user
from streamwatch.config import Settings
from streamwatch.records import Promotion
from streamwatch.timeline import from_ms


def tell(settings: Settings, told: Promotion) -> bool:
    """Write the promotion into `decisions`; False, and nothing written, where its version was told of before.

    To be called before the pointer moves. Documents were judged by what was told first, so that stays. Raises
    `ConfigError` where there is no channel, `BrokerUnavailable`: then the version counts as unmeasured when it comes.
    """
    if read_decisions(settings).versions.knows(told.version):
        return False
    now_ms = time.time_ns() // 1_000_000
    publish(settings, msgspec.structs.replace(told, made_by=user(), made_at=from_ms(now_ms)))
    return True
