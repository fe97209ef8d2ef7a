"""Every error of streamwatch, and the decision that it carries.

    StreamwatchError
    ├── RetryError            try the same thing again, with back-off
    │   ├── BrokerUnavailable     the Kafka broker does not answer
    │   ├── StoreUnavailable      Redis does not answer
    │   └── StaleState            somebody else moved the state: read it again
    ├── RejectError           this one input is bad: the dead-letter channel, and go on
    └── FatalError            stop, with one line that says what to do
        ├── ConfigError           a setting or an option makes no sense
        ├── ModelError            the model cannot be found or is not what it should be
        └── RecreatedChannel      a channel is shorter than what was counted of it

A `RejectError` carries a `reason` out of a bounded set (`Reason`), because reasons label metrics.
"""

from typing import Literal, get_args

Reason = Literal[
    "null_message",
    "too_large",
    "invalid_utf8",
    "invalid_json",
    "unknown_schema",
    "wrong_type",
    "missing_field",
    "empty_text",
    "date_too_old",
    "date_in_future",
    "classification_failed",
]
REASONS: tuple[str, ...] = get_args(Reason)


class StreamwatchError(Exception):
    """The root: its text is one line for a person."""

    exit_code = 1


class RetryError(StreamwatchError):
    """The world was in the way; the same call may succeed later."""


class BrokerUnavailable(RetryError):
    """The Kafka broker does not answer."""


class StoreUnavailable(RetryError):
    """Redis does not answer."""


class StaleState(RetryError):
    """A compare-and-set found other state than was expected: nothing was written; read the state again."""


class RejectError(StreamwatchError):
    """One input is bad. `reason` is out of `REASONS`; `detail` is for people, at most 200 characters.

    >>> RejectError("empty_text", "x" * 500).detail == "x" * 200
    True
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Reason = reason
        self.detail = detail[:200]


class FatalError(StreamwatchError):
    """Nothing will help but a person."""


class ConfigError(FatalError):
    """A setting or an option makes no sense."""

    exit_code = 2


class ModelError(FatalError):
    """The model cannot be found, or is not what its manifest says."""


class RecreatedChannel(FatalError):
    """A channel ends before what was already counted of it: it was deleted and made anew."""
