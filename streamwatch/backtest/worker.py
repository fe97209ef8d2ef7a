"""A trial of a rule in a process of its own, so that it slows nobody who serves: asked on stdin, it answers on stdout.

    {"settings": {…}, "rules": "rules:\\n- name: …", "name": "banks", "span": [30, until_ms, now_ms]}
    {"done": 500, "total": 90000}
    {"found": {…}}   or   {"error": "…"}

Whoever started it ends it by a kill; it keeps nothing. When nobody reads any more, its next line ends it.
"""

import os
import sys
import time
from typing import Any

import msgspec

from streamwatch.backtest.here import Span, try_rule
from streamwatch.config import load
from streamwatch.errors import StreamwatchError
from streamwatch.rules.reading import read_written

NICENESS = 10
"""Everything else on this machine goes first."""
SAID_EVERY_S = 0.25


class Question(msgspec.Struct):
    """What is to be tried: `name` is a rule among `rules`, as `write_rules` writes them."""

    settings: dict[str, Any]
    rules: str
    name: str
    span: Span


class Progress:
    """Says how far it is, not too often."""

    def __init__(self) -> None:
        self._said = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._said > SAID_EVERY_S:
            self._said = time.monotonic()
            say({"done": done, "total": total})


def say(thing: Any) -> None:
    """One line."""
    sys.stdout.buffer.write(msgspec.json.encode(thing) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Read the question, answer it."""
    os.nice(NICENESS)
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    try:
        rules = read_written(asked.rules, "rules")
        rule = next(one for one in rules.rules if one.name == asked.name)
        say({"found": try_rule(load(**asked.settings), rules, rule, asked.span, Progress())})
    except StreamwatchError as error:
        say({"error": str(error)})


if __name__ == "__main__":
    main()
