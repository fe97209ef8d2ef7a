"""What there is to set: every setting with its variable, value, default, unit and what it may be, from its declaration.

Examples:
    >>> from streamwatch.config import Settings, without_password
    >>> rows = {row.name: row for row in table(Settings(lateness_s=5))}
    >>> row = rows["lateness_s"]
    >>> row.variable, row.value, row.default, row.unit, row.allowed
    ('STREAMWATCH_LATENESS_S', '5', '30', 'seconds', 'a whole number, at least 0')
    >>> rows["device"].allowed
    'auto, cpu or cuda'
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from streamwatch.config import Settings, without_password

PREFIX = "STREAMWATCH_"

UNITS = {
    "_s": "seconds", "_ms": "milliseconds", "_days": "days", "_bytes": "bytes", "_chars": "characters",
    "_tokens": "tokens",
}  # fmt: skip
"""What the end of a setting's name says."""

TYPES = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text"}

BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "multipleOf": "a multiple of {}",
    "pattern": "matching {}",
}

NOT_SETTINGS = ("STREAMWATCH_TEST_", "STREAMWATCH_DATA")
"""Variables that only the tests read."""


@dataclass(frozen=True)
class Row:
    """One setting, as text. `value` and `default` are as the environment would give them; passwords are hidden."""

    name: str
    variable: str
    value: str
    default: str
    unit: str
    allowed: str
    description: str

    @property
    def changed(self) -> bool:
        """Whether it has another value than its default."""
        return self.value != self.default


def table(settings: Settings) -> list[Row]:
    """All settings, in the order of their declaration."""
    properties = Settings.model_json_schema()["properties"]
    return [
        Row(
            name=name,
            variable=PREFIX + name.upper(),
            value=_text(getattr(settings, name)),
            default=_text(field.default),
            unit=next((unit for end, unit in UNITS.items() if name.endswith(end)), ""),
            allowed=_allowed(properties[name]),
            description=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def unknown_variables(environment: list[str]) -> dict[str, str]:
    """Variables that look like settings and are none, each with the setting that may have been meant, or "".

    Nothing else would tell: a variable with a slip of the pen is just never read.

    >>> unknown_variables(["STREAMWATCH_LATENES_S", "STREAMWATCH_BROKER", "PATH"])
    {'STREAMWATCH_LATENES_S': 'STREAMWATCH_LATENESS_S'}
    """
    ours = sorted(v for v in environment if v.upper().startswith(PREFIX) and not v.upper().startswith(NOT_SETTINGS))
    return {v: _nearest(name) for v in ours if (name := v[len(PREFIX) :].lower()) not in Settings.model_fields}


def _nearest(name: str) -> str:
    """The variable whose name is like `name`."""
    return "".join(PREFIX + match.upper() for match in get_close_matches(name, Settings.model_fields, n=1))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return without_password(str(value))


def _allowed(schema: dict[str, Any]) -> str:
    """What a value may be, in words, out of the setting's JSON Schema."""
    if "enum" in schema:
        *others, last = schema["enum"]
        return f"{', '.join(others)} or {last}"
    words = [words.format(_bound(schema[bound])) for bound, words in BOUNDS.items() if bound in schema]
    return ", ".join([TYPES[schema["type"]], *words])


def _bound(value: Any) -> str:
    return re.sub(r"\.0$", "", str(value))
