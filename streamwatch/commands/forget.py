"""`streamwatch forget`: take a document, or all of a writer, out of everything that keeps texts."""

from pathlib import Path
from typing import Any

import click
import msgspec
from kafka.errors import KafkaError
from rich.console import Console

from streamwatch import broker
from streamwatch.channels import channel
from streamwatch.commands.bars import Bars
from streamwatch.commands.decision_log import SEND_S, now_ms, user
from streamwatch.config import Settings, load
from streamwatch.errors import BrokerUnavailable, ConfigError
from streamwatch.following.alert_log import newest_alerts
from streamwatch.timeline import from_ms

QUIET_S = 2.0


@click.command()
@click.option("--id", "ids", multiple=True, metavar="ID", help="Of a document, repeatable.")
@click.option(
    "--author", "authors", multiple=True, metavar="NAME", help="A writer's name, or its hash on records; repeatable."
)
@click.option("--by", default=user, show_default="the account's name", help="Who forgets: it is recorded.")
@click.option("--replay", type=click.Path(path_type=Path, file_okay=False),
              help="Folder of the replay store.  [default: replay/ in STREAMWATCH_REGISTRY]")  # fmt: skip
@click.option("--offline", is_flag=True, help="Only the two stores and the list: no broker is asked.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def forget(
    ids: tuple[str, ...], authors: tuple[str, ...], by: str, replay: Path | None, offline: bool, as_json: bool
) -> None:
    """Forget documents by id, or all of a writer: nothing learns from them again.

    They leave the replay store, the dashboard's document store (STREAMWATCH_DOCUMENTS; its files on the disk too, while an
    indexer writes or not), the labelling queue, the answers, and what alerts show. A list beside the replay store says
    that a document with this hash was forgotten, when and by whom, without text, name or id; retraining leaves out
    what is on it. Doing it again changes nothing.

    What this cannot do, time does: `classified`, the source channels and `dead-letter` hold the text until their retention
    ends; the records of `labels` are replaced, and leave the broker's disk when the channel is compacted
    (cleanup.policy=compact). An alert that is still open shows what it rests on: forget again when it is resolved. A
    model that learned from a document is not changed: retrain without it. Files that were exported are yours to delete, and
    so is the folder OUT/work of a retraining that was interrupted, unless it goes on: then it drops them first.

    \b
    Examples:
      streamwatch forget --id 8f3a --by "data protection"
      streamwatch forget --author jo_smith --json
    """
    from streamwatch.retraining.forgetting import Wanted, author_hash

    if not ids and not authors:
        raise ConfigError("nothing to forget: name a document with --id, or a writer with --author")
    settings = load()
    folder = replay_folder(settings, replay)
    wanted = Wanted(set(ids), {author_hash(name) for name in authors})
    with Bars(Console(stderr=True), QUIET_S) as bars:
        done = _forget(settings, folder, wanted, by, bars, offline=offline)
    if as_json:
        click.echo(msgspec.json.encode(done).decode())
    else:
        click.echo(", ".join(f"{name} {n}" for name, n in done.items()))


def replay_folder(settings: Settings, given: Path | None) -> Path:
    """The folder of the replay store. Raises `ConfigError` where neither an option nor a setting says."""
    if given is None and not settings.registry:
        raise ConfigError("no replay store: set STREAMWATCH_REGISTRY to the registry's folder, or give --replay")
    return given or Path(settings.registry) / "replay"


def _forget(settings: Settings, folder: Path, wanted: Any, by: str, bars: Bars, *, offline: bool) -> dict[str, int]:
    """The list first: whatever happens then, nothing learns from the documents again. Gives what was taken out where."""
    from streamwatch.retraining.forgetting import listed
    from streamwatch.retraining.forgotten import note
    from streamwatch.retraining.replay import change_replay, without

    note(folder, *listed(wanted, now_ms(), by))
    writes, left = ([], {}) if offline else _writes(settings, wanted, bars)
    note(folder, *listed(wanted, now_ms(), by))  # the documents of writers are known by now
    before = {"n": 0}

    def change(store: Any) -> Any:
        left = without(store, wanted.gone())
        before["n"] = store.n_seen - left.n_seen
        return left

    change_replay(folder, change)
    bars.watch("forget", 3, 4, "the document store")
    n_documents = _forget_documents(settings, wanted)
    _send(settings, writes, bars)
    counts = {name: sum(one.channel == name for one in writes) for name in ("drift", "alerts")}
    labels = sum(one.channel == "labels" and one.value is None for one in writes)
    return {"replay": before["n"], "documents": n_documents, "labels": labels, **counts, **left}


def _forget_documents(settings: Settings, wanted: Any) -> int:
    """Out of the store behind the dashboard; how many there were."""
    from streamwatch.documents.folder import documents_folder
    from streamwatch.documents.sqlite import open_store

    store = open_store(documents_folder(settings))
    try:
        return store.delete(wanted.ids, wanted.authors)
    finally:
        store.close()


def _writes(settings: Settings, wanted: Any, bars: Bars) -> tuple[list[Any], dict[str, int]]:
    """What is to be written, and what is left: records of `classified` until their retention, alerts until resolved."""
    from streamwatch.labelling.answers import read_labels
    from streamwatch.labelling.samples import read_samples
    from streamwatch.retraining.forgetting import find_ids, of_alerts, of_drift, of_labels
    from streamwatch.retraining.stream import classified_records

    bars.watch("forget", 0, 4, "reading `classified`")
    n_waiting = find_ids(wanted, classified_records(settings))
    bars.watch("forget", 1, 4, "reading `labels` and `drift`")
    answers = list(read_labels(settings).records())
    samples = list(read_samples(settings))
    wanted_now = [*of_labels(wanted, answers, from_ms(now_ms())), *of_drift(wanted, samples)]
    bars.watch("forget", 2, 4, "reading `alerts`")
    of_resolved, n_open = of_alerts(wanted, newest_alerts(settings).values())
    return [*wanted_now, *of_resolved], {"until_retention": n_waiting, "open_alerts": n_open}


def _send(settings: Settings, writes: list[Any], bars: Bars) -> None:
    if not writes:
        return
    sender = broker.producer(settings)
    try:
        waiting = [sender.send(channel(settings, one.channel), key=one.key, value=one.value) for one in writes]
        for done, one in enumerate(waiting, start=1):
            one.get(SEND_S)
            bars.watch("write", done, len(waiting))
    except KafkaError as error:
        raise BrokerUnavailable(f"not all was written, forget again: {error}") from error
    finally:
        sender.close()
