"""`streamwatch settings`: all settings, what they are now and what they mean."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict

import click
import msgspec

from streamwatch.config import Settings, load
from streamwatch.settings_table import Row, table

HEAD = """\
# Settings

<!-- Made by `make docs` from streamwatch/config.py; a test fails when it is out of date. -->

All settings come from the environment. `streamwatch settings` shows what they are now, `streamwatch doctor` whether they
work. A value that makes no sense stops every command and the worker with one line and exit code 2, before anything is
touched. Settings are read once, at the start.

| Variable | Default | Unit | May be | What it is |
|---|---|---|---|---|
"""


@click.command()
@click.option("--markdown", is_flag=True, help="The page docs/settings.md: defaults only, whatever is set now.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def settings(markdown: bool, as_json: bool) -> None:
    """Show every setting: its variable, value, default, unit and meaning.

    Passwords in URLs are hidden. Set them in the environment:

    \b
      STREAMWATCH_LATENESS_S=5 streamwatch settings
    """
    if markdown:
        click.echo(page(), nl=False)
        return
    rows = table(load())
    if as_json:
        click.echo(msgspec.json.encode([asdict(row) for row in rows]).decode())
        return
    for line in lines(rows):
        click.echo(line)


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """Two lines a setting: what it is now, and what that means."""
    for row in rows:
        remark = f"   (default {row.default or 'empty'})" if row.changed else ""
        unit = f" ({row.unit})" if row.unit else ""
        yield f"{row.variable}={row.value}{remark}"
        yield f"    {row.description}{unit}"


def page() -> str:
    """The page docs/settings.md."""
    return HEAD + "".join(_markdown(row) for row in table(Settings.model_construct()))


def _markdown(row: Row) -> str:
    default = f"`{row.default}`" if row.default else "empty"
    cells = (f"`{row.variable}`", default, row.unit, row.allowed, row.description)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
