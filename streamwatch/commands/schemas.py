"""`streamwatch schemas`: write the JSON Schemas and the AsyncAPI document, or see whether they are up to date."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from streamwatch.asyncapi import asyncapi
from streamwatch.errors import FatalError
from streamwatch.json_schema import json_schema
from streamwatch.messages import MESSAGES

PACKAGED = Path(str(files("streamwatch.schemas")))
"""`schemas/` of the checkout, or of the installed package."""


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a file is missing or out of date.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=PACKAGED, show_default="schemas/",
              help="The folder to write to, or to check.")  # fmt: skip
def schemas(check: bool, out: Path) -> None:
    """Write the schemas of all channels, made from the records that the code reads and writes.

    One JSON Schema (draft 2020-12) a message, as document.v1.json, and asyncapi.json over them, which names the channels
    with their keys and headers.

    \b
    Examples:
      streamwatch schemas --out my-schemas
      streamwatch schemas --check
    """
    wanted = generate()
    stale = [name for name, text in wanted.items() if _read(out / name) != text]
    if check:
        _report(stale, out)
        return
    write(out, {name: wanted[name] for name in stale})
    click.echo(f"{out}: {len(stale)} written, {len(wanted) - len(stale)} up to date")


def generate() -> dict[str, str]:
    """All files by name, with their text."""
    return {m.file: _text(json_schema(m)) for m in MESSAGES} | {"asyncapi.json": _text(asyncapi())}


def write(folder: Path, texts: dict[str, str]) -> None:
    """Write files into a folder, which is made if need be. Raises `FatalError` where it may not be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise FatalError(f"--out {folder}: {error.strerror}: name a folder that may be written to") from error


def _report(stale: list[str], folder: Path) -> None:
    if stale:
        raise FatalError(f"out of date in {folder}: {', '.join(stale)}: run streamwatch schemas")
    click.echo(f"{folder}: up to date")


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
