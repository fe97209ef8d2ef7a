"""`streamwatch models gate`: measure a candidate against the model that serves."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from rich.console import Console

from streamwatch.commands.bars import Bars
from streamwatch.commands.registry_options import (
    AS_JSON,
    REGISTRY,
    checked_folder,
    now,
    resolved,
    serving,
    settings_and_registry,
)
from streamwatch.config import Settings
from streamwatch.errors import ConfigError, ModelError
from streamwatch.gating.shift_file import write_shift
from streamwatch.models import registry as room
from streamwatch.models.gated import GATES, PAGE_FILE, keep
from streamwatch.models.manifest import MANIFEST_FILE, read_manifest
from streamwatch.timeline import from_ms, parse_rfc3339

if TYPE_CHECKING:
    from streamwatch.gating.evidence import Evidence
    from streamwatch.gating.gate import Progress
    from streamwatch.gating.recent import Recent
    from streamwatch.gating.report import Report
    from streamwatch.gating.trained_on import TrainedOn
    from streamwatch.records import Classified, Promotion

SILENT_S = 2.0
ANSWERS_UNTIL = "answers_until"
"""In a manifest's settings: the newest answer that the model has learned."""
N_RECENT = 5000
"""Documents of each draw from the stream that both models read: enough for 2,000 sure ones, minutes of a core."""
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


class Sources(NamedTuple):
    """Where the evidence comes from; None stands for Kafka."""

    labels: Path | None
    past: tuple[Path, ...]
    stream: Path | None


@click.command()
@click.argument("candidate", metavar="ID|FOLDER")
@click.option("--labels", type=FILE, help="JSONL file of answers (label.v1), in place of the channel `labels`.")
@click.option(
    "--past",
    type=FILE,
    multiple=True,
    help="Labelled texts that nothing was trained on: columns text, sentiment, topic. Repeatable.",
)
@click.option(
    "--stream", type=FILE, help="JSONL file of documents (classified.v1), in place of the channel `classified`."
)
@REGISTRY
@AS_JSON
def gate(
    candidate: str,
    labels: Path | None,
    past: tuple[Path, ...],
    stream: Path | None,
    registry: Path | None,
    as_json: bool,
) -> None:
    """Measure a candidate against the model that serves, and keep the report. Exit code 1 when it is refused.

    Fresh answers that nobody learned from must show a gain; labelled texts of the past (or, where there are none, what the
    incumbent is sure of in the stream, and the check set) that nothing is lost. Slices, calibration, cost, behaviour
    templates and a probe for planted phrases come on top; docs/gate.md tells what each asks for. With too little data the
    candidate is refused, and the report says how many documents are missing.

    The report lies in the registry, gates/ID/gate.json and gate.html. It counts until another model is promoted.

    \b
    Examples:
      streamwatch models gate 1f0c
      streamwatch models gate runs/candidate --labels answers.jsonl --past old.csv --stream classified.jsonl.gz
      streamwatch models gate 1f0c --json | jq '.checks[] | select(.status != "passed")'
    """
    from streamwatch.gating.report import to_json

    settings, folder = settings_and_registry(registry)
    name = _candidate(folder, candidate)
    incumbent = serving(folder)
    if name == incumbent:
        raise ConfigError(f"{name} serves: there is nothing to measure it against")
    with Bars(Console(stderr=True), after_s=SILENT_S) as bars:
        made, shift = _gated(settings, folder, (incumbent, name), Sources(labels, past, stream), bars.watch)
    place = _kept(folder, name, made, shift)
    click.echo(to_json(made).decode().rstrip() if as_json else _lines(made, place))
    if not made.passed:
        raise ModelError(f"the gate refuses {name}: {len(made.refusals)} of {len(made.checks)} checks, see {place}")


def _candidate(folder: Path, candidate: str) -> str:
    """The candidate's id; a folder that holds a model is added first."""
    if (Path(candidate) / MANIFEST_FILE).is_file():
        return room.add(folder, Path(candidate))
    return resolved(folder, candidate)


def _gated(
    settings: Settings, folder: Path, names: tuple[str, str], sources: Sources, progress: "Progress"
) -> "tuple[Report, Promotion | None]":
    """The report, and what the promotion would do to every series, where there are documents enough."""
    from msgspec.structs import replace

    from streamwatch.gating.evidence import asked, may_have_learned
    from streamwatch.gating.gate import gated, known_parent
    from streamwatch.gating.looks import Look, asked_before, note, read_looks
    from streamwatch.gating.recent import drawn
    from streamwatch.gating.trained_on import read_trained_on

    incumbent, candidate = (checked_folder(folder, name) for name in names)
    progress("gate", 0, 1)
    trained_on = read_trained_on(candidate)
    recent = drawn(_stream(settings, sources.stream), lambda text: may_have_learned(text, trained_on), N_RECENT)
    progress("gate", 0, 1)  # a channel takes minutes where it holds millions
    evidence = _evidence(settings, incumbent, trained_on, sources, recent)
    evidence = evidence._replace(asked_before=asked_before(read_looks(folder), candidate.name, asked(evidence)))
    made, shift = gated(incumbent, candidate, evidence, settings, now(), recent.newest, progress=progress)
    if made.check("gain").status != "short":
        note(folder, Look(candidate.name, made.made_at, asked(evidence)))
    return replace(made, checks=(known_parent(folder, candidate), *made.checks)), shift


def _evidence(
    settings: Settings, incumbent: Path, trained_on: "TrainedOn | None", sources: Sources, recent: "Recent"
) -> "Evidence":
    from streamwatch.gating.evidence import gathered
    from streamwatch.gating.labelled_past import read_past
    from streamwatch.labelling.answers import read_file, read_labels

    answers = read_file(sources.labels) if sources.labels else read_labels(settings)
    past = [known for path in sources.past for known in read_past(path)]
    texts = [record.text for record in recent.unseen]
    return gathered(answers, past, texts, trained_on, _answered_until(incumbent))


def drawn_documents(settings: Settings, stream: Path | None, n: int) -> "tuple[Classified, ...]":
    """Uniformly drawn documents of the stream, each text once."""
    from streamwatch.gating.recent import drawn

    return drawn(_stream(settings, stream), lambda text: False, n).unseen


def _stream(settings: Settings, file: Path | None) -> "Iterable[Classified]":
    from streamwatch.retraining.stream import classified_file, classified_records

    return classified_file(file) if file else classified_records(settings)


def _answered_until(incumbent: Path) -> datetime | None:
    """The newest answer that the incumbent has learned: what is answered later is fresh."""
    told = read_manifest(incumbent).hyperparameters.get(ANSWERS_UNTIL)
    return from_ms(parse_rfc3339(str(told))) if told else None


def _kept(folder: Path, name: str, made: "Report", shift: "Promotion | None") -> Path:
    from streamwatch.gating.page import page
    from streamwatch.gating.report import to_json

    write_shift(
        folder / GATES / name, shift
    )  # first: the report is what lets a model be promoted, and it takes this along
    return keep(folder, name, to_json(made), page(made)) / PAGE_FILE


def _lines(made: "Report", place: Path) -> str:
    marks = {"passed": "ok     ", "failed": "REFUSED", "short": "MISSING", "noted": "noted  "}
    lines = [f"{marks[check.status]} {check.title}: {check.says}" for check in made.checks]
    verdict = (
        f"{made.candidate} may be promoted in place of {made.incumbent}"
        if made.passed
        else f"{made.candidate} is refused"
    )
    return "\n".join([*lines, f"{verdict}; {place}"])
