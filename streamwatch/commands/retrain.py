"""`streamwatch retrain`: learn what people answered, without forgetting the rest."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console

from streamwatch.commands.bars import Bars
from streamwatch.commands.decision_log import now_ms
from streamwatch.commands.train import EXIT_INTERRUPTED, PLAN_OPTIONS, Stop, metrics_table
from streamwatch.config import Settings, load
from streamwatch.errors import ConfigError
from streamwatch.retraining.doubtful import DOUBTS
from streamwatch.retraining.request import DEFAULT, PLAN_CHOICES
from streamwatch.retraining.stream import ENOUGH
from streamwatch.timeline import DAY_MS, from_ms, parse_rfc3339, to_ms

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
Command = TypeVar("Command", bound=Callable[..., Any])


def plan_options(command: Command) -> Command:
    """An option for each setting of the plan that a retraining can choose."""
    for name in reversed(PLAN_CHOICES):
        kind, text = PLAN_OPTIONS[name]
        default = getattr(DEFAULT, name)
        option = click.option(
            f"--{name.replace('_', '-')}", type=kind, default=default, show_default=default != "", help=text
        )
        command = option(command)
    return command


@click.command()
@click.option("--out", required=True, type=FOLDER, help="Folder for the candidate; a run that was killed here goes on.")
@click.option("--labels", type=FILE, help="JSONL file of answers (label.v1), in place of the channel `labels`.")
@click.option(
    "--stream", type=FILE, help="JSONL file of documents (classified.v1), in place of the channel `classified`."
)
@click.option("--since", default="", metavar="TIME",
              help="Answers after this time (RFC 3339).  [default: what the incumbent has not learned]")  # fmt: skip
@click.option("--incumbent", type=FOLDER, help="Folder of the model to go on from.  [default: the one that serves]")
@click.option("--replay", type=FOLDER, help="Folder of the replay store.  [default: replay/ in STREAMWATCH_REGISTRY]")
@click.option("--past", default=ENOUGH, show_default=True, type=click.IntRange(min=0),
              help="Documents that guard what the incumbent knows: replayed, or drawn from the stream.")  # fmt: skip
@click.option("--when", default="", metavar="drift|daily|labels>=N",
              help="Only when this is due; else one line, and exit code 0. For cron.")  # fmt: skip
@click.option("--doubtful", type=click.Choice(DOUBTS), default="list", show_default=True,
              help="Labels that look like slips: list them, weigh them down, drop them, or do not look.")  # fmt: skip
@click.option("--ewc", default=0.0, show_default=True, type=click.FloatRange(min=0),
              help="Hold the weights that matter for the past by springs of this strength; 0: none.")  # fmt: skip
@click.option("--private-epsilon", default=0.0, type=click.FloatRange(min=0),
              help="Train the heads alone, with differential privacy of this ε for each document; 0: not.")  # fmt: skip
@click.option("--private-delta", default=0.0, type=click.FloatRange(0, 1, max_open=True),
              help="The δ beside it; 0: a tenth of one over the documents.")  # fmt: skip
@plan_options
@click.option("--log-dir", type=FOLDER, help="Folder for TensorBoard's event files.")
@click.option("--threads", default=0, type=click.IntRange(min=0), help="Torch threads; 0: the number of cores.")
@click.option("--json", "as_json", is_flag=True, help="The last line of standard output is what was made, as JSON.")
def retrain(out: Path, when: str, log_dir: Path | None, threads: int, as_json: bool, **options: Any) -> None:
    """Retrain the model that serves on what people answered: a candidate, which `models promote` puts through the gate.

    It goes on from the incumbent, shows the answers beside a replay of what was learned before, and asks of 5,000
    documents of the stream that it says what the incumbent says. Half of the answers to uniformly drawn documents
    are never learned from: the gate measures on them. Ctrl-C or kill it when you must: the same command goes on.

    Answers on which people differ, or that the model has no label for, are left out and listed in OUT/review, and so are
    labels that look like slips. Never run it inside of a worker: it takes all cores for minutes.

    \b
    Examples:
      streamwatch retrain --out runs/monday
      streamwatch retrain --out runs/$(date +%F) --when 'labels>=200'
      streamwatch retrain --out runs/desk --labels answers.jsonl --stream recorded.jsonl --doubtful weigh
      torchrun --nproc-per-node 4 -m streamwatch retrain --out runs/monday --threads 4
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    settings = load()
    request = _request(settings, out, options)
    if when and not _is_due(settings, request, when, as_json):
        return
    made = _run(settings, request, log_dir)
    if made is not None:
        _tell(made, out, as_json)


