"""`streamwatch alerts`: what the alert channel says, and what people say of it."""

from typing import get_args

import click
import msgspec
from rich.console import Console

from streamwatch.codec import encode
from streamwatch.commands.alert_lines import alert_lines, headline
from streamwatch.commands.by_prefix import by_prefix
from streamwatch.commands.decision_log import FreshDecisions, now_ms, publish, read_decisions, user
from streamwatch.config import Settings, load
from streamwatch.decisions.precision import Precision
from streamwatch.decisions.view import Standing
from streamwatch.errors import RejectError
from streamwatch.following.alert_log import newest_alerts, read_alerts
from streamwatch.records import Acknowledgement, Alert, AlertState, Verdict
from streamwatch.timeline import from_ms

SAID = {"true": True, "false": False, "retract": None}
"""What can be said of an alert; None takes back what was said."""


@click.group()
def alerts() -> None:
    """Read the alerts, acknowledge them, and say which were right."""


@alerts.command()
@click.option("--json", "as_json", is_flag=True, help="One alert a line, as JSON.")
@click.option("--from-start", is_flag=True, help="Begin with the oldest alert that the channel holds.")
@click.option("--follow/--no-follow", default=True, help="Wait for new ones; else show what is there and end.")
@click.option("--all", "everything", is_flag=True, help="Show those that a silence hides, too.")
def tail(as_json: bool, from_start: bool, follow: bool, everything: bool) -> None:
    """Show alerts as they come, each revision once, but those that a silence hides. Ctrl-C ends it.

    With --no-follow it begins at the oldest, since there would be nothing to show otherwise.
    """
    settings = load()
    console = Console(highlight=False)
    n_hidden = 0
    try:
        decisions = FreshDecisions(settings)
        for found in read_alerts(settings, from_start or not follow, follow):
            if isinstance(found, RejectError):
                click.echo(f"streamwatch: a record that is no alert: {found}", err=True)
                continue
            standing = decisions.now().standing(found, now_ms())
            if standing.silenced_by is not None and not everything:
                n_hidden += 1
            elif as_json:
                click.echo(encode(found))
            else:
                _show(console, found, standing)
    except KeyboardInterrupt:
        pass  # the way to end it
    if n_hidden:
        click.echo(f"{n_hidden} silenced (--all shows them)", err=True)


@alerts.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(get_args(AlertState)), help="Only these; repeat.")
@click.option(
    "--json", "as_json", is_flag=True, help="One line of JSON each: alert, silenced_by, acknowledgement, verdict."
)
def list_alerts(states: tuple[AlertState, ...], as_json: bool) -> None:
    """List alerts by their onset, each as it stands now, with who silenced it, looks after it, or judged it.

    \b
      streamwatch alerts list --state firing
    """
    settings = load()
    decisions, console, now = read_decisions(settings), Console(highlight=False), now_ms()
    for alert in newest_alerts(settings).values():
        if states and alert.state not in states:
            continue
        standing = decisions.standing(alert, now)
        if as_json:
            click.echo(encode({"alert": alert} | msgspec.structs.asdict(standing)))
        else:
            console.print(headline(alert, standing), soft_wrap=True)


@alerts.command()
@click.argument("alert_id", metavar="ID")
@click.option("--comment", default="", help="What you know about it.")
@click.option("--by", "made_by", default=user, show_default="your account", help="Who looks after it.")
@click.option("--retract", is_flag=True, help="Look after it no more.")
def ack(alert_id: str, comment: str, made_by: str, retract: bool) -> None:
    """Acknowledge an alert: others see that you look after it. Prints its id.

    ID may be the beginning of one, if no other begins so.
    """
    settings = load()
    alert = _alert(settings, alert_id)
    made_at = from_ms(now_ms())
    publish(
        settings,
        Acknowledgement(alert=alert.id, retracted=retract, made_by=made_by, made_at=made_at, comment=comment),
    )
    click.echo(alert.id)


@alerts.command()
@click.argument("alert_id", metavar="ID")
@click.argument("said", metavar="true|false|retract", type=click.Choice(list(SAID)))
@click.option("--comment", default="", help="What happened, or what it was that looked like it.")
@click.option("--by", "made_by", default=user, show_default="your account", help="Who judges.")
def verdict(alert_id: str, said: str, comment: str, made_by: str) -> None:
    """Say whether an alert told of something real. The last word counts; `retract` takes it back. Prints its id.

    \b
      streamwatch alerts verdict 8c1f true --comment "the recall was announced"
    """
    settings = load()
    alert = _alert(settings, alert_id)
    true = SAID[said]
    record = Verdict(
        alert=alert.id,
        true=bool(true),
        retracted=true is None,
        made_by=made_by,
        made_at=from_ms(now_ms()),
        comment=comment,
    )
    publish(settings, record)
    click.echo(alert.id)


@alerts.command()
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each rule.")
def precision(as_json: bool) -> None:
    """Show how often the alerts of each rule were right: true ÷ judged, with its 95 % interval (Wilson).

    Counted are the alerts that the channel holds and that fired; those without a verdict stand beside.
    """
    settings = load()
    for one in read_decisions(settings).precision(newest_alerts(settings).values()):
        click.echo(_precision_json(one) if as_json else _precision_line(one))


def _alert(settings: Settings, alert_id: str) -> Alert:
    return by_prefix(newest_alerts(settings), alert_id, "alert", "streamwatch alerts list")


def _show(console: Console, alert: Alert, standing: Standing) -> None:
    for line in alert_lines(alert, standing):
        console.print(line, soft_wrap=True)


def _precision_line(one: Precision) -> str:
    """One line of plain text.

    >>> _precision_line(Precision("companies", 9, 1, 4))
    'companies: 90% (60% to 98%), 9 true, 1 false, 4 without a verdict'
    >>> _precision_line(Precision("new", 0, 0, 3))
    'new: not judged, 0 true, 0 false, 3 without a verdict'
    """
    low, high = one.interval
    value = f"{one.value:.0%} ({low:.0%} to {high:.0%})" if one.value is not None else "not judged"
    return f"{one.rule}: {value}, {one.n_true} true, {one.n_false} false, {one.n_unjudged} without a verdict"


def _precision_json(one: Precision) -> bytes:
    low, high = one.interval
    counts = {"rule": one.rule, "n_true": one.n_true, "n_false": one.n_false, "n_unjudged": one.n_unjudged}
    return msgspec.json.encode(counts | {"precision": one.value, "low": low, "high": high})
