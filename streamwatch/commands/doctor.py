"""`streamwatch doctor`: see whether everything that a worker needs is there."""

import click
import msgspec
from rich.console import Console

from streamwatch.config import load
from streamwatch.doctor import CHECKS, Finding, examine
from streamwatch.errors import FatalError

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="One line of JSON: {checks: [{check, status, saw, todo}], failed}."
)
@click.option(
    "--only", multiple=True, type=click.Choice(list(CHECKS)), help="Check this alone; repeat. All by default."
)
def doctor(as_json: bool, only: tuple[str, ...]) -> None:
    """Check settings, broker, channels, Redis, model, device, and how far the workers are behind.

    Each line says ok, warn or fail and what was seen; below a warn or a fail stands what to do. A check that fails does
    not stop the others. Exit code 1 when one has failed.

    \b
    Examples:
      streamwatch doctor
      STREAMWATCH_BROKER=kafka://broker:9092 streamwatch doctor --json
      streamwatch doctor --only broker --only redis
    """
    settings = load()
    chosen = {name: check for name, check in CHECKS.items() if name in only or not only}
    findings = []
    with Console(stderr=True).status("looking") as status:
        for finding in examine(settings, chosen, before=lambda name: status.update(f"looking at {name}")):
            findings.append(finding)
            if not as_json:
                _show(finding)
    failed = sum(finding.status == "fail" for finding in findings)
    if as_json:
        click.echo(msgspec.json.encode({"checks": findings, "failed": failed}).decode())
    if failed:
        raise FatalError("one check failed" if failed == 1 else f"{failed} checks failed")


def _show(finding: Finding) -> None:
    status = click.style(f"{finding.status:<5}", fg=COLOURS[finding.status])
    click.echo(f"{status} {finding.check:<14} {finding.saw}")
    if finding.todo:
        click.echo(f"{'':<20} -> {finding.todo}")
