"""Texts in, answers out, in batches: one thread tokenises, several compute, whoever asks waits for neither.

    submit ─ texts ─ tokeniser thread ─ Horizon (rows by length) ─ compute threads ─ deliver(answers of a batch)

Nothing here knows asyncio. An engine can be exchanged at any time: a row is computed by the engine that prepared it.

Examples:
    >>> import queue
    >>> from streamwatch.inference.engine import NullEngine
    >>> answers = queue.Queue()
    >>> with Batcher(NullEngine(), answers.put, print) as batcher:
    ...     batcher.submit([("a", "$AAPL falls"), ("b", "Oil climbs")])
    ...     [(key, answer.model) for key, answer in answers.get(timeout=5)]
    [('a', 'null'), ('b', 'null')]
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple, Self

from streamwatch.errors import RejectError
from streamwatch.inference.engine import BATCH_TOKENS, Answer, Engine, Packs, n_padding
from streamwatch.inference.horizon import Horizon, Waiting
from streamwatch.inference.pace import Pace
from streamwatch.inference.tally import BatcherFigures, Tally
from streamwatch.inference.threads import one_core

Key = Any
Deliver = Callable[[Sequence[tuple[Key, Answer]]], None]

PREPARE_TEXTS = 128
"""Tokenised at once: some 12 ms of one core, so that a lone text never waits longer behind a backlog."""
HORIZON_BATCHES = 8
"""Waiting rows that are a full horizon: with eight batches of sorted tweets, neighbours differ by a token or two."""
PACKED_TOKENS = 1024
"""Of a batch whose rows lie end to end, at most. Such an engine gains nothing by sorting far, and batches of 512 to 4,096
tokens cost the same a token, so a batch is what is computed as one matrix: who waits for its neighbours waits 45 ms in
int8 and not four times as long, and at the end of a burst no thread is left alone with a long one."""
SUBMIT_TEXTS = 64
"""Taken in at once: `max_waiting` may be exceeded by so many."""
MAX_WAITING = 4096
JOIN_S = 30.0
"""For a thread to finish its batch: the longest is one full batch in float32 on a busy core, some seconds."""


class Sizes(NamedTuple):
    """How a batcher is cut.

    Attributes:
        n_threads: that compute; each uses one core.
        batch_tokens: of a batch, padding included.
        budget_s: how long a row may wait for company while a thread is idle.
        max_waiting: texts between `submit` and their answers; `submit` waits while there are as many.
    """

    n_threads: int = 1
    batch_tokens: int = BATCH_TOKENS
    budget_s: float = 0.1
    max_waiting: int = MAX_WAITING


USUAL = Sizes()
"""Where nobody says otherwise: one core."""


class _Text(NamedTuple):
    key: Key
    text: str
    since_s: float


class _Stage:
    """An engine and its rows that wait.

    Attributes:
        batch_tokens: of one batch of this engine.
        full_tokens: that wait when nobody waits longer for company.
    """

    def __init__(self, engine: Engine, batch_tokens: int) -> None:
        packed = isinstance(engine, Packs)
        self.engine = engine
        self.horizon = Horizon(packed)
        self.batch_tokens = min(batch_tokens, PACKED_TOKENS) if packed else batch_tokens
        self.full_tokens = self.batch_tokens * (1 if packed else HORIZON_BATCHES)


class Batcher:
    """Classifies what is submitted, in threads of its own.

    Args:
        deliver: called with the answers of a batch, in the thread that made them; must be quick and must not raise.
        failed: called once with an error that no document is to blame for; nothing is answered afterwards.
    """

    def __init__(
        self, engine: Engine, deliver: Deliver, failed: Callable[[BaseException], None], sizes: Sizes = USUAL
    ) -> None:
        self._deliver, self._failed, self._sizes = deliver, failed, sizes
        self._lock = threading.Lock()
        self._texts_came = threading.Condition(self._lock)
        self._rows_came = threading.Condition(self._lock)
        self._left = threading.Condition(self._lock)
        self._texts: deque[_Text] = deque()
        self._stages = [_Stage(engine, sizes.batch_tokens)]
        self._pace = Pace(sizes.n_threads, sizes.budget_s)
        self._tally = Tally()
        self._n_inside = self._n_computing = 0
        self._error: BaseException | None = None
        self._stopping = False
        names = [("tokenise", self._tokenise), *((f"compute-{i}", self._compute) for i in range(sizes.n_threads))]
        self._threads = [
            threading.Thread(target=self._guarded, args=(loop,), name=name, daemon=True) for name, loop in names
        ]

    # -- from outside

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def submit(self, texts: Iterable[tuple[Key, str]]) -> None:
        """Take (key, text) in; waits while `max_waiting` are inside. Raises the error that the batcher failed with."""
        coming = iter(texts)
        while taken := list(islice(coming, SUBMIT_TEXTS)):
            with self._lock:
                self._left.wait_for(lambda: self._n_inside < self._sizes.max_waiting or self._over())
                self._check()
                now = time.monotonic()
                self._texts.extend(_Text(key, text, now) for key, text in taken)
                self._n_inside += len(taken)
                self._texts_came.notify()

    @property
    def engine(self) -> Engine:
        """The engine that prepares from now on."""
        return self._stages[-1].engine

    def swap(self, engine: Engine) -> None:
        """Let another engine prepare from now on; rows that are prepared stay with theirs."""
        with self._lock:
            self._stages.append(_Stage(engine, self._sizes.batch_tokens))
            self._tally.n_swaps += 1
            self._forget_empty_stages()

    def figures(self) -> BatcherFigures:
        """What was done, and what waits."""
        with self._lock:
            n_rows = sum(stage.horizon.n_rows for stage in self._stages)
            return self._tally.snapshot(len(self._texts), n_rows, self._n_computing)

    def close(self) -> None:
        """Take nothing more and begin no batch; what is inside is not answered. Does not wait."""
        with self._lock:
            self._stopping = True
            self._wake_all()

    def join(self) -> None:
        """Wait for the threads, which finish the batch that they are at."""
        for thread in self._threads:
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(JOIN_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self.join()

    # -- failing

    def _over(self) -> bool:
        return self._stopping or self._error is not None

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._stopping:
            raise RuntimeError("the batcher is closed")

    def _wake_all(self) -> None:
        for condition in (self._texts_came, self._rows_came, self._left):
            condition.notify_all()

    def _guarded(self, loop: Callable[[], None]) -> None:
        """A thread's life: whatever ends it before its time is the batcher's failure."""
        try:
            loop()
        except BaseException as error:
            with self._lock:
                first, self._error = self._error is None, self._error or error
                self._wake_all()
            if first:
                self._failed(error)

    # -- the tokeniser's thread

    def _tokenise(self) -> None:
        one_core()
        while texts := self._next_texts():
            stage = self._stages[-1]
            rows = stage.engine.prepare([text.text for text in texts])
            known = [(text, row) for text, row in zip(texts, rows, strict=True) if isinstance(row, RejectError)]
            free = [(text, row) for text, row in zip(texts, rows, strict=True) if _is_free(row)]
            if known:
                self._give([text for text, _ in known], [row for _, row in known])  # type: ignore[misc]
            if free:
                self._give([text for text, _ in free], stage.engine.predict([row for _, row in free]))
            self._queue(stage, [(t, row) for t, row in zip(texts, rows, strict=True) if getattr(row, "n_tokens", 0)])

    def _next_texts(self) -> list[_Text]:
        with self._lock:
            self._texts_came.wait_for(lambda: self._texts or self._over())
            if self._over():
                return []
            return [self._texts.popleft() for _ in range(min(PREPARE_TEXTS, len(self._texts)))]

    def _queue(self, stage: _Stage, rows: Sequence[tuple[_Text, Any]]) -> None:
        if not rows:
            return
        with self._lock:
            for text, row in rows:
                stage.horizon.add(Waiting(text.key, row, row.n_tokens, text.since_s))
            if stage not in self._stages:  # exchanged meanwhile, and it had nothing left
                self._stages.insert(0, stage)
            self._pace.arrived(sum(row.n_tokens for _, row in rows), time.monotonic())
            self._rows_came.notify_all()

    # -- the compute threads

    def _compute(self) -> None:
        one_core()
        while (work := self._next_batch()) is not None:
            engine, batch = work
            started = time.monotonic()
            answers = engine.predict([waiting.row for waiting in batch])
            self._computed(engine, [waiting.n_tokens for waiting in batch], time.monotonic() - started)
            self._give(batch, answers)

    def _next_batch(self) -> tuple[Engine, list[Waiting]] | None:
        """The next batch, when it is time for it; None at the end."""
        with self._lock:
            while not self._over():
                stage = next((stage for stage in self._stages if stage.horizon.n_rows), None)
                wait_s = None if stage is None else self._wait_s(stage)
                if stage is not None and wait_s is not None and wait_s <= 0:
                    batch = stage.horizon.take(stage.batch_tokens, self._pace.spare_tokens())
                    self._forget_empty_stages()
                    self._n_computing += len(batch)
                    return stage.engine, batch
                self._rows_came.wait(wait_s)
        return None

    def _wait_s(self, stage: _Stage) -> float:
        """How long the oldest row may still wait for company: not at all in a full horizon, or where none will come."""
        waiting = stage.horizon
        full = waiting.n_tokens >= stage.full_tokens
        if full or waiting.n_rows * 2 >= self._sizes.max_waiting or stage is not self._stages[-1]:
            return 0.0
        now = time.monotonic()
        return waiting.oldest_s + self._pace.hold_s(now) - now

    def _forget_empty_stages(self) -> None:
        self._stages[:-1] = [stage for stage in self._stages[:-1] if stage.horizon.n_rows]

    def _computed(self, engine: Engine, lengths: list[int], seconds: float) -> None:
        n_tokens, n_wasted = sum(lengths), n_padding(engine, lengths)
        with self._lock:
            self._pace.computed(n_tokens + n_wasted, seconds)
            self._tally.batch(n_tokens, n_wasted, seconds)
            self._n_computing -= len(lengths)

    # -- answers

    def _give(self, asked: Sequence[_Text | Waiting], answers: Sequence[Answer]) -> None:
        pairs = [(one.key, answer) for one, answer in zip(asked, answers, strict=True)]
        now = time.monotonic()
        with self._lock:
            self._tally.answered(now - one.since_s for one in asked)
            self._n_inside -= len(pairs)
            self._left.notify_all()
        self._deliver(pairs)


def _is_free(row: Any) -> bool:
    return not isinstance(row, RejectError) and not row.n_tokens
