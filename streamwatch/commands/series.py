"""`streamwatch series`: what is watched now, and how."""

import asyncio
from typing import Any

import click
import msgspec
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from streamwatch.alerting.evaluator import Evaluator
from streamwatch.alerting.series import Series
from streamwatch.alerting.store import AlertStore
from streamwatch.alerting.usual import usual_of
from streamwatch.config import Settings, load
from streamwatch.text.clean import normalise
from streamwatch.timeline import format_rfc3339


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def series(as_json: bool) -> None:
    """List the series that are tested: what is usual for each, and whether it has a history, fires or emerges.

    `new` has no history yet: its share is tested against what its peers allow, its volume not at all. `emerging` is new
    and loud. What has no room under `max_series` (or its rule's) is said at the end.
    """
    evaluator = asyncio.run(_load(load()))
    if as_json:
        click.echo(msgspec.json.encode(_as_json(evaluator)).decode())
        return
    table = Table("series", "state", "usual share", "rho", "negatives an hour", "last heard", box=None, pad_edge=False)
    for one in evaluator.series.values():
        row = _row(evaluator, one)
        share = f"{row['p0']:.0%} ({row['p0_low']:.0%} to {row['p0_high']:.0%})"
        table.add_row(
            normalise(one.name), row["state"], share, f"{row['rho']:.3f}", f"{row['k_expected']:.1f}", row["last"]
        )
    Console(highlight=False, markup=False).print(table)
    if evaluator.n_turned_away:
        click.echo(
            f"{evaluator.n_turned_away} names had no room in the last hour (max_series, or their rule's)", err=True
        )


async def _load(settings: Settings) -> Evaluator:
    redis = Redis.from_url(settings.redis)
    try:
        return Evaluator(settings, state=await AlertStore(redis, settings.prefix, 0).peek())
    finally:
        await redis.aclose()


def _as_json(evaluator: Evaluator) -> dict[str, Any]:
    return {
        "closed_until": format_rfc3339(max(evaluator.closed_until_ms, 0)),
        "n_turned_away": evaluator.n_turned_away,
        "series": [{"name": one.name} | _row(evaluator, one) for one in evaluator.series.values()],
    }


def _row(evaluator: Evaluator, one: Series) -> dict[str, Any]:
    usual = usual_of(evaluator, one)._asdict()
    return usual | {"last": format_rfc3339(usual.pop("last_ms"))}
