"""From a stream to answers: a worker draws documents, people fill in files, and the answers come back once."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from string import ascii_lowercase
from typing import Any

import pytest
from click.testing import CliRunner
from faults.harness import Replaying, Scene, Worker

from streamwatch.commands.labels import labels
from streamwatch.config import Settings, environment
from streamwatch.errors import ConfigError
from streamwatch.labelling.answers import read_file, read_labels
from streamwatch.labelling.leases import Leases
from streamwatch.labelling.queue import next_document
from streamwatch.labelling.samples import read_samples
from streamwatch.sources.replay import Options
from streamwatch.sources.row import Row
from streamwatch.timeline import HOUR_MS, SECOND_MS, from_ms
from streamwatch.trends.reading import delete_windows

START_MS = 1_741_564_800_000
PER_HOUR, HOURS = 100, 3
BUDGET = 12


def rows() -> list[Row]:
    """Documents of words of their own, some of them twice; one author writes a third."""
    made = []
    for n in range(PER_HOUR * HOURS):
        at_ms = START_MS + n * HOUR_MS // PER_HOUR
        random = Random(n // 2 if n % 10 == 1 else n + 10_000)
        text = " ".join("".join(random.choices(ascii_lowercase, k=6)) for _ in range(8))
        fields = {
            "id": f"d{n}", "text": text, "published_at": from_ms(at_ms).isoformat(), "author": "busy" if n % 3 == 0 else f"a{n}",
        }  # fmt: skip
        made.append(Row(f"d{n}".encode(), json.dumps(fields).encode(), at_ms))
    return made


@pytest.fixture
def deployment(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Scene, Worker]]:
    """A worker that has taken the stream in, on each broker in turn; commands have its settings."""
    wanted = settings.model_copy(update={"model": "null", "labelling_per_hour": BUDGET})
    for name, value in environment(wanted).items():
        monkeypatch.setenv(name, value)
    scene, worker = Scene(wanted), Worker(wanted, tmp_path / "worker.log")
    replaying = Replaying(wanted, rows(), Options())
    replaying.start()
    worker.start()
    replaying.done()
    scene.settled(240)
    scene.until(lambda: not scene.redis.llen(f"{wanted.prefix}sw:{{eval}}:samples"), 90)
    yield scene, worker
    worker.end()
    scene.close()


def run(*arguments: str) -> str:
    """What a command prints; it must end well."""
    done = CliRunner().invoke(labels, arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def contents(scene: Scene) -> dict[str, set[bytes]]:
    """By document, all contents that `drift` has or had of it."""
    found = defaultdict(set)
    for record in scene.read("drift"):
        found[record.key.decode()].add(record.value)
    return dict(found)


def filled(tasks: list[dict[str, Any]], who: str, sentiment: str) -> list[dict[str, Any]]:
    """The tasks as Label Studio exports them when they are done."""
    for task in tasks:
        chosen = {"topic": "earnings", "sentiment": sentiment, "reading": "market"}
        result = [
            {"id": name, "from_name": name, "to_name": "text", "type": "choices", "value": {"choices": [value]}}
            for name, value in chosen.items()
        ]
        task["annotations"] = [
            {"completed_by": {"id": 1, "email": who}, "was_cancelled": False, "updated_at": "2026-01-05T08:00:00.5Z",
             "result": result}
        ]  # fmt: skip
    return tasks


@pytest.mark.timeout(590)  # on a machine that does much else
def test_a_stream_becomes_a_queue_its_documents_are_answered_and_the_answers_count_once(
    deployment: tuple[Scene, Worker], tmp_path: Path
) -> None:
    played, worker = deployment
    before = contents(played)
    samples = list(read_samples(played.settings))
    assert 10 <= len(samples) <= BUDGET * HOURS * 4
    assert {one.id for one in samples} == set(before)
    assert all(0 < one.p_uniform <= one.inclusion_probability <= 1 for one in samples)

    # A worker that was killed and finds Redis empty builds it anew from the log, and draws the same.
    worker.kill()
    delete_windows(played.redis, played.settings.prefix)
    worker.start()
    played.settled(240)
    played.until(lambda: not played.redis.llen(f"{played.settings.prefix}sw:{{eval}}:samples"), 90)
    again = contents(played)
    assert again == before
    assert all(len(records) == 1 for records in again.values())

    # Two people are given different documents.
    leases = Leases(played.redis, played.settings.prefix)
    answers = read_labels(played.settings)
    given = [next_document(samples, answers, leases, who) for who in ("ana", "ben")]
    assert given[0] is not None and given[1] is not None and given[0].id != given[1].id

    # Out to Label Studio and back, twice.
    file = tmp_path / "tasks.json"
    run("export", "--format", "label-studio", "--out", str(file))
    tasks = json.loads(file.read_bytes())
    assert {task["data"]["document_id"] for task in tasks} == set(before)
    file.write_text(json.dumps(filled(tasks[:6], "ana@example.com", "negative")))
    assert json.loads(run("import", str(file), "--json"))["written"] == 6
    twice = json.loads(run("import", str(file), "--json"))
    assert (twice["written"], twice["unchanged"]) == (0, 6)
    assert len(played.read("labels")) == 6

    # Somebody else fills in a table, and sees one of them otherwise.
    ids = [task["data"]["document_id"] for task in tasks[:2]]
    table = tmp_path / "table.csv"
    table.write_text(f"id,topic,sentiment,verdict\n{ids[0]},earnings,negative,\n{ids[1]},,,none of these\n")
    told = json.loads(run("import", str(table), "--labeller", "ben", "--json"))
    assert told["written"] == 2
    assert [line.split(":")[0] for line in told["conflicts"]] == [ids[1]]

    # What is wrong is said by its row, and nothing is written.
    table.write_text(f"id,topic\n{ids[0]},sport\nnobody,earnings\n{ids[0]},markets\n")
    refused = CliRunner().invoke(labels, ["import", str(table), "--labeller", "cleo"])
    assert isinstance(refused.exception, ConfigError)
    assert "row 2: topic 'sport'" in refused.stderr and "row 3: no document nobody" in refused.stderr
    assert len(played.read("labels")) == 8

    stats = json.loads(run("stats", "--json"))
    assert (stats["n_answered"], stats["n_waiting"], stats["n_conflicts"]) == (6, len(samples) - 6, 1)
    assert stats["labellers"]["ben"]["verdicts"] == {"answered": 1, "none_of_these": 1}
    assert "labeller ben: 2" in run("stats")

    out = tmp_path / "labels.jsonl"
    run("export", "--format", "jsonl", "--answered", "--out", str(out))
    assert [one.id for one in read_file(out)] == [one.id for one in read_labels(played.settings)]
    assert read_file(out)[ids[0]].topic == "earnings"
    assert (
        from_ms(START_MS)
        <= read_file(out)[ids[0]].sample.published_at
        < from_ms(START_MS + HOURS * HOUR_MS + SECOND_MS)
    )
