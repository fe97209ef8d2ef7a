"""Model versions, for the evaluator: each is told of on `decisions` before the first of its documents is judged."""

import time
from collections.abc import Iterable, Sequence

from streamwatch.agents.context import log
from streamwatch.agents.decisions import DecisionLog
from streamwatch.alerting.evaluator import Evaluator
from streamwatch.decisions.promotion import unmeasured
from streamwatch.detection.versions import NO_VERSION, Versions
from streamwatch.trends.entry import Entry


class PromotionsKeeper:
    """Sees that the channel holds every version that has documents. For the holder of the lease alone.

    `models promote` writes what the gate measured before it moves the pointer, so before a document can come. A version that
    nobody wrote of (another model in the settings, a new release) is written here, as unmeasured: then it is so for ever, and
    a replay judges as it was judged.

    Args:
        decisions: started; read to its end here when a version is new.
    """

    def __init__(self, decisions: DecisionLog) -> None:
        self._decisions = decisions

    @property
    def versions(self) -> Versions:
        """What the channel told, as far as it was read; the same object for ever."""
        return self._decisions.decisions.versions

    async def meet(self, evaluator: Evaluator, buckets: Iterable[tuple[int, Sequence[Entry]]]) -> None:
        """Look up the versions that come for the first time. Raises `BrokerUnavailable`, `KafkaError`."""
        came = {entry.model for _, entries in buckets for entry in entries} - {NO_VERSION, *evaluator.met}
        if came:
            await self._decisions.catch_up()
        for version in sorted(came):
            if evaluator.met and not self.versions.knows(version):
                log.warning(
                    "model version %06x was not measured: what is usual is less sure until it is known", version
                )
                now_ms = time.time_ns() // 1_000_000
                await self._decisions.publish(unmeasured(version, evaluator.met[-1], made_at_ms=now_ms))
            evaluator.meet([version])
