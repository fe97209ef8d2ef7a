"""The report of a run: figures that balance, and the alerts."""

from collections.abc import Sequence
from typing import Any

import msgspec

from streamwatch.commands.output_file import whole_file
from streamwatch.demo.figures import Figures
from streamwatch.records import Alert


def report(figures: Figures, alerts: Sequence[Alert], seconds: float, missed: int | None, model: str) -> dict[str, Any]:
    """The report as it is written.

    `consumed` = `classified` + `duplicates` + `dead_lettered`, and `counted` + `redelivered` + `expired` = `classified`
    + `duplicates`. Of `counted`, `unread` could not be read and have no sentiment. An alert is listed by its newest
    revision; `revisions` counts them.
    """
    totals = figures.totals
    newest = {alert.id: alert for alert in alerts}
    return {
        "sent": figures.sent,
        "consumed": figures.consumed,
        "classified": totals.get("classified", 0),
        "duplicates": totals.get("duplicate", 0),
        "dead_lettered": totals.get("dead_lettered", 0),
        "counted": totals.get("counted", 0),
        "unread": totals.get("unread", 0),
        "redelivered": totals.get("redelivered", 0),
        "late": totals.get("late", 0),
        "expired": totals.get("expired", 0),
        "lost": totals.get("lost", 0),
        "missed": missed,
        "alerts": [_alert(alert) for alert in newest.values()],
        "seconds": round(seconds, 3),
        "documents_per_second": round(figures.consumed / seconds, 1) if seconds else 0.0,
        "model": model,
    }


def _alert(alert: Alert) -> dict[str, Any]:
    """All fields, defaults too: who reads a report should not need the schema's defaults."""
    return {name: msgspec.to_builtins(getattr(alert, name)) for name in alert.__struct_fields__}


def write(path: str, content: dict[str, Any]) -> None:
    """Write the report, whole or not at all."""
    with whole_file(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
