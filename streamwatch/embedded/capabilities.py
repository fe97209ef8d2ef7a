"""What a broker can do: the one place that knows the difference between Tansu and Apache Kafka.

Everything else reads `Settings` (made by `embedded_settings` for the embedded profile) or a `Capabilities`.

Examples:
    >>> embedded_settings("kafka://127.0.0.1:1", "redis://127.0.0.1:2/0")["idempotence"]
    False
    >>> TANSU.durable, APACHE_KAFKA.durable
    (False, True)
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Capabilities:
    """What a broker can do. Each field is something that some code would otherwise just use.

    Attributes:
        idempotence: idempotent producers work, so that a retry makes no second copy.
        transactions: transactional producers work.
        create_partitions: partitions can be added to a channel.
        list_group_offsets: an admin client may list a group's offsets (Tansu closes the connection; a consumer of the
            group can ask for its own, with `committed`).
        end_offset_in_fetch: the high watermark in a fetch answer is the partition's (Tansu gives the batch's).
        end_offset_in_list: ListOffsets answers with the end (Tansu answers with its last batch's first offset + 1: see
            `end_offsets`).
        durable: what was acknowledged is still there after a restart.
    """

    idempotence: bool
    transactions: bool
    create_partitions: bool
    list_group_offsets: bool
    end_offset_in_fetch: bool
    end_offset_in_list: bool
    durable: bool


APACHE_KAFKA = Capabilities(
    idempotence=True,
    transactions=True,
    create_partitions=True,
    list_group_offsets=True,
    end_offset_in_fetch=True,
    end_offset_in_list=True,
    durable=True,
)
TANSU = Capabilities(
    idempotence=False,
    transactions=False,
    create_partitions=False,
    list_group_offsets=False,
    end_offset_in_fetch=False,
    end_offset_in_list=False,
    durable=False,
)

TANSU_SESSION_TIMEOUT_S = 6.0
"""A group's first join waits half the session timeout on Tansu: 3 s instead of 15 s before the first document."""
TANSU_HEARTBEAT_S = 1.0
TANSU_FETCH_WAIT_MS = 100
"""Tansu looks for new records only at a quarter of the wait that a fetch allows (seen: 1,500 ms gives 370 ms in the
median, 100 ms gives 30); Kafka answers as soon as there is something."""


def capabilities(idempotence: bool) -> Capabilities:
    """Those of the broker that the settings describe. `idempotence` is off for Tansu alone."""
    return APACHE_KAFKA if idempotence else TANSU


def embedded_settings(broker_url: str, redis_url: str) -> dict[str, Any]:
    """The settings for the embedded servers: `load(**embedded_settings(broker.url, server.url))`."""
    return {
        "broker": broker_url,
        "redis": redis_url,
        "session_timeout_s": TANSU_SESSION_TIMEOUT_S,
        "heartbeat_s": TANSU_HEARTBEAT_S,
        "fetch_wait_ms": TANSU_FETCH_WAIT_MS,
        "idempotence": TANSU.idempotence,
    }
