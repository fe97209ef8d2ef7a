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

import msgspec
import redis

from streamwatch import broker, channels
from streamwatch.bench.cores import Cores, pin, pinned_apart
from streamwatch.bench.cpu import cpu_seconds
from streamwatch.bench.documents import different, documents
from streamwatch.bench.records import records_of
from streamwatch.config import Settings, environment, load
from streamwatch.demo.figures import Meter
from streamwatch.demo.worker import Worker
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
AT_REST_CPU_S, AT_REST_S = 0.4, 3.0
"""CPU seconds, and in how many seconds: a worker that takes less is done with its start."""
Say = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True):
    """What is measured.

    Attributes:
        n: documents with the model, for each precision.
        n_null: documents without one.
        precisions: settings of that name to compare; one empty name is the settings' own.
        pin: whether the worker and the bare parts get a core to themselves, and broker and Redis the other.
    """

    n: int
    n_null: int
    rounds: int = 1
    model: str = "default"
    precisions: tuple[str, ...] = ("",)
    pin: bool = True


def bench(texts: list[str], plan: Plan, say: Say) -> dict[str, Any]:
    """All figures: bare model, then whole way, interleaved, for each precision; then the null model beside bare Faust."""
    with pinned_apart(plan.pin) as cores:
        runs = [(name, round_) for round_ in range(plan.rounds) for name in plan.precisions if plan.n]
        model_rounds = [(name, _model_round(texts, plan, name, cores, say)) for name, _ in runs]
        null_rounds = [_null_round(texts, plan.n_null, cores, say) for _ in range(plan.rounds) if plan.n_null]
    by_precision = {name: [one for other, one in model_rounds if other == name] for name in plan.precisions}
    return {
        "pinned": cores is not None,
        **{f"model {name}".strip(): _middle(rounds, "ratio") for name, rounds in by_precision.items() if rounds},
        "null": _middle(null_rounds, "documents_per_cpu_second") if null_rounds else None,
        "rounds": {"model": [one for _, one in model_rounds], "null": null_rounds},
    }


def _middle(rounds: list[dict[str, Any]], by: str) -> dict[str, Any]:
    """The median round."""
    return sorted(rounds, key=lambda one: one[by])[len(rounds) // 2]


def _model_round(texts: list[str], plan: Plan, precision: str, cores: Cores | None, say: Say) -> dict[str, Any]:
    settings = {"model": plan.model} | ({"precision": precision} if precision else {})
    say(f"bare model over {plan.n} texts {precision}")
    before = _bare_model(texts, plan.n, settings, cores)
    say(f"whole way over {plan.n} documents, {plan.model} model {precision}")
    whole = _whole_way(texts, plan.n, settings, cores)
    say(f"bare model over {plan.n} texts, again")
    after = _bare_model(texts, plan.n, settings, cores)
    bare = 2 * plan.n / (before["seconds"] + after["seconds"])
    return {
        "documents": plan.n,
        "model": before["model"],
        "bare_model_documents_per_second": bare,
        "pipeline_documents_per_second": whole["documents_per_second"],
        "ratio": whole["documents_per_second"] / bare,
        "cpu_ratio": (before["cpu_seconds"] + after["cpu_seconds"]) / 2 / whole["cpu_seconds"],
        "pipeline": whole,
    }


def _bare_model(texts: list[str], n: int, settings: dict[str, Any], cores: Cores | None) -> dict[str, Any]:
    """Seconds for the engine alone, in a process of its own with the worker's settings and core."""
    program = "from streamwatch.bench.pipeline import bare_model_seconds; bare_model_seconds()"
    request = json.dumps({"texts": list(islice(different(texts), n)), "settings": settings})
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    pin(child.pid, cores)
    with child:
        try:
            out, problems = child.communicate(request, timeout=LIMIT_S)
        finally:
            child.kill()
    if child.returncode:
        raise FatalError(f"the bare model failed: {problems.strip().splitlines()[-1]}")
    figures: dict[str, Any] = json.loads(out)
    return figures


def bare_model_seconds() -> None:
    """In the child: classify the texts on standard input, sorted by length, print the seconds it took."""
    from streamwatch.inference.threads import one_core

    request = json.load(sys.stdin)
    settings = load(**request["settings"])
    engine = open_engine(settings)
    one_core()
    cleaned = [model_text(stored_text(text)) for text in request["texts"]]
    classify(engine, cleaned[:64])
    started, cpu = time.monotonic(), time.process_time()
    for start in range(0, len(cleaned), CHUNK_TEXTS):
        classify(engine, cleaned[start : start + CHUNK_TEXTS], settings.batch_tokens)
    figures = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - cpu, "model": engine.model}
    print(json.dumps(figures))


