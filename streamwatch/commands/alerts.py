"""`streamwatch alerts`: what the alert channel says."""

import click
from rich.console import Console

from streamwatch.codec import encode
from streamwatch.commands.alert_lines import alert_lines
from streamwatch.commands.alert_log import read_alerts
from streamwatch.config import load
from streamwatch.errors import RejectError
from streamwatch.records import Alert


@click.group()
def alerts() -> None:
    """Read the alerts."""


@alerts.command()
@click.option("--json", "as_json", is_flag=True, help="One alert a line, as JSON.")
@click.option("--from-start", is_flag=True, help="Begin with the oldest alert that the channel holds.")
@click.option("--follow/--no-follow", default=True, help="Wait for new ones; else show what is there and end.")
def tail(as_json: bool, from_start: bool, follow: bool) -> None:
    """Show alerts as they come, each revision once. Ctrl-C ends it.

    With --no-follow it begins at the oldest, since there would be nothing to show otherwise.
    """
    console = Console(highlight=False)
    try:
        for found in read_alerts(load(), from_start or not follow, follow):
            if isinstance(found, RejectError):
                click.echo(f"streamwatch: a record that is no alert: {found}", err=True)
            elif as_json:
                click.echo(encode(found))
            else:
                _show(console, found)
    except KeyboardInterrupt:
        # The way to end it.
        return


def _show(console: Console, alert: Alert) -> None:
    for line in alert_lines(alert):
        console.print(line, soft_wrap=True)
