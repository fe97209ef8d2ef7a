"""The whole way against its parts: against the bare model, and (without a model) against a bare Faust loop."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from streamwatch import broker, channels
from streamwatch.bench.cpu import cpu_seconds
from streamwatch.bench.documents import different, documents
from streamwatch.bench.records import records_of
from streamwatch.config import Settings, load
from streamwatch.demo.figures import Meter
from streamwatch.demo.worker import Worker, environment
from streamwatch.embedded import RedisServer, Tansu, embedded_settings, launch
from streamwatch.errors import FatalError
from streamwatch.inference import classify, open_engine
from streamwatch.text.clean import model_text, stored_text

EVENT_RATE = 50.0
"""Documents in a second of event time."""
LIMIT_S = 600.0
SAMPLE_S = 0.05
FIRST_BATCH_MS = 150
"""In which the records of one batch of the engine leave."""
CHUNK_TEXTS = 4096
"""Sorted by length at once: as many as a worker has in flight."""
AT_REST_CPU_S = 0.4
"""CPU seconds in three seconds under which a worker is done with its start."""
Say = Callable[[str], None]


def bench(texts: list[str], n: int, n_null: int, rounds: int, model: str, say: Say) -> dict[str, Any]:
    """All figures: `rounds` of bare model, then whole way, interleaved; then the null model beside bare Faust."""
    model_rounds = [_model_round(texts, n, model, say) for _ in range(rounds)] if n else []
    null_rounds = [_null_round(texts, n_null, say) for _ in range(rounds)] if n_null else []
    return {
        "model": _middle(model_rounds, "ratio") if model_rounds else None,
        "null": _middle(null_rounds, "documents_per_cpu_second") if null_rounds else None,
        "rounds": {"model": model_rounds, "null": null_rounds},
    }


def _middle(rounds: list[dict[str, Any]], by: str) -> dict[str, Any]:
    """The median round."""
    return sorted(rounds, key=lambda one: one[by])[len(rounds) // 2]


def _model_round(texts: list[str], n: int, model: str, say: Say) -> dict[str, Any]:
    say(f"bare model over {n} texts")
    before = _bare_model(texts, n, model)
    say(f"whole way over {n} documents, {model} model")
    whole = _whole_way(texts, n, model)
    say(f"bare model over {n} texts, again")
    after = _bare_model(texts, n, model)
    bare = 2 * n / (before + after)
    return {
        "documents": n,
        "bare_model_documents_per_second": bare,
        "pipeline_documents_per_second": whole["documents_per_second"],
        "ratio": whole["documents_per_second"] / bare,
        "pipeline": whole,
    }


def _bare_model(texts: list[str], n: int, model: str) -> float:
    """Seconds for the engine alone, in a process of its own with the worker's settings."""
    program = "from streamwatch.bench.pipeline import bare_model_seconds; bare_model_seconds()"
    request = json.dumps({"texts": list(islice(different(texts), n)), "model": model})
    done = subprocess.run(
        [sys.executable, "-c", program], input=request, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode:
        raise FatalError(f"the bare model failed: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout)


def bare_model_seconds() -> None:
    """In the child: classify the texts on standard input, sorted by length, print the seconds it took."""
    request = json.load(sys.stdin)
    engine = open_engine(load(model=request["model"]))
    cleaned = [model_text(stored_text(text)) for text in request["texts"]]
    classify(engine, cleaned[:64])
    started = time.monotonic()
    for start in range(0, len(cleaned), CHUNK_TEXTS):
        classify(engine, cleaned[start : start + CHUNK_TEXTS])
    print(time.monotonic() - started)


def _null_round(texts: list[str], n: int, say: Say) -> dict[str, Any]:
    say(f"whole way over {n} documents, null model, beside a bare Faust loop")
    return _whole_way(texts, n, "null", with_bare_faust=True)


def _whole_way(texts: list[str], n: int, model: str, with_bare_faust: bool = False) -> dict[str, Any]:
    """A worker over a channel that was filled beforehand: from its first document applied to its last."""
    with ExitStack() as stack:
        servers = stack.enter_context(Tansu()), stack.enter_context(RedisServer())
        settings = load(**embedded_settings(servers[0].url, servers[1].url), model=model)
        channels.create(settings)
        fill(settings, documents(texts, n, EVENT_RATE))
        figures = _bare_faust(settings, n) if with_bare_faust else {}
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        start_up_cpu_s = _start_up_cpu(settings, Path(folder))
        worker = stack.enter_context(Worker(settings, Path(folder) / "worker.log"))
        meter = Meter(settings)
        stack.callback(meter.close)
        figures |= _measure(worker, meter, n, start_up_cpu_s)
        return figures | {"documents_per_second": _emitted_per_second(settings)}


def fill(settings: Settings, records: Iterable[tuple[bytes, bytes, int]]) -> None:
    """Produce documents to `social`, stamped with their dates, and wait until all are there."""
    producer = broker.producer(settings, linger_ms=20)
    name = channels.channel(settings, "social")
    try:
        for key, value, date_ms in records:
            producer.send(name, value=value, key=key, headers=[("observed_ms", str(date_ms).encode())])
        producer.flush()
    finally:
        producer.close()


def _measure(worker: Worker, meter: Meter, n: int, start_up_cpu_s: float) -> dict[str, Any]:
    """CPU seconds of the whole run but for the start-up."""
    assert worker.process is not None
    pid, deadline = worker.process.pid, time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        worker.check()
        applied, cpu = meter.read(n).consumed, cpu_seconds(pid)
        if applied >= n:
            return {
                "documents": n,
                "cpu_seconds": cpu - start_up_cpu_s,
                "start_up_cpu_seconds": start_up_cpu_s,
                "documents_per_cpu_second": n / (cpu - start_up_cpu_s),
            }
        time.sleep(SAMPLE_S)
    raise FatalError(f"{meter.read(n)} after {LIMIT_S:g} s; the worker: {worker.last_words()}")


def _emitted_per_second(settings: Settings) -> float:
    """Documents a second by the timestamps of `classified`, from the end of the first batch to the last record.

    Not from the first one applied: by then the next batch is half done, which would count as time that was not taken.
    """
    stamps = sorted(record.timestamp for record in records_of(settings, "classified"))
    later = [stamp for stamp in stamps if stamp > stamps[0] + FIRST_BATCH_MS]
    if not later:
        raise FatalError("everything was one batch: measure more documents")
    return len(later) * 1000 / (later[-1] - stamps[0])


def _start_up_cpu(settings: Settings, folder: Path) -> float:
    """CPU seconds of a worker with nothing to read, until it has come to rest."""
    idle = load(**(settings.model_dump() | {"prefix": "idle-"}))
    channels.create(idle)
    with Worker(idle, folder / "idle.log") as worker:
        assert worker.process is not None
        before, now = -1.0, 0.0
        while now - before > AT_REST_CPU_S or now < AT_REST_CPU_S:
            worker.check()
            before = now
            time.sleep(3.0)
            now = cpu_seconds(worker.process.pid)
        return now


def _bare_faust(settings: Settings, n: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "streamwatch.agents.bare_faust", str(n)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *command],
        env=os.environ | environment(settings),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    if line is None:
        raise FatalError(f"the bare Faust loop failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    figures = json.loads(line)
    return {"bare_faust_documents_per_cpu_second": figures["documents"] / figures["cpu_seconds"]}
