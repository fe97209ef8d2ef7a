"""Rules: those of the file are read here, others are made here, and tried on the last days before they are saved."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from streamwatch.dashboard.access.person import Person
from streamwatch.dashboard.access.required import needs
from streamwatch.dashboard.api.verdicts import Comment, check_ready
from streamwatch.dashboard.desk import Desk
from streamwatch.dashboard.live.rule_book import RuleBook
from streamwatch.dashboard.live.trials import Busy, Trial, Trials
from streamwatch.dashboard.problems import Problem
from streamwatch.records import RuleEdit
from streamwatch.rules.reading import MAX_RULE_BYTES
from streamwatch.timeline import from_ms, to_ms

MOST_DAYS = 400
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=MAX_RULE_BYTES)]
Revision = Annotated[int, Field(ge=0, le=2**31)]


class TextBody(BaseModel):
    """One rule as YAML."""

    model_config = ConfigDict(extra="forbid")
    text: Text


class BacktestBody(BaseModel):
    """A rule to try on the last days."""

    model_config = ConfigDict(extra="forbid")
    text: Text
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 30


class RuleBody(BaseModel):
    """A rule to save, and the revision that it was made from; 0: it is new."""

    model_config = ConfigDict(extra="forbid")
    text: Text
    based_on: Revision
    comment: Comment = ""


class RuleShown(BaseModel):
    """A rule made here. `shadowed_by` says why it, or a pattern of it, has no place; empty where all is well."""

    name: str
    revision: int
    text: str
    rule: dict[str, Any] | None
    made_by: str
    made_at: str
    comment: str
    shadowed_by: str


class Rules(BaseModel):
    """Everything: the file's rules, those made here, what is in force, and what was."""

    file: dict[str, Any] | None
    made_here: list[RuleShown]
    in_force: dict[str, Any] | None
    history: list[dict[str, Any]]


class Checked(BaseModel):
    """Whether a rule can be saved; every fault with its line; the rule with everything said; what has no place in it."""

    ok: bool
    faults: list[dict[str, Any]]
    rule: dict[str, Any] | None
    shadowed_by: str


class Begun(BaseModel):
    """A backtest that runs."""

    id: str


class BacktestShown(BaseModel):
    """A backtest: how far it is, and when it is done what it found in the span that it really covers."""

    id: str
    rule: str
    state: str
    done: int
    total: int
    seconds: float
    why: str
    n_alerts: int | None = None
    alerts: list[dict[str, Any]] = []
    n_documents: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    n_series: int | None = None
    n_cold: int | None = None
    whole: bool | None = None


