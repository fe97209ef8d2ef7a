"""A document store in memory, under the same contract as the one on disk: what is asked is looked for, plainly.

Examples:
    >>> import asyncio
    >>> from streamwatch.config import Settings
    >>> from streamwatch.testing.records import classified
    >>> from streamwatch.trends.writer import PartitionWriter
    >>> store = MemoryDocuments(Settings())
    >>> delta = asyncio.run(PartitionWriter(store.partition(0), Settings()).take([(0, classified("a"))]))
    >>> [document.id for document in store.find(Query(series=("source:wire",))).items], store.find(Query()).n_total
    ([], 1)
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator

import msgspec

from streamwatch.config import Settings
from streamwatch.documents.naming import names_of, stored
from streamwatch.documents.store import Count, Found, Holding, Query, StoredDocument
from streamwatch.errors import ConfigError
from streamwatch.testing.memory_store import MemoryStore
from streamwatch.timeline import DAY_MS, SECOND_MS, bucket_start
from streamwatch.trends.counting import Delta, PartitionState

Place = tuple[int, int]
"""Second of publication and order of arrival."""
_WORD = re.compile(r"\w+")


class MemoryDocuments:
    """Store and writer in one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._partitions: dict[int, MemoryPartition] = {}
        self._documents: dict[Place, tuple[StoredDocument, set[str]]] = {}
        self._forgotten: set[str] = set()
        self._floor_ms: int | None = None
        self._n_arrived = 0
        self._done: Counter[str] = Counter()

    # -- writing

    def partition(self, number: int) -> "MemoryPartition":
        """The part of one partition of `classified`."""
        return self._partitions.setdefault(number, MemoryPartition(self, number))

    def keep(self, partition: int, delta: Delta) -> None:
        """Store what a batch counts."""
        kept_ms = self._settings.documents_retention_days * DAY_MS
        for item in delta.counted:
            document = stored(item.record, partition, item.offset)
            if item.arrival_ms - document.published_ms > kept_ms or document.published_ms < (self._floor_ms or 0):
                self._done["past_retention"] += 1
                continue
            self._done["stored"] += 1
            if not {document.id, document.author_hash} & self._forgotten:
                self._n_arrived += 1
                place = (document.published_ms // SECOND_MS, self._n_arrived)
                self._documents[place] = document, {*names_of(item.record), "all"}
        arrivals = [s.arrival_ms for s in delta.after.sources.values() if s.arrival_ms is not None]
        floors = [bucket_start(ms - kept_ms, DAY_MS) for ms in arrivals]
        self._floor_ms = max(*floors, self._floor_ms or 0) if floors else self._floor_ms

    def totals(self) -> dict[str, int]:
        """What was done."""
        return dict(sum((part.totals for part in self._partitions.values()), self._done.copy()))

    def retain(self) -> int:
        """Delete what is past the retention; how many days went."""
        floor_ms = self._floor_ms or 0
        old = [place for place in self._documents if place[0] * SECOND_MS < floor_ms]
        days = {place[0] * SECOND_MS // DAY_MS for place in old}
        for place in old:
            del self._documents[place]
        return len(days)

    # -- reading

    def find(self, query: Query) -> Found:
        """One page, the newest first."""
        matching = list(self._matching(query))
        pages = _folded(matching) if query.fold else [(place, document) for place, document in matching]
        last = _place(query.cursor)
        rest = [one for one in pages if last is None or one[0] < last]
        page = rest[: query.limit]
        return Found(
            items=tuple(document for _, document in page),
            next=f"{page[-1][0][0]}.{page[-1][0][1]}" if len(rest) > len(page) else None,
            n_total=len(matching),
            reaches_back_to_ms=self.reaches_back_to_ms(),
        )

    def stream(self, query: Query) -> Iterator[StoredDocument]:
        """All documents of the query, the newest first."""
        return (document for _, document in self._matching(query))

    def counts(self, query: Query, step_ms: int) -> list[Count]:
        """The non-empty steps of the query."""
        if any(ms % SECOND_MS for ms in (step_ms, query.from_ms or 0, query.to_ms or 0)):
            raise ConfigError("documents are counted in whole seconds")
        steps: dict[int, Counter[str]] = defaultdict(Counter)
        for _, document in self._matching(query):
            step = steps[bucket_start(document.published_ms, step_ms)]
            step[document.sentiment or "unread"] += 1
            step["news"] += bool(document.sentiment) and document.source_channel == "news"
        return [_count(start_ms, steps[start_ms]) for start_ms in sorted(steps)]

    def get(self, document_id: str) -> list[StoredDocument]:
        """The documents with this id."""
        return [document for _, document in self._matching(Query()) if document.id == document_id]

    def reaches_back_to_ms(self) -> int | None:
        """From which date on the store has all documents."""
        return self._floor_ms

    def applied(self) -> dict[int, int]:
        """By partition, the next offset of `classified` to apply."""
        return {number: part.state.applied for number, part in self._partitions.items()}

    def holding(self) -> Holding:
        """How much there is; no bytes on disk."""
        return Holding(len(self._documents), 0, len({second * SECOND_MS // DAY_MS for second, _ in self._documents}))

    def delete(self, ids: Collection[str], author_hashes: Collection[str] = ()) -> int:
        """Forget documents."""
        self._forgotten |= {*ids, *author_hashes}
        gone = [p for p, (d, _) in self._documents.items() if d.id in ids or d.author_hash in author_hashes]
        for place in gone:
            del self._documents[place]
        return len(gone)

    def close(self) -> None:
        """Nothing to let go of."""

    def _matching(self, query: Query) -> Iterator[tuple[Place, StoredDocument]]:
        names = set(query.names())
        for place in sorted(self._documents, reverse=True):
            document, its_names = self._documents[place]
            ms = document.published_ms
            within = (query.from_ms is None or ms >= query.from_ms) and (query.to_ms is None or ms < query.to_ms)
            if within and names <= its_names and _has(document.text, query.text):
                yield place, document


class MemoryPartition(MemoryStore):
    """One partition's state, as the store of windows in memory has it, and the documents beside it."""

    def __init__(self, documents: MemoryDocuments, number: int) -> None:
        super().__init__(number)
        self._documents_of = documents

    async def apply(self, before: PartitionState, delta: Delta, horizon_ms: int) -> PartitionState:
        """Write all of `delta` if the store still stands at `before`."""
        after = await super().apply(before, delta, horizon_ms)
        self._documents_of.keep(self.partition, delta)
        return after


def _folded(matching: list[tuple[Place, StoredDocument]]) -> list[tuple[Place, StoredDocument]]:
    n_copies = Counter(document.text_hash for _, document in matching)
    newest: dict[str, tuple[Place, StoredDocument]] = {}
    for place, document in matching:
        newest.setdefault(document.text_hash, (place, document))
    return [(p, msgspec.structs.replace(d, n_copies=n_copies[d.text_hash])) for p, d in newest.values()]


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    match = re.fullmatch(r"(-?\d{1,12})\.(\d{1,12})", cursor)
    if match is None:
        raise ConfigError(f"cursor={cursor!r}: no page gave it")
    return int(match[1]), int(match[2])


def _has(text: str, asked: str | None) -> bool:
    """Whether all words, phrases and beginnings are there."""
    if asked is None or not asked.strip():
        return True
    words = _words(text)
    wanted = [(bare or phrase, bool(star) or bare.endswith("*")) for phrase, star, bare in
              re.findall(r'"([^"]*)"?(\*?)|([^\s"]+)', asked)]  # fmt: skip
    phrases = [(_words(one), prefix) for one, prefix in wanted if _words(one)]
    return bool(phrases) and all(_follows(words, phrase, prefix) for phrase, prefix in phrases)


def _follows(words: list[str], phrase: list[str], prefix: bool) -> bool:
    for start in range(len(words) - len(phrase) + 1):
        here = words[start : start + len(phrase)]
        if here[:-1] == phrase[:-1] and (here[-1].startswith(phrase[-1]) if prefix else here[-1] == phrase[-1]):
            return True
    return False


def _words(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return _WORD.findall(plain.casefold().replace("_", " "))


def _count(start_ms: int, of: Counter[str]) -> Count:
    n = of["negative"] + of["neutral"] + of["positive"]
    return Count(start_ms, n, of["negative"], of["neutral"], of["positive"], of["news"], n - of["news"], of["unread"])
