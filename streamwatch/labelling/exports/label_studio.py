"""Label Studio's JSON: tasks to import there, the labelling interface for them, and what it exports when they are done.

A task is `{"data": {…}}`; a finished one has `annotations`, each with who (`completed_by`), when, and a `result` of one
item for each choice: `{"from_name": "topic", "to_name": "text", "type": "choices", "value": {"choices": ["earnings"]}}`
(https://labelstud.io/guide/task_format). Choose the export "JSON" there: JSON-MIN leaves out what is needed.

Examples:
    >>> from streamwatch.labelling.examples import sample
    >>> [task] = msgspec.json.decode(write([sample("d1")]))
    >>> task["data"]["document_id"], "predictions" in task
    ('d1', False)
    >>> said = {"from_name": "topic", "to_name": "text", "type": "choices", "value": {"choices": ["earnings"]}}
    >>> task["annotations"] = [{"completed_by": {"email": "ana@example.com"}, "result": [said]}]
    >>> [row] = read(msgspec.json.encode([task]))
    >>> row.place, row.id, row.labeller, row.topic
    ('task 1', 'd1', 'ana@example.com', 'earnings')
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import msgspec

from streamwatch.errors import ConfigError
from streamwatch.labelling.filled import READINGS, Filled
from streamwatch.records import SENTIMENTS, DriftSample
from streamwatch.timeline import format_rfc3339, parse_rfc3339, to_ms

TEXT = "text"
OTHERWISE = ("none_of_these", "unsure", "personal_data")
"""Verdicts that are chosen; that something was answered is seen from the answer."""
QUESTIONS = {
    "topic": "What is it about?",
    "sentiment": "What is its sentiment?",
    "reading": "For whom is that so?",
    "verdict": "Otherwise",
}


def write(samples: Iterable[DriftSample], with_predictions: bool = False) -> bytes:
    """Tasks to import. What the model says is left out unless asked for: people follow what they are shown."""
    return msgspec.json.format(msgspec.json.encode([_task(one, with_predictions) for one in samples]))


def interface(topics: Sequence[str]) -> str:
    """The labelling interface (XML) for these tasks: Settings, Labeling interface, Code."""
    view = Element("View")
    SubElement(view, "Text", name=TEXT, value=f"${TEXT}")
    choices = {"topic": topics, "sentiment": SENTIMENTS, "reading": READINGS, "verdict": OTHERWISE}
    for name, known in choices.items():
        SubElement(view, "Header", value=QUESTIONS[name])
        asked = SubElement(view, "Choices", name=name, toName=TEXT, choice="single-radio", showInline="true")
        for value in known:
            SubElement(asked, "Choice", value=value)
    indent(view)
    return tostring(view, encoding="unicode") + "\n"


def _task(sample: DriftSample, with_predictions: bool) -> dict[str, Any]:
    data = {
        TEXT: sample.text,
        "document_id": sample.id,
        "published_at": format_rfc3339(to_ms(sample.published_at)),
        "source": sample.source,
        "drawn_as": sample.drawn_as,
    }
    return {"data": data} | ({"predictions": [_prediction(sample)]} if with_predictions else {})


def _prediction(sample: DriftSample) -> dict[str, Any]:
    said = {"topic": sample.prediction.topic}
    if sample.prediction.sentiment is not None:
        said["sentiment"] = sample.prediction.sentiment
    result = [
        {"id": f"{sample.id}/{name}", "from_name": name, "to_name": TEXT, "type": "choices",
         "value": {"choices": [label.label]}}
        for name, label in said.items()
    ]  # fmt: skip
    return {"model_version": sample.model, "result": result}


def read(raw: bytes) -> list[Filled]:
    """What was answered: a row for each annotation that was not skipped. Raises `ConfigError`."""
    try:
        tasks = msgspec.json.decode(raw, type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"this is no export of Label Studio in the format JSON: {error}") from error
    return [row for number, task in enumerate(tasks, start=1) for row in _rows(task, f"task {number}")]


def _rows(task: dict[str, Any], place: str) -> Iterator[Filled]:
    data, annotations = task.get("data"), task.get("annotations", [])
    if not isinstance(data, dict) or not isinstance(data.get("document_id"), str) or not isinstance(annotations, list):
        raise ConfigError(f"{place}: no data.document_id: export as JSON (not JSON-MIN) what `labels export` made")
    for number, one in enumerate(annotations, start=1):
        where = place if len(annotations) == 1 else f"{place}, annotation {number}"
        if not isinstance(one, dict):
            raise ConfigError(f"{where}: no annotation of Label Studio")
        if not one.get("was_cancelled"):
            yield _row(where, data["document_id"], one)


def _row(place: str, document_id: str, annotation: dict[str, Any]) -> Filled:
    chosen = dict(_choice(item, place) for item in annotation.get("result") or ())
    when = annotation.get("updated_at") or annotation.get("created_at")
    return Filled(
        place,
        document_id,
        labeller=_labeller(annotation.get("completed_by")),
        answered_ms=_ms(when, place) if when else None,
        **{name: chosen.get(name, "") for name in QUESTIONS},
    )


def _choice(item: Any, place: str) -> tuple[str, str]:
    match item:
        case {"from_name": str(name), "type": "choices", "value": {"choices": [str(value)]}} if name in QUESTIONS:
            return name, value
    raise ConfigError(f"{place}: a result that our labelling interface does not make (`labels interface` prints it)")


def _labeller(completed_by: Any) -> str:
    """Who it was: an e-mail address where the export has one, else the number of the account there."""
    if isinstance(completed_by, dict):
        return str(completed_by.get("email") or _labeller(completed_by.get("id")))
    return (
        ""
        if completed_by in (None, "")
        else completed_by
        if isinstance(completed_by, str)
        else f"account-{completed_by}"
    )


def _ms(when: Any, place: str) -> int:
    try:
        return parse_rfc3339(str(when))
    except ValueError as error:
        raise ConfigError(f"{place}: {when!r} is no time") from error