def router(desk: Desk) -> APIRouter:
    """The routes."""
    trials = Trials(desk.settings)

    @asynccontextmanager
    async def running(app: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await trials.close()

    routes = APIRouter(lifespan=running)
    book = RuleBook(desk.settings)

    @routes.get("/rules")
    async def rules(person: Annotated[Person, Depends(needs("viewer"))]) -> Rules:
        """Which rules there are, and which hold since when."""
        check_ready(desk)
        return Rules(**await desk.reading(book.told, desk.channels.decisions))

    @routes.post("/rules/check")
    async def check(body: TextBody, person: Annotated[Person, Depends(needs("viewer"))]) -> Checked:
        """Say what is wrong with a rule, before it is saved."""
        return Checked(**await desk.reading(book.checked, body.text, desk.channels.decisions))

    @routes.post("/rules/backtest", status_code=202)
    async def backtest(body: BacktestBody, person: Annotated[Person, Depends(needs("analyst"))]) -> Begun:
        """Try a rule on the last days here, beside all others, as it would be once saved. One runs for a person."""
        check_ready(desk)
        rules, name = await desk.reading(book.with_rule, body.text, desk.channels.decisions)
        until_ms = await desk.reading(_until_ms, desk)
        try:
            return Begun(id=trials.begin(person.name, rules, name, _span(body.days, until_ms, desk)).id)
        except Busy:
            raise Problem(
                503, "busy", "Others try rules just now", "try again in a minute", headers={"Retry-After": "20"}
            ) from None

    @routes.get("/rules/backtest/{trial_id}")
    async def backtested(trial_id: str, person: Annotated[Person, Depends(needs("viewer"))]) -> BacktestShown:
        """How far a backtest is, and what it found. It is known to the process that began it, and to no other."""
        return _shown(_trial(trials, trial_id))

    @routes.delete("/rules/backtest/{trial_id}", status_code=204)
    async def cancel(trial_id: str, person: Annotated[Person, Depends(needs("analyst"))]) -> Response:
        """End a backtest."""
        _trial(trials, trial_id)
        trials.cancel(trial_id)
        return Response(status_code=204)

    @routes.put("/rules/{name}")
    async def save(name: Name, body: RuleBody, person: Annotated[Person, Depends(needs("admin"))]) -> RuleShown:
        """Save a rule. It holds from the next bucket of event time that nobody has closed.

        409 `rule-changed` where somebody else saved it since `based_on`: look at theirs, and save again.
        """
        check_ready(desk)
        await desk.reading(book.check_to_save, name, body.text)
        await _publish(desk, _edit(desk, name, body.based_on, person, text=body.text, comment=body.comment))
        told = await desk.reading(book.told, desk.channels.decisions)
        shown = [RuleShown(**one) for one in told["made_here"] if one["name"] == name]
        if not shown:  # somebody removed it in the moment between
            raise _changed(desk, name)
        return shown[0]

    @routes.delete("/rules/{name}", status_code=204)
    async def remove(
        name: Name,
        based_on: Annotated[int, Query(ge=1, le=2**31)],
        person: Annotated[Person, Depends(needs("admin"))],
        comment: Annotated[str, Query(max_length=2000)] = "",
    ) -> Response:
        """Take a rule away. Its alerts end; the default rule may take over what it owned."""
        check_ready(desk)
        if desk.channels.decisions.rule_edits.rule(name) is None:
            raise Problem(404, "no-rule", "No such rule", f"no rule {name} was made here")
        await _publish(desk, _edit(desk, name, based_on, person, removed=True, comment=comment))
        return Response(status_code=204)

    return routes


def _edit(desk: Desk, name: str, based_on: int, person: Person, **more: Any) -> RuleEdit:
    return RuleEdit(
        id=token_hex(8), name=name, revision=based_on + 1, based_on=based_on, made_by=person.name,
        made_at=from_ms(desk.clock()), **more,
    )  # fmt: skip


async def _publish(desk: Desk, edit: RuleEdit) -> None:
    """Write an edit and look whether it counts. Raises `Problem` (409): somebody else was quicker.

    What this process has may be some milliseconds old: an edit of a revision that it does not know yet is written all the same.
    """
    if desk.channels.decisions.rule_edits.revision(edit.name) <= edit.based_on:
        await desk.channels.publish("decisions", edit)
        if desk.channels.decisions.rule_edits.has_taken(edit):
            return
    raise _changed(desk, edit.name)


def _changed(desk: Desk, name: str) -> Problem:
    newest = desk.channels.decisions.rule_edits.newest(name)
    if newest is None:
        detail = f"there is no rule {name} yet: save it with based_on 0"
        return Problem(409, "rule-changed", "Somebody else changed this rule", detail, revision=0)
    did = "removed" if newest.removed else "saved"
    at = newest.made_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Problem(
        409, "rule-changed", "Somebody else changed this rule", f"{newest.made_by} {did} {name} at {at}: look at it first",
        revision=newest.revision, made_by=newest.made_by, made_at_ms=to_ms(newest.made_at), removed=newest.removed,
        text=newest.text,
    )  # fmt: skip


def _until_ms(desk: Desk) -> int:
    """Where the past ends: as far as event time was evaluated; before anything was, now."""
    closed: Any = desk.redis_sync.hget(f"{desk.settings.prefix}sw:{{eval}}:head", "closed")
    return int(closed) if closed is not None and int(closed) > 0 else desk.clock()


def _span(days: int, until_ms: int, desk: Desk) -> Any:
    from streamwatch.backtest.here import Span

    return Span(days, until_ms, desk.clock())


def _trial(trials: Trials, trial_id: str) -> Trial:
    found = trials.get(trial_id)
    if found is None:
        raise Problem(404, "no-backtest", "No such backtest", f"no backtest {trial_id[:32]!r} is known here any more")
    return found


def _shown(trial: Trial) -> BacktestShown:
    found = msgspec.to_builtins(trial.found) if trial.found is not None else {}
    return BacktestShown(
        id=trial.id, rule=trial.rule, state=trial.state, done=trial.done, total=trial.total,
        seconds=round(trial.seconds, 3), why=trial.why, **found,
    )  # fmt: skip