def _null_round(texts: list[str], n: int, cores: Cores | None, say: Say) -> dict[str, Any]:
    say(f"whole way over {n} documents, null model, beside a bare Faust loop")
    figures = _whole_way(texts, n, {"model": "null"}, cores, with_bare_faust=True)
    ours = figures["documents_per_cpu_second"]
    return figures | {
        "cpu_ratio_to_bare_faust": figures["bare_faust_documents_per_cpu_second"] / ours,
        "cpu_ratio_to_bare_faust_without_commits": figures["bare_faust_without_commits_per_cpu_second"] / ours,
    }


def _whole_way(
    texts: list[str], n: int, chosen: dict[str, Any], cores: Cores | None, with_bare_faust: bool = False
) -> dict[str, Any]:
    """A worker over a channel that was filled beforehand: from its first document applied to its last."""
    with ExitStack() as stack:
        servers = stack.enter_context(Tansu()), stack.enter_context(RedisServer())
        settings = load(**embedded_settings(servers[0].url, servers[1].url), **chosen)
        channels.create(settings)
        fill(settings, documents(texts, n, EVENT_RATE))
        figures = _both_bare_loops(settings, n, cores) if with_bare_faust else {}
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        start_up_cpu_s = _start_up_cpu(settings, Path(folder), cores)
        worker = stack.enter_context(Worker(settings, Path(folder) / "worker.log"))
        assert worker.process is not None
        pin(worker.process.pid, cores)
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


def _start_up_cpu(settings: Settings, folder: Path, cores: Cores | None) -> float:
    """CPU seconds of a worker with nothing to read, until it has come to rest."""
    idle = load(**(settings.model_dump() | {"prefix": "idle-"}))
    channels.create(idle)
    with Worker(idle, folder / "idle.log") as worker, redis.Redis.from_url(idle.redis) as store:
        assert worker.process is not None
        pin(worker.process.pid, cores)
        deadline = time.monotonic() + LIMIT_S
        while not store.exists(f"{idle.prefix}sw:{{eval}}:lease"):  # the last thing that a start does
            worker.check()
            if time.monotonic() > deadline:
                raise FatalError(f"no worker after {LIMIT_S:g} s: {worker.last_words()}")
            time.sleep(SAMPLE_S)
        before, now = 0.0, cpu_seconds(worker.process.pid)
        while now - before > AT_REST_CPU_S:
            worker.check()
            before = now
            time.sleep(AT_REST_S)
            now = cpu_seconds(worker.process.pid)
        return now


def _both_bare_loops(settings: Settings, n: int, cores: Cores | None) -> dict[str, Any]:
    """Documents a CPU second of loops that read the same channel and send each document on, to a channel of their own."""
    target = load(**(settings.model_dump() | {"prefix": "bare-"}))
    channels.create(target)
    name = channels.channel(target, "classified")
    return {
        "bare_faust_documents_per_cpu_second": _bare_faust(settings, n, name, "acks", cores),
        "bare_faust_without_commits_per_cpu_second": _bare_faust(settings, n, name, "noack", cores),
    }


def _bare_faust(settings: Settings, n: int, target: str, acks: str, cores: Cores | None) -> float:
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()),
         sys.executable, "-m", "streamwatch.agents.bare_faust", str(n), target, acks],
        env=os.environ | environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    pin(child.pid, cores)
    with child:
        try:
            out, problems = child.communicate(timeout=LIMIT_S)
        finally:
            child.kill()
    line = next((line for line in out.splitlines() if line.startswith("{")), None)
    if line is None:
        raise FatalError(f"the bare Faust loop failed: {(problems.strip().splitlines() or ['no output'])[-1]}")
    figures = json.loads(line)
    return float(figures["documents"] / figures["cpu_seconds"])
