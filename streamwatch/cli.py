"""The command line. Each command lives in `streamwatch/commands/` and is imported when it is asked for."""

import importlib
import sys

import click

from streamwatch import __version__
from streamwatch.errors import StreamwatchError

COMMANDS: dict[str, str] = {
    "demo": "streamwatch.commands.demo:demo",
    "up": "streamwatch.commands.up:up",
    "dashboard": "streamwatch.commands.dashboard:dashboard",
    "channels": "streamwatch.commands.channels:channels",
    "replay": "streamwatch.commands.replay:replay",
    "index": "streamwatch.commands.index:index",
    "alerts": "streamwatch.commands.alerts:alerts",
    "silences": "streamwatch.commands.silences:silences",
    "rules": "streamwatch.commands.rules:rules",
    "keys": "streamwatch.commands.keys:keys",
    "dead-letter": "streamwatch.commands.dead_letter:dead_letter",
    "series": "streamwatch.commands.series:series",
    "trends": "streamwatch.commands.trends:trends",
    "backtest": "streamwatch.commands.backtest:backtest",
    "classify": "streamwatch.commands.classify:classify",
    "detect": "streamwatch.commands.detect:detect",
    "bench": "streamwatch.commands.bench:bench",
    "train": "streamwatch.commands.train:train",
    "train-cascade": "streamwatch.commands.train_cascade:train_cascade",
    "retrain": "streamwatch.commands.retrain:retrain",
    "forget": "streamwatch.commands.forget:forget",
    "models": "streamwatch.commands.models:models",
    "labels": "streamwatch.commands.labels:labels",
    "evaluate": "streamwatch.commands.evaluate:evaluate",
    "doctor": "streamwatch.commands.doctor:doctor",
    "settings": "streamwatch.commands.settings:settings",
    "schemas": "streamwatch.commands.schemas:schemas",
}
"""Name of a command to `module:attribute`."""


class LazyGroup(click.Group):
    """A click group that imports a command's module only when the command runs or its help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Watch what news and social media say, and hear when a topic turns negative.

    Start with `streamwatch demo`. Settings come from the environment (STREAMWATCH_…); `streamwatch doctor` checks them.
    """


def main() -> None:
    """Run the command line: errors are one line on standard error and an exit code."""
    try:
        cli(standalone_mode=False)
    except StreamwatchError as error:
        click.echo(f"streamwatch: {error}", err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
