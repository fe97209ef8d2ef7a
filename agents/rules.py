"""Which rules hold when, for the evaluator: the file, what people made beside it, or the settings say what is wanted, the
channel what holds since when.
"""

import time
from collections.abc import Callable

from streamwatch.agents.context import Context, log
from streamwatch.agents.decisions import DecisionLog
from streamwatch.decisions.rules_change import change_needed
from streamwatch.decisions.rules_here import rules_here
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.joined import joined
from streamwatch.rules.rule_set import RuleSet
from streamwatch.rules.watched_file import rules_file

POLL_S = 2.0
"""How often the file is looked at; a change counts when two looks have found it."""
MADE_BY = "worker"


class RulesKeeper:
    """Keeps the channel's history of rules in step with what is wanted. For the holder of the lease alone.

    A bad file stops the worker only where no rules were ever in force: else those hold, and the fault is logged. All workers
    need the same file and settings, since those of the one that holds the lease count.

    Rules that people made on the dashboard lie in the same channel; they come after those of the file, which are read-only
    there, and before the default rule.

    Args:
        decisions: started, and kept up to date here.
        clock: seconds that only grow.
    """

    def __init__(self, context: Context, decisions: DecisionLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = context.settings
        self._decisions = decisions
        self._clock = clock
        self._file = rules_file(self._settings)
        self._next_look = clock()
        self._said: dict[str, str] = {}

    @property
    def history(self) -> RuleHistory:
        """Which rules held when, as far as the channel was read."""
        return self._decisions.decisions.rule_history

    async def refresh(self) -> RuleHistory:
        """The history as the channel has it now, when the lease was taken; the first rules of a deployment are written.

        What the file said when we last held the lease is forgotten: it may have changed since, and another worker has
        published that; ours must not come back. Raises `ConfigError` for a bad file on a deployment without rules.
        """
        await self._decisions.catch_up()
        self._file = rules_file(self._settings)
        if not self.history.changes:
            await self._publish(self._joined(self._file.load() if self._file else None), next_bucket_ms=0)
        return self.history

    async def look(self, next_bucket_ms: int) -> None:
        """Look at the file and the channel every `POLL_S`, and let what changed hold from `next_bucket_ms` on.

        To be called when everything was evaluated that can be: `next_bucket_ms` must be a bucket that nobody has closed.
        """
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + POLL_S
        await self._decisions.catch_up()
        wanted = self._wanted()
        if wanted is not None:
            await self._publish(wanted, next_bucket_ms)

    def _wanted(self) -> RuleSet | None:
        """What the file says, if it was found good, and what people made beside it; None while the file is refused."""
        if self._file is None:
            return self._joined(None)
        self._file.poll()
        if self._file.refusal or self._file.current is None:
            return None
        return self._joined(self._file.current)

    def _joined(self, of_file: RuleSet | None) -> RuleSet:
        """All rules together; what has no place among them is said once."""
        here, unreadable = rules_here(self._decisions.decisions.rule_edits, self._settings)
        found = joined(of_file, here, self._settings)
        said = unreadable | found.left_out
        for name, why in said.items():
            if self._said.get(name) != why:
                log.warning("rule %s, made on the dashboard: %s", name, why)
        self._said = said
        return found.rules

    async def _publish(self, wanted: RuleSet, next_bucket_ms: int) -> None:
        change = change_needed(
            self.history, wanted, next_bucket_ms=next_bucket_ms, made_by=MADE_BY, now_ms=time.time_ns() // 1_000_000
        )
        if change is not None:
            await self._decisions.publish(change)
            log.info("rules %s hold from %s on", change.digest, change.effective_from.isoformat())
