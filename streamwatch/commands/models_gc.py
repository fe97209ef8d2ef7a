"""`streamwatch models gc`: take out what nobody needs."""

from pathlib import Path

import click

from streamwatch.commands.registry_options import AS_JSON, REGISTRY, settings_and_registry, to_json
from streamwatch.inference.opening import SHIPPED
from streamwatch.models import removal

DAY_S = 86_400


@click.command()
@REGISTRY
@click.option("--keep", default=removal.KEPT_BEFORE, show_default=True, type=click.IntRange(min=1),
              help="How many that served before stay, so that they can be rolled back to.")  # fmt: skip
@click.option("--older-than", "days", default=removal.YOUNG_S // DAY_S, show_default=True, type=click.IntRange(min=0),
              help="Days: what was added since stays, it may wait for its gate.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would go, and leave it.")
@AS_JSON
def gc(registry: Path | None, keep: int, days: int, dry_run: bool, as_json: bool) -> None:
    """Remove the models that nobody needs any more, with their gate reports, and what a killed `add` left behind.

    The model that serves, those that served just before it, and the parents of all of these stay. The history stays
    whole.

    \b
    Examples:
      streamwatch models gc --dry-run
      streamwatch models gc --keep 1 --older-than 7
    """
    _, folder = settings_and_registry(registry)
    chosen = removal.removable if dry_run else removal.remove
    gone = [path.name for path in chosen(folder, SHIPPED, keep, days * DAY_S)]
    if as_json:
        click.echo(to_json({"removed": [] if dry_run else gone, "removable": gone}))
        return
    for name in gone:
        click.echo(f"{'would remove' if dry_run else 'removed'} {name}")
    if not gone:
        click.echo("nothing to remove", err=True)
