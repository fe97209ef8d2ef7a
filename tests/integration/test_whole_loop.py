"""The whole loop on one running deployment: a stream shifts, people answer, a better model serves, and nothing else moves.

    documents ─ worker ─ drift alert ─ queue ─ answers ─ retrain ─ gate ─ promote ─ the worker swaps ─ fewer errors
                  ╰──────────────────────────── roll back ─────────────────────────────────╯

Every step is the command that an operator would call (docs/loop.md), against a real broker, a real Redis and a worker that
never stops. The models are throw-away ones; all bounds are those that ship.
"""

import csv
import json
import time
from collections.abc import Callable, Iterator, Sequence
from math import log
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from faults.harness import Replaying, Scene, Worker
from loop_words import SPACING_MS, START_MS, Document, documents, write_first_model

from streamwatch.cli import cli
from streamwatch.config import environment, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.gating.shift_file import read_shift
from streamwatch.inference.serving import read_notes
from streamwatch.labelling.samples import read_samples
from streamwatch.models.gated import GATES
from streamwatch.sources.replay import Options
from streamwatch.timeline import parse_rfc3339

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

N_BEFORE, N_AFTER, N_FRESH = 7_200, 5_400, 1_800
"""Two hours, an hour and a half, half an hour: retraining wants 5,000 documents that guard the past, the gate 2,000 more."""
SHIFT_MS = START_MS + N_BEFORE * SPACING_MS
PART_NEW = 0.5
PEOPLE = ("ana", "ben", "cleo")
SECOND_OPINION = 5
"""One row of so many is answered by two people."""
LEARN = ("--head-learning-rate", "0.02", "--rank", "2", "--batch-size", "32", "--threads", "1")
"""A model of one layer wants larger steps than a real encoder; everything else is as it ships."""
ROLL_BACK_S = 10.0
N_TRICKLE = 20
"""Documents at a time that come while the model is rolled back."""
WAIT_S = 240.0


def log_odds(share: float) -> float:
    """Of a share between 0 and 1."""
    return log(share / (1 - share))


class Read(NamedTuple):
    """How a document was read: its sentiment, by which version, and when its record was written."""

    sentiment: str
    model: str
    when_ms: int


class Loop(NamedTuple):
    """A deployment whose stream has shifted: its scene and worker, all documents so far, the folder for files."""

    scene: Scene
    worker: Worker
    known: dict[str, Document]
    folder: Path

    def playing(self, rows: Sequence[Document]) -> Replaying:
        """Begin to send documents."""
        self.known.update({one.id: one for one in rows})
        replaying = Replaying(self.scene.settings, [one.row for one in rows], Options(channels=("news", "social")))
        replaying.start()
        return replaying

    def play(self, rows: Sequence[Document]) -> None:
        """Send documents, and wait until everything that follows from them is written."""
        self.playing(rows).done()
        self.scene.settled(WAIT_S)
        waiting = f"{self.scene.settings.prefix}sw:{{eval}}:samples"
        self.scene.until(lambda: not self.scene.redis.llen(waiting), WAIT_S)

    def serves(self) -> str:
        """The version that the worker says it answers with; empty before its first note."""
        note = next(read_notes(self.scene.redis, self.scene.settings.prefix), None)
        return note.model if note else ""

    def alerts(self) -> list[dict[str, Any]]:
        """Every revision of every alert, in the order of their moments."""
        found = [json.loads(content) for contents in self.scene.alerts().values() for content in contents]
        return sorted(found, key=lambda alert: (parse_rfc3339(alert["at"]), alert["revision"]))

    def read(self, rows: Sequence[Document]) -> dict[str, Read]:
        """What became of `rows`, by id."""
        asked = {one.id for one in rows}
        records = ((record.timestamp, json.loads(record.value)) for record in self.scene.read("classified"))
        return {
            fields["id"]: Read(fields["prediction"]["sentiment"]["label"], fields["prediction"]["model"], when_ms)
            for when_ms, fields in records
            if fields.get("id") in asked
        }

    def errors(self, rows: Sequence[Document]) -> float:
        """The share of the documents in new words among `rows` whose sentiment the worker has wrong."""
        new = [one for one in rows if one.is_new]
        said = self.read(new)
        return sum(said[one.id].sentiment != one.sentiment for one in new) / len(new)

    def negative(self, rows: Sequence[Document]) -> float:
        """The share of `rows` that the worker calls negative."""
        said = self.read(rows)
        return sum(one.sentiment == "negative" for one in said.values()) / len(said)


def run(*arguments: object) -> str:
    """What a command prints, called as a user calls it; it must end well."""
    done = CliRunner().invoke(cli, [str(one) for one in arguments])
    assert done.exit_code == 0, (arguments, done.output, done.exception)
    return done.stdout


