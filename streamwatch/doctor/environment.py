"""The settings, and variables that look like settings and are none."""

import os
from collections.abc import Iterator

from streamwatch.config import Settings
from streamwatch.doctor.finding import Finding, ok, warn
from streamwatch.settings_table import table, unknown_variables


def check_settings(settings: Settings) -> Iterator[Finding]:
    """They make sense, since they were read; which differ from their defaults, and which were misspelt."""
    rows = table(settings)
    changed = [f"{row.name}={row.value}" for row in rows if row.changed]
    yield ok("settings", f"{len(changed)} of {len(rows)} differ from their defaults{_listed(changed)}")
    for name, meant in unknown_variables(list(os.environ)).items():
        todo = f"did you mean {meant}?" if meant else "take it out, or see `streamwatch settings`"
        yield warn("settings", f"{name} is no setting and has no effect", todo)


def _listed(changed: list[str]) -> str:
    return f": {', '.join(changed)}" if changed else ""