def _request(settings: Settings, out: Path, options: dict[str, Any]) -> Any:
    """The request that the options make. Raises `ConfigError`, `ModelError`."""
    from streamwatch.inference.opening import adapter_folder
    from streamwatch.models.base import locate_base
    from streamwatch.models.manifest import read_manifest
    from streamwatch.retraining.request import Retraining

    incumbent = options["incumbent"] or adapter_folder(settings)
    manifest = read_manifest(incumbent)
    base = locate_base(incumbent, manifest.base, settings.base, allow_downloads=settings.allow_downloads)
    plan = msgspec.structs.replace(DEFAULT, **{name: options[name] for name in PLAN_CHOICES})
    names = ("labels", "stream", "past", "doubtful", "ewc", "private_epsilon", "private_delta")
    return Retraining(
        out=out, incumbent=incumbent, base=base, plan=plan, since=_since(options["since"], manifest),
        replay=_replay(settings, options["replay"]), **{name: options[name] for name in names},
    )  # fmt: skip


def _since(given: str, incumbent: Any) -> datetime | None:
    from streamwatch.retraining.job import UNTIL

    text = given or str(incumbent.hyperparameters.get(UNTIL, ""))
    try:
        return from_ms(parse_rfc3339(text)) if text else None
    except ValueError:
        raise ConfigError(f"--since {text}: a time as 2026-01-05 or 2026-01-05T08:00:00Z") from None


def _replay(settings: Settings, given: Path | None) -> Path | None:
    return given or (Path(settings.registry) / "replay" if settings.registry else None)


def _answers(settings: Settings, file: Path | None) -> Any:
    from streamwatch.labelling.answers import read_file, read_labels

    return read_file(file) if file else read_labels(settings)


def _is_due(settings: Settings, request: Any, when: str, as_json: bool) -> bool:
    """Whether the run is due; says why in a line, for the log of cron."""
    from streamwatch.following.alert_log import newest_alerts
    from streamwatch.retraining.due import is_due, parse_when, read_last
    from streamwatch.retraining.fresh import answers_frame
    from streamwatch.retraining.job import WORK

    if request.replay is None:
        raise ConfigError("--when must remember the last retraining: set STREAMWATCH_REGISTRY, or give --replay")
    last = read_last(request.replay)
    if (request.out / WORK).is_dir():
        return True  # a run was killed here: it goes on, whatever is due
    since = max((from_ms(last.answered_until_ms), request.since or from_ms(0)))
    found = is_due(
        parse_when(when), last, now_ms(),
        lambda: len(answers_frame(_answers(settings, request.labels), since)),
        lambda: max((to_ms(one.at) for one in newest_alerts(settings).values() if one.kind == "drift"), default=0),
    )  # fmt: skip
    click.echo(msgspec.json.encode(found).decode() if as_json else found.why)
    return found.due


def _run(settings: Settings, request: Any, log_dir: Path | None) -> Any:
    """The outcome of the run; None in a process that does not lead."""
    from streamwatch.learning.journal import NoJournal, open_journal
    from streamwatch.retraining.company import company
    from streamwatch.retraining.due import Last, write_last
    from streamwatch.retraining.job import Run, Sources
    from streamwatch.retraining.stream import classified_file, classified_records

    sources = Sources(
        lambda: _answers(settings, request.labels),
        lambda: classified_file(request.stream) if request.stream else classified_records(settings),
    )
    since_ms = now_ms() - settings.replay_retention_days * DAY_MS
    with company() as together, Bars(Console(stderr=True, quiet=not together.leads)) as bars, Stop() as stop:
        journal = open_journal(log_dir) if together.leads else NoJournal()
        try:
            made = Run(request, sources, since_ms, bars.watch, together, journal, stop.asked)()
        except KeyboardInterrupt:
            click.echo(f"stopped: the same command goes on from what is in {request.out}", err=True)
            raise SystemExit(EXIT_INTERRUPTED) from None
        finally:
            journal.close()
    if not together.leads:
        return None
    if request.replay is not None:
        until = made.inputs.answered_until
        write_last(request.replay, Last(now_ms(), to_ms(until) if until else 0))
    return made


def _tell(made: Any, out: Path, as_json: bool) -> None:
    from streamwatch.retraining.job import summary

    console = Console(stderr=True)
    for remark in made.inputs.remarks:
        console.print(remark, highlight=False)
    console.print(metrics_table(made.manifest))
    click.echo(out)
    if as_json:
        said = {
            "out": str(out),
            "version": made.manifest.version,
            **summary(made.inputs, None),
            "metrics": made.manifest.metrics,
        }
        click.echo(msgspec.json.encode(said).decode())
