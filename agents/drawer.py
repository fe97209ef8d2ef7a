"""The draw for the labelling queue, beside the evaluator: closed buckets in, records for people out.

It keeps its state in the evaluator's head and is committed with it, so whatever happens in between, a step is drawn once,
or again in the same way.
"""

from collections.abc import Sequence

from streamwatch.agents.evidence import EvidenceReader
from streamwatch.alerting.store import AlertStore
from streamwatch.alerting.voices import Voice
from streamwatch.config import Settings
from streamwatch.labelling.drawing import Draw, Drawing, DrawingConfig
from streamwatch.labelling.novelty import farthest_first
from streamwatch.records import Classified, DriftSample

NAME = "drawing"
"""Of the state in the evaluator's head."""
Records = dict[tuple[int, int], Classified]


class Drawer:
    """Draws from each step of the evaluator.

    Args:
        evidence: reads the records of what was drawn.
    """

    def __init__(self, settings: Settings, evidence: EvidenceReader) -> None:
        self._config = DrawingConfig.of(settings)
        self._evidence = evidence
        self._drawing = Drawing(self._config)

    @property
    def state(self) -> dict[str, bytes]:
        """What is committed with the step."""
        return {NAME: self._drawing.state}

    async def load(self, store: AlertStore) -> None:
        """Go on from what was committed."""
        self._drawing = Drawing(self._config, await store.beside(NAME))

    async def draw(self, counted: Sequence[tuple[int, Sequence[Voice]]], drifting: bool = False) -> list[DriftSample]:
        """The samples of the buckets (start, texts that counted), with those picked when an hour of drift was over.

        Raises `BrokerUnavailable`, `KafkaError`: then the step is taken again, from what was committed.
        """
        samples: list[DriftSample] = []
        drawn: list[Draw] = []
        for start_ms, voices in counted:
            candidates = self._drawing.take_candidates(start_ms)
            if candidates:
                samples += await self._read(drawn)
                samples += await self._picked(candidates)
                drawn = []
            drawn += self._drawing.draw(start_ms, voices, drifting)
        return samples + await self._read(drawn)

    async def _read(self, drawn: Sequence[Draw]) -> list[DriftSample]:
        """The samples of what was drawn; what retention has deleted meanwhile is nobody's to label.

        Projections are remembered in the order of the draws: in that of places it would matter where a step ended.
        """
        records = await self._records(drawn)
        found = [(draw, records[place]) for draw in drawn if (place := (draw.partition, draw.offset)) in records]
        self._drawing.remember([_projection(record) for _, record in found])
        return [draw.sample(record) for draw, record in found]

    async def _picked(self, candidates: Sequence[Draw]) -> list[DriftSample]:
        """Of the candidates of an hour those that are most unlike everything that was drawn, and each other."""
        found = await self._records(candidates)
        there = [draw for draw in candidates if (draw.partition, draw.offset) in found]
        projections = [_projection(found[draw.partition, draw.offset]) for draw in there]
        picks = farthest_first(projections, self._drawing.centres, self._config.novel_per_hour)
        self._drawing.remember([projections[i] for i in picks])
        return [there[i].sample(found[there[i].partition, there[i].offset]) for i in picks]

    async def _records(self, draws: Sequence[Draw]) -> Records:
        """Those that were read: a record whose text nobody could read has nothing to label."""
        if not draws:
            return {}
        found = await self._evidence.records([(draw.partition, draw.offset) for draw in draws])
        return {place: found[place] for place in sorted(found) if found[place].prediction is not None}


def _projection(record: Classified) -> bytes:
    return record.prediction.projection if record.prediction is not None else b""
