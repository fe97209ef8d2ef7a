"""The gate's report: what was checked, on how many documents, how it came out, in words and in numbers.

A check `passed`, `failed`, or is `short` of documents: then the gate refuses as well, and says how many are missing. A check that
is only `noted` decides nothing: another one stands for it, and it says which.

Examples:
    >>> checks = (Check("gain", "Gain", "passed", "better"), Check("past", "Past", "short", "too few", missing=1200))
    >>> made = Report(incumbent="shipped", candidate="1f0c", made_at="2026-01-05T08:00:00Z", checks=checks)
    >>> made.passed, made.refusals
    (False, ('Past: too few',))
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

from streamwatch.errors import ModelError
from streamwatch.gating.limits import Limits

Status = Literal["passed", "failed", "short", "noted"]
REPORT_FILE = "gate.json"
PAGE_FILE = "gate.html"
FORMAT = 1


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a check: a slice, a task, a template, a phrase.

    `value` lies in [`low`, `high`] where these are known; `p` is adjusted for the number of rows.
    """

    name: str
    n: int = 0
    incumbent: float | None = None
    candidate: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    failed: bool = False
    remark: str = ""


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One check. `says` is a sentence for people; `missing` documents are lacking where it is `short`."""

    name: str
    title: str
    status: Status
    says: str
    n: int = 0
    missing: int = 0
    limit: float | None = None
    rows: tuple[Row, ...] = ()
    reliability: dict[str, "Reliability"] = {}

    @property
    def refuses(self) -> bool:
        """Whether nothing may be promoted past it."""
        return self.status in ("failed", "short")


class Reliability(msgspec.Struct, frozen=True):
    """Bins of confidence for a plot: mean confidence, share right and number, of the incumbent and of the candidate."""

    incumbent: tuple[tuple[float, float, int], ...]
    candidate: tuple[tuple[float, float, int], ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says of a candidate. `evidence` counts what there was to judge by."""

    format: int = FORMAT
    incumbent: str
    candidate: str
    incumbent_version: str = ""
    candidate_version: str = ""
    made_at: str
    checks: tuple[Check, ...]
    evidence: dict[str, int] = {}
    limits: Limits = Limits()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the candidate may be promoted."""
        return bool(self.checks) and not any(check.refuses for check in self.checks)

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why not, a line for each check that refuses."""
        return tuple(f"{check.title}: {check.says}" for check in self.checks if check.refuses)

    def check(self, name: str) -> Check:
        """The check of that name. Raises `KeyError`."""
        return {check.name: check for check in self.checks}[name]


def to_json(report: Report) -> bytes:
    """The report as it is kept, readable by people; `passed` and `refusals` are said too, for programs."""
    told: dict[str, Any] = msgspec.to_builtins(report)
    told = {"passed": report.passed, "refusals": report.refusals, **told}
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def read_report(path: Path) -> Report:
    """A report as it was kept. What it says of having passed is not believed: it is found from the checks again.

    Raises `ModelError` when it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is no gate report ({error}): run `streamwatch models gate` again") from error
