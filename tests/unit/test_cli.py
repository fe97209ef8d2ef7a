"""The command line as a user meets it: help that teaches, one line for what goes wrong, and a quick start."""

import os
import subprocess
import sys

import click
import pytest

from streamwatch import __version__
from streamwatch.cli import COMMANDS, cli

TEACHES = 60
"""Characters of a help text below which it only repeats the command's name."""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`streamwatch …` in a process of its own, with no settings but these."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STREAMWATCH_")}
    return subprocess.run(
        [sys.executable, "-c", "from streamwatch.cli import main; main()", *arguments],
        capture_output=True, text=True, check=False, env=clean | environment, timeout=60,
    )  # fmt: skip


def every_command() -> list[tuple[str, ...]]:
    """All commands and what is below them: ("channels", "create")."""
    context = click.Context(cli)
    paths: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        paths.append((name,))
        if isinstance(command, click.Group):
            paths += [(name, below) for below in command.list_commands(context)]
    return paths


# -- help


def test_help_names_every_command_and_what_it_does() -> None:
    shown = run("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    for name in COMMANDS:
        line = next(line for line in shown.stdout.splitlines() if line.startswith(f"  {name} "))
        assert len(line.split(maxsplit=1)[1]) > 10


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_help_of_a_command_teaches(path: tuple[str, ...]) -> None:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    assert command.help
    assert len(command.help) > TEACHES or isinstance(command, click.Group) or not command.params
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert all(option.help for option in options), "an option without help"


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_help_exits_with_0(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert cli.main([*path, "--help"], standalone_mode=False, prog_name="streamwatch") in (0, None)
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: streamwatch {' '.join(path)}")


def test_no_arguments_show_the_help() -> None:
    shown = run()
    assert "Usage: " in shown.stdout + shown.stderr
    assert "Traceback" not in shown.stderr


def test_version() -> None:
    shown = run("--version")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.rstrip().endswith(__version__)


# -- what goes wrong


@pytest.mark.parametrize(
    "command", [("settings",), ("doctor",), ("channels", "list"), ("alerts", "tail")], ids=" ".join
)
def test_a_setting_that_makes_no_sense_is_one_line_and_exit_code_2(command: tuple[str, ...]) -> None:
    stopped = run(*command, STREAMWATCH_LATENESS_S="soon")
    assert (stopped.returncode, stopped.stdout) == (2, "")
    assert stopped.stderr.startswith("streamwatch: STREAMWATCH_LATENESS_S=soon: ")
    assert stopped.stderr.count("\n") == 1


def test_several_settings_that_make_no_sense_are_one_line_too() -> None:
    stopped = run("settings", STREAMWATCH_LATENESS_S="soon", STREAMWATCH_PARTITIONS="0", STREAMWATCH_DEVICE="abacus")
    assert stopped.returncode == 2
    assert stopped.stderr.count("\n") == 1
    assert all(name in stopped.stderr for name in ("LATENESS_S=soon", "PARTITIONS=0", "DEVICE=abacus"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("channels", "nonsense"),
        ("settings", "--nonsense"),
        ("replay",),
        ("alerts", "tail", "too", "many"),
    ],
    ids=" ".join,
)
def test_what_is_not_understood_is_explained_with_exit_code_2(arguments: tuple[str, ...]) -> None:
    stopped = run(*arguments)
    assert (stopped.returncode, stopped.stdout) == (2, "")
    assert "Error: " in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_a_file_that_is_not_there_is_no_traceback() -> None:
    stopped = run(
        "replay", "nowhere.jsonl", STREAMWATCH_CONNECT_TIMEOUT_S="0.2", STREAMWATCH_BROKER="kafka://127.0.0.1:1"
    )
    assert stopped.returncode in (1, 2)
    assert stopped.stderr.count("\n") == 1
    assert stopped.stderr.startswith("streamwatch: ")


def test_a_reader_that_goes_away_hears_no_complaint() -> None:
    arguments = [sys.executable, "-c", "from streamwatch.cli import main; main()", "settings"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


# -- a quick start


@pytest.mark.parametrize("module", ["streamwatch", "streamwatch.cli", "streamwatch.config", "streamwatch.records"])
def test_import_is_cheap(module: str) -> None:
    heavy = ("torch", "transformers", "faust", "kafka", "aiokafka", "redis", "numpy", "pandas")
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_does_not_load_torch_or_faust(command: str) -> None:
    code = (
        "import sys; from streamwatch.cli import cli; "
        f"cli.main([{command!r}, '--help'], standalone_mode=False); "
        "print([name for name in ('torch', 'faust') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.strip() == "[]"
