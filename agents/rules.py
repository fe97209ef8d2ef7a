"""Which rules hold when, for the evaluator: the file or the settings say what is wanted, the channel what holds since when."""

import time

from streamwatch.agents.context import Context, log
from streamwatch.agents.decisions import DecisionLog
from streamwatch.decisions.rules_change import change_needed
from streamwatch.rules.history import RuleHistory
from streamwatch.rules.rule_set import RuleSet, default_rules
from streamwatch.rules.watched_file import RulesFile

POLL_S = 2.0
MADE_BY = "worker"


class RulesKeeper:
    """Keeps the channel's history of rules in step with what is wanted.

    Args:
        decisions: started, and kept up to date here.
    """

    def __init__(self, context: Context, decisions: DecisionLog) -> None:
        settings = context.settings
        self._decisions = decisions
        self._file = RulesFile(settings.rules, settings) if settings.rules else None
        self._wanted: RuleSet = self._file.load() if self._file else default_rules(settings)
        self._last_poll = time.monotonic()

    @property
    def history(self) -> RuleHistory:
        """Which rules held when, as far as the channel was read."""
        return self._decisions.decisions.rule_history

    async def refresh(self) -> RuleHistory:
        """The history as the channel has it now; the first rules of a deployment are written. For the lease's holder."""
        await self._decisions.catch_up()
        if not self.history.changes:
            await self._publish(next_bucket_ms=0)
        return self.history

    async def look(self, next_bucket_ms: int) -> None:
        """Look at the file every `POLL_S`, and let what changed hold from `next_bucket_ms` on.

        For the lease's holder when it has caught up: `next_bucket_ms` must be a bucket that nobody has closed.
        """
        if time.monotonic() - self._last_poll < POLL_S:
            return
        self._last_poll = time.monotonic()
        if self._file is not None:
            self._wanted = self._file.poll() or self._wanted
        await self._decisions.catch_up()
        await self._publish(next_bucket_ms)

    async def _publish(self, next_bucket_ms: int) -> None:
        change = change_needed(
            self.history, self._wanted, next_bucket_ms=next_bucket_ms, made_by=MADE_BY, now_ms=int(time.time() * 1000)
        )
        if change is not None:
            await self._decisions.publish(change)
            log.info("rules %s hold from %s on", change.digest, change.effective_from.isoformat())
