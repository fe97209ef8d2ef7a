"""Writing answers to the channel `labels`."""

from collections.abc import Callable, Sequence

from kafka.errors import KafkaError

from streamwatch import broker
from streamwatch.channels import channel, partitions_of
from streamwatch.codec import encode
from streamwatch.config import Settings
from streamwatch.errors import BrokerUnavailable
from streamwatch.labelling.answers import key_of
from streamwatch.records import Answer

SEND_S = 30
OnProgress = Callable[[int, int], None]


def publish(settings: Settings, answers: Sequence[Answer], on_progress: OnProgress = lambda done, total: None) -> None:
    """Write answers in their order and wait until all replicas have them. Writing one again changes nothing.

    Raises `ConfigError` where there is no channel, `BrokerUnavailable`: then some may be written, and the rest are not.
    """
    partitions_of(settings, ["labels"])
    sender = broker.producer(settings)
    topic = channel(settings, "labels")
    try:
        waiting = [sender.send(topic, key=key_of(one).encode(), value=encode(one)) for one in answers]
        for done, one in enumerate(waiting, start=1):
            one.get(SEND_S)
            on_progress(done, len(waiting))
    except KafkaError as error:
        raise BrokerUnavailable(f"not all answers were written, send them again: {error}") from error
    finally:
        sender.close()
