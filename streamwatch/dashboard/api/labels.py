"""One document at a time for people to label. What the model says of it is not shown: people follow what they are shown."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.api.verdicts import check_ready
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.problems import Problem
from streamwatch.errors import ConfigError
from streamwatch.labelling.answers import Answers
from streamwatch.labelling.filled import Filled, to_answer
from streamwatch.labelling.leases import Leases
from streamwatch.labelling.queue import next_document
from streamwatch.labelling.stats import Summary, summary
from streamwatch.labelling.topics import known_topics
from streamwatch.records import Answer, Answered, DriftSample, Reading, Sentiment
from streamwatch.timeline import from_ms, to_ms

GUIDELINE_URL = "/label#guideline"
"""The one-screen guideline: a part of the page."""


class LabelBody(BaseModel):
    """What somebody says of a document: a topic, a sentiment or both, or why there is none."""

    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(min_length=1, max_length=256)]
    verdict: Answered = "answered"
    topic: Annotated[str, Field(max_length=128)] | None = None
    sentiment: Sentiment | None = None
    reading: Reading = "cannot_tell"


class UndoBody(BaseModel):
    """Which answer to take back; without an id the newest of one's own."""

    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(min_length=1, max_length=256)] | None = None


class Progress(BaseModel):
    """Documents that one has answered oneself, that anybody has, and that wait for a first answer."""

    mine: int
    all: int
    waiting: int


class ToLabel(BaseModel):
    """A document to label, held for the person for ten minutes, and the topics that may be named."""

    document: dict[str, Any]
    topics: list[str]
    guideline_url: str
    progress: Progress


class Said(BaseModel):
    """An answer that was written: of which document, what, and how far one is now."""

    id: str
    verdict: Answered
    progress: Progress


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    leases = Leases(desk.redis_sync, desk.settings.prefix)

    @routes.get("/labels/next", response_model=ToLabel, responses={204: {"description": "Nothing waits."}})
    async def next_one(person: Annotated[Person, Depends(needs("analyst"))]) -> Any:
        """The next document to label; what one holds already comes again."""
        check_ready(desk)
        samples, answers = desk.channels.samples, desk.channels.answers
        found = await desk.reading(next_document, samples, answers, leases, person.name)
        if found is None:
            return Response(status_code=204)
        return await desk.reading(_to_label, desk, found, person.name)

    @routes.post("/labels", status_code=201)
    async def label(body: LabelBody, person: Annotated[Person, Depends(needs("analyst"))]) -> Said:
        """Say what a document is about and how it sounds. Saying it again replaces what one said before."""
        answer = await desk.reading(_answer, desk, body, person.name)
        await desk.channels.publish("labels", answer)
        await desk.reading(leases.give_back, answer.id, person.name)
        return await desk.reading(_said, desk, answer)

    @routes.post("/labels/undo")
    async def undo(body: UndoBody, person: Annotated[Person, Depends(needs("analyst"))]) -> ToLabel:
        """Take an answer back; gives the document again, held for the person."""
        answer = _to_undo(desk.channels.answers, body.id, person.name)
        undone = msgspec.structs.replace(
            answer, verdict="undone", topic=None, sentiment=None, answered_at=from_ms(desk.clock())
        )
        await desk.channels.publish("labels", undone)
        await desk.reading(leases.take, answer.id, person.name)
        return await desk.reading(_to_label, desk, answer, person.name)

    @routes.get("/labels/stats")
    async def stats(person: Annotated[Person, Depends(needs("viewer"))]) -> dict[str, Any]:
        """How the labelling stands: progress, agreement (Cohen's kappa), and what the answers say of the stream."""
        check_ready(desk)
        per_hour = desk.settings.labelling_per_hour
        found = await desk.reading(summary, desk.channels.samples, desk.channels.answers, per_hour)
        progress = await desk.reading(progress_of, desk, person.name)
        return _named(found) | {"progress": progress.model_dump()}

    return routes


def progress_of(desk: Desk, name: str) -> Progress:
    """How far the labelling is, for one person."""
    answers, samples = desk.channels.answers, desk.channels.samples
    mine = sum(any(answer.labeller == name for answer in said.answers) for said in answers)
    waiting = sum(one.id not in answers for one in samples)
    return Progress(mine=mine, all=len(answers), waiting=waiting)


def _to_label(desk: Desk, of: DriftSample | Answer, name: str) -> ToLabel:
    document = {
        "id": of.id, "text": of.text, "published_ms": to_ms(of.published_at), "source": of.source, "drawn_as": of.drawn_as,
    }  # fmt: skip
    topics = known_topics(desk.settings, desk.channels.samples)
    return ToLabel(
        document=document, topics=list(topics), guideline_url=GUIDELINE_URL, progress=progress_of(desk, name)
    )


def _answer(desk: Desk, body: LabelBody, name: str) -> Answer:
    """The answer as a record. Raises `Problem` (404 for a document that was not drawn, 422 for one that makes no sense)."""
    of = _document(desk, body.id)
    row = Filled(
        "the answer", body.id, verdict=body.verdict, topic=body.topic or "", sentiment=body.sentiment or "",
        reading=body.reading,
    )  # fmt: skip
    try:
        return to_answer(row, of, name, known_topics(desk.settings, desk.channels.samples), now_ms=desk.clock())
    except ConfigError as error:
        raise Problem(422, "no-answer", "This is no answer", str(error)) from error


def _document(desk: Desk, document_id: str) -> DriftSample | Answer:
    """What was drawn, or after its retention what an earlier answer repeats of it."""
    said = desk.channels.answers.get(document_id)
    found = desk.channels.samples.get(document_id) or (said.sample if said else None)
    if found is None:
        check_ready(desk)
        raise Problem(404, "no-document", "No such document", f"{document_id[:64]!r} does not wait to be labelled")
    return found


def _to_undo(answers: Answers, document_id: str | None, name: str) -> Answer:
    """The answer to take back. Raises `Problem` (404)."""
    mine = [one for one in answers.records() if one.labeller == name and one.verdict != "undone"]
    meant = [one for one in mine if document_id in (None, one.id)]
    if not meant:
        raise Problem(404, "nothing-to-undo", "Nothing to take back", "you have said nothing that could be taken back")
    return max(meant, key=lambda one: one.answered_at)


def _named(found: Summary) -> dict[str, Any]:
    """The summary with names on everything: JSON would make lists of named tuples."""
    told: dict[str, Any] = msgspec.to_builtins(found)
    told["agreement"] = {part: one._asdict() for part, one in found.agreement.items()}
    told["accuracy"] = {part: one._asdict() for part, one in found.accuracy.items()}
    told["shares"] = {
        part: {name: one._asdict() for name, one in shares.items()} for part, shares in found.shares.items()
    }
    return told


def _said(desk: Desk, answer: Answer) -> Said:
    return Said(id=answer.id, verdict=answer.verdict, progress=progress_of(desk, answer.labeller))
