"""The rules by which the evaluator decides: what the channel says, and what the rules file says new.

rules = RulesInForce(settings, decision_log)
history = await rules.history(next_bucket_ms, caught_up=…)   # before each step, holding the lease
history.at(bucket_ms)                                        # the rules of one bucket
"""

import time
from collections.abc import Callable
from uuid import uuid4

from streamwatch.agents.context import log
from streamwatch.agents.decisions import DecisionLog
from streamwatch.config import Settings
from streamwatch.decisions.rules_change import change_needed
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.rule_set import RuleSet, default_rules
from streamwatch.rules.watched_file import RulesFile, rules_file

LOOK_S = 2.0
"""How often the file is looked at; a change counts when two looks have found it."""
FORGOTTEN_S = 30.0
"""After so long without a look another worker held the lease: what our file said then must not come back."""


class RulesInForce:
    """For the holder of the lease alone: who publishes a change also evaluates the first bucket that it decides.

    A file that is bad at the start stops the worker only where no rules were ever published: else those hold, and the
    fault is logged. All workers need the same file and the same settings of detection, since those of the one that holds
    the lease count.

    Args:
        decisions: the channel, started.
        clock: seconds that only grow.
    """

    def __init__(self, settings: Settings, decisions: DecisionLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._decisions = decisions
        self._file = rules_file(settings)
        self._clock = clock
        self._next_look = clock()
        self._name = f"worker {uuid4().hex[:8]}"

    async def history(self, next_bucket_ms: int, *, caught_up: bool) -> RuleHistory:
        """All rules that ever held, with a change that is published now where one is needed.

        `next_bucket_ms` is the first bucket that was not closed. While the evaluator is behind, old buckets are decided by
        old rules, and nothing new is published; the first rules of a deployment are. Raises `ConfigError` for a bad file on
        an empty deployment, `BrokerUnavailable`, `KafkaError`.
        """
        await self._decisions.catch_up()
        known = self._decisions.decisions.rule_history
        wanted = self._wanted(known) if caught_up or not known.changes else None
        change = (
            None
            if wanted is None
            else change_needed(
                known, wanted, next_bucket_ms=next_bucket_ms, made_by=self._name, now_ms=time.time_ns() // 1_000_000
            )
        )
        if change is not None:
            await self._decisions.publish(change)
            log.info("rules %s hold from %s on", change.digest, change.effective_from.isoformat())
        return self._decisions.decisions.rule_history

    def _wanted(self, known: RuleHistory) -> RuleSet | None:
        """What the file and the settings say; None: nothing new."""
        if self._file is None:
            return default_rules(self._settings)
        if not known.changes:
            return self._file.load()
        now = self._clock()
        if now > self._next_look + FORGOTTEN_S:
            self._file = RulesFile(self._file.path, self._settings)
        if now >= self._next_look:
            self._next_look = now + LOOK_S
            self._file.poll()
        return None if self._file.refusal else self._file.current
