"""Tells Redis which model this worker serves, and what the registry's watch has refused: `doctor` shows it."""

import asyncio
import os
import socket

import msgspec
from redis.exceptions import RedisError

from streamwatch.agents.context import Context, log
from streamwatch.inference.serving import LIFE_MS, RENEW_S, Serving, key
from streamwatch.inference.shared import SharedPredictions
from streamwatch.inference.swap import ModelWatch, SwapFigures


class ServingNote:
    """Renews this worker's note. `watch` is None where no registry is followed."""

    def __init__(self, context: Context, predictions: SharedPredictions, watch: ModelWatch | None) -> None:
        self._context, self._predictions, self._watch = context, predictions, watch
        self._worker = f"{socket.gethostname()}-{os.getpid()}"

    async def run(self) -> None:
        """Renew it until cancelled. A Redis that is away is no failure here: others wait for it, and say so."""
        while True:
            try:
                await self.renew()
            except (RedisError, OSError) as error:
                log.debug("serving: %s", error)
            await asyncio.sleep(RENEW_S)

    async def renew(self) -> None:
        """Write the note as things stand."""
        figures = self._watch.figures if self._watch is not None else SwapFigures()
        note = Serving(
            self._worker,
            self._predictions.engine.model,
            figures.refusal,
            figures.n_swapped,
            figures.n_refused,
        )
        name = key(self._context.settings.prefix, self._worker)
        await self._context.redis.set(name, msgspec.json.encode(note), px=LIFE_MS)