@pytest.fixture(scope="module")
def loop(tansu: Tansu, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """A worker with a model of a registry has seen the stream shift; commands have its settings."""
    folder = tmp_path_factory.mktemp("loop")
    with RedisServer() as redis, pytest.MonkeyPatch.context() as patch:
        servers = embedded_settings(tansu.url, redis.url)
        wanted = load(
            prefix="loop-", registry=str(folder / "registry"), device="cpu", precision="fp32", partitions=2, threads=1,
            labelling_per_hour=600, labelling_uniform_share=0.75, stalled_after_s=0, **servers,
        )  # fmt: skip
        for name, value in environment(wanted).items():
            patch.setenv(name, value)
        write_first_model(folder / "first")
        run("models", "promote", run("models", "add", folder / "first").strip(), "--force", "the first of ours")
        made = Loop(Scene(wanted), Worker(wanted, folder / "worker.log").start(), {}, folder)
        try:
            made.play(documents(0, N_BEFORE))
            made.play(documents(N_BEFORE, N_AFTER, PART_NEW))
            yield made
        finally:
            made.worker.end()
            made.scene.close()


def answer_the_queue(loop: Loop) -> None:
    """Three people fill in tables of what waits, by what is true; some rows are answered by two of them."""
    run("labels", "export", "--format", "csv", "--out", loop.folder / "queue.csv")
    with (loop.folder / "queue.csv").open(newline="") as file:
        rows = [row | _said(loop.known[row["id"]]) for row in csv.DictReader(file)]
    for k, who in enumerate(PEOPLE):
        theirs = [row for i, row in enumerate(rows) if k in (i % 3, (i + (i % SECOND_OPINION == 0)) % 3)]
        with (loop.folder / f"{who}.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, list(theirs[0]))
            table.writeheader()
            table.writerows(theirs)
        told = json.loads(run("labels", "import", loop.folder / f"{who}.csv", "--labeller", who, "--json"))
        assert told["written"] == len(theirs) and not told["faults"]


def _said(document: Document) -> dict[str, str]:
    return {"topic": document.topic, "sentiment": document.sentiment, "reading": "market"}


def test_a_shift_is_seen_answered_learned_promoted_and_served_and_the_swap_raises_no_alert(loop: Loop) -> None:
    # A drift alert, and nothing before the shift.
    first = loop.serves()
    alerts = loop.alerts()
    assert {alert["kind"] for alert in alerts} == {"drift"}
    assert alerts[0]["state"] == "firing" and alerts[0]["drift"]["model"] == first
    assert SHIFT_MS < parse_rfc3339(alerts[0]["at"]) < SHIFT_MS + 1000 * SPACING_MS
    shifted = [one for one in loop.known.values() if one.is_new]
    assert loop.errors(shifted) > 0.6

    # The queue has documents of known π: the weights of the uniform ones add up to the stream.
    samples = list(read_samples(loop.scene.settings))
    assert all(0 < one.p_uniform <= one.inclusion_probability <= 1 for one in samples)
    stands_for = sum(1 / one.p_uniform for one in samples if one.drawn_as == "uniform")
    assert stands_for == pytest.approx(N_BEFORE + N_AFTER, rel=0.1)
    assert sum(loop.known[one.id].is_new for one in samples) > 300

    # People answer; a retraining is due, and makes a candidate that passes the gate with nothing forced.
    answer_the_queue(loop)
    out = loop.folder / "candidate"
    told = json.loads(run("retrain", "--out", out, "--when", "drift", *LEARN, "--json").splitlines()[-1])
    assert told["learned"]["answers"] > 1000 and told["learned"]["stream"] == 5000
    candidate = run("models", "add", out).strip()
    gate = json.loads(run("models", "gate", candidate, "--json"))
    assert gate["passed"] and gate["evidence"]["fresh"] > 500 and gate["evidence"]["recent"] == 5000
    pointer = json.loads(run("models", "promote", candidate, "--json"))
    assert (pointer["gate"], pointer.get("forced", "")) == ("passed", "")

    # The worker swaps; of what comes then it has far less wrong, and nothing fires.
    loop.scene.until(lambda: loop.serves() != first, WAIT_S)
    second = loop.serves()
    fresh = documents(N_BEFORE + N_AFTER, N_FRESH, PART_NEW)
    loop.play(fresh)
    assert {one.model for one in loop.read(fresh).values()} == {second}
    assert loop.errors(fresh) < loop.errors(shifted) / 2
    assert loop.alerts() == alerts

    # What the detectors were told of the swap is what it did, now and not in the mean of the channel.
    told_shift = read_shift(loop.folder / "registry" / GATES / candidate)
    assert told_shift is not None
    after = [one for one in loop.known.values() if SHIFT_MS <= one.at_ms < fresh[0].at_ms]
    moved = log_odds(loop.negative(fresh)) - log_odds(loop.negative(after))
    assert told_shift.series["all"].log_odds == pytest.approx(moved, abs=0.25)

    # Rolled back, the first model answers within seconds, while documents come.
    began_ms = time.time() * 1000
    run("models", "rollback")
    trickled = trickle(loop, N_BEFORE + N_AFTER + N_FRESH, lambda: loop.serves() == first)
    read = loop.read(trickled)
    assert len(read) == len(trickled) and {one.model for one in read.values()} <= {first, second}
    restored_ms = min(one.when_ms for one in read.values() if one.model == first)
    assert restored_ms - began_ms < ROLL_BACK_S * 1000
    assert loop.alerts() == alerts


def trickle(loop: Loop, first: int, enough: Callable[[], bool]) -> list[Document]:
    """Send some documents again and again until it is enough, and once more; gives them all."""
    sent: list[Document] = []
    last, deadline = False, time.monotonic() + WAIT_S
    while not last and time.monotonic() < deadline:
        last = enough()
        some = documents(first + len(sent), N_TRICKLE, PART_NEW)
        loop.playing(some).done()
        sent += some
    loop.scene.settled(WAIT_S)
    return sent
