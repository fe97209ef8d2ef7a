"""The gate: a candidate against the incumbent, every check, one report.

    evidence ─┬─ fresh ──────── gain, slices, calibration
              ├─ past ───────── not worse, slices, calibration
              ├─ recent ─────── churn, cost
              ├─ taught ─────── caps, poison probe (in clean documents: the check set)
              └─ ships with us ─ check set, behaviour

Nothing is fitted here and nothing is changed: the same models, evidence and limits give the same verdict, but for the cost.

Examples:
    >>> from streamwatch.inference.engine import NullEngine
    >>> checks = judged(NullEngine(), NullEngine(), Evidence(), costs=[(1.0, 1.0)])
    >>> [(check.name, check.status) for check in checks][:3]
    [('labels', 'passed'), ('gain', 'short'), ('past', 'noted')]
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from msgspec.structs import replace

from streamwatch.config import Settings
from streamwatch.errors import ConfigError
from streamwatch.evaluation.check_set import CHECK_SET
from streamwatch.evaluation.check_set import TASKS as CHECK_TASKS
from streamwatch.evaluation.labelled_file import LabelledFile
from streamwatch.gating import accuracy, behaviour, change, latency, poison
from streamwatch.gating.caps import capped
from streamwatch.gating.compared import compared, joined
from streamwatch.gating.evidence import TASKS, Evidence, Known
from streamwatch.gating.limits import USUAL_LIMITS, Limits
from streamwatch.gating.paired import Paired, score_pair
from streamwatch.gating.paired import Progress as Told
from streamwatch.gating.promoted import measured
from streamwatch.gating.report import Check, Report, Row, Status
from streamwatch.gating.shift import LEAST_DOCUMENTS
from streamwatch.inference.engine import Engine
from streamwatch.inference.opening import SHIPPED, locate_in, open_located
from streamwatch.models.lineage import parent
from streamwatch.models.manifest import read_manifest
from streamwatch.records import Classified, Promotion
from streamwatch.text.clean import text_hash
from streamwatch.timeline import parse_rfc3339

Progress = Callable[[str, int, int], None]
"""Hears of a stage how much of it is done."""


def silent(stage: str, done: int, total: int) -> None:
    """Hears of progress and says nothing."""


def gate(
    incumbent: Path,
    candidate: Path,
    evidence: Evidence,
    settings: Settings,
    now: str,
    limits: Limits = USUAL_LIMITS,
    progress: Progress = silent,
) -> Report:
    """What the gate says of the model in `candidate`, against the one in `incumbent`. Raises `ModelError`."""
    return gated(incumbent, candidate, evidence, settings, now, (), limits, progress)[0]


def gated(
    incumbent: Path,
    candidate: Path,
    evidence: Evidence,
    settings: Settings,
    now: str,
    documents: Sequence[Classified],
    limits: Limits = USUAL_LIMITS,
    progress: Progress = silent,
) -> tuple[Report, Promotion | None]:
    """The report, and by how much a promotion would move each series, measured on `documents` where these are enough."""
    began = monotonic()
    before, after = (open_located(locate_in(folder, settings), settings) for folder in (incumbent, candidate))
    costs = _costs(before, after, evidence)
    report = Report(
        incumbent=incumbent.name,
        candidate=candidate.name,
        incumbent_version=read_manifest(incumbent).version,
        candidate_version=read_manifest(candidate).version,
        made_at=now,
        checks=judged(before, after, evidence, costs, limits, progress),
        evidence=evidence.counts,
        limits=limits,
    )
    shift = _shift(before, after, documents, now, lambda done, total: progress("shift of the series", done, total))
    return replace(report, seconds=round(monotonic() - began, 1)), shift


def _shift(
    incumbent: Engine, candidate: Engine, documents: Sequence[Classified], now: str, progress: Told
) -> Promotion | None:
    """What detectors are told of the promotion; None with too few documents, or where both are one version."""
    if len(documents) < LEAST_DOCUMENTS:
        return None
    try:
        return measured(incumbent, candidate, documents, parse_rfc3339(now), progress)
    except ConfigError:
        return None


def judged(
    incumbent: Engine,
    candidate: Engine,
    evidence: Evidence,
    costs: latency.Costs,
    limits: Limits = USUAL_LIMITS,
    progress: Progress = silent,
) -> tuple[Check, ...]:
    """All checks of two open engines; `costs` are the rounds that `latency.measured` gave."""

    def both(stage: str, texts: Sequence[str]) -> Paired:
        return score_pair(incumbent, candidate, texts, lambda done, total: progress(stage, done, total))

    shipped = check_set()
    fresh = compared(evidence.fresh, both("fresh answers", [one.text for one in evidence.fresh]))
    past = compared(evidence.past, both("the past", [one.text for one in evidence.past]))
    of_check_set = compared(shipped, both("check set", [one.text for one in shipped]))
    recent = both("recent documents", evidence.recent)
    kinds = behaviour.cases(behaviour.read_templates())
    kept = accuracy.not_worse(
        {task: hits.difference for task, hits in past.tasks.items()},
        {task: hits.weight for task, hits in past.tasks.items()},
        limits,
    )
    labelled = joined(fresh, past)
    enough = all(task in labelled.tasks and len(labelled.tasks[task].place) >= limits.ece_least for task in TASKS)
    return (
        same_labels(incumbent, candidate),
        accuracy.gain(
            *fresh.differences(), limits, accuracy.task_rows(fresh, limits), _two_people(evidence), evidence.asked_before
        ),
        kept,
        accuracy.slices_kept(accuracy.sliced(labelled, limits), limits),
        change.churn(change.churned(recent, limits), accuracy.shown_tasks(kept, limits), limits),
        change.calibrated(labelled if enough else joined(labelled, of_check_set), limits),
        change.check_set_kept(of_check_set, limits),
        behaviour.behaves(kinds, both("behaviour", behaviour.texts(kinds)), limits),
        caps_kept(evidence, limits),
        poison.probe(
            incumbent, candidate, evidence.taught, [one.text for one in shipped], limits,
            lambda done, total: progress("poison probe", done, total), evidence.n_unknown,
        ),
        latency.latency(costs, latency.N_TEXTS, limits),
    )  # fmt: skip


def check_set() -> list[Known]:
    """The check set that comes with the package, in an order that a hash decides: its beginning is then a mixture."""
    by_task = [list(LabelledFile(str(CHECK_SET), "text", task)) for task in CHECK_TASKS]
    rows = [
        Known(of[0].text, {task: one.label for task, one in zip(CHECK_TASKS, of, strict=True)})
        for of in zip(*by_task, strict=True)
    ]
    return sorted(rows, key=lambda row: text_hash(row.text))


def same_labels(incumbent: Engine, candidate: Engine) -> Check:
    """Whether the candidate says all that the incumbent says: a topic that disappears ends its series."""
    of_both = [getattr(engine, "labels", {}) for engine in (incumbent, candidate)]
    lost = [
        f"{task} {label}"
        for task in TASKS
        for label in of_both[0].get(task, ())
        if label not in of_both[1].get(task, ())
    ]
    if lost:
        return Check("labels", "It says the same labels", "failed", f"it has no {', '.join(lost)}", len(lost))
    return Check("labels", "It says the same labels", "passed", "all labels of the incumbent are the candidate's, too")


def known_parent(registry: Path, candidate: Path) -> Check:
    """Whether it is known what the candidate was trained from: its parent ships with the package or is in the registry."""
    found = parent(registry, read_manifest(candidate), SHIPPED)
    status: Status = "failed" if found.is_missing else "passed"
    return Check("parent", "Its parent is known", status, str(found))


def caps_kept(evidence: Evidence, limits: Limits = USUAL_LIMITS) -> Check:
    """Whether no writer and no labeller stands behind more of what was learned than the caps allow."""
    over = capped(evidence.taught, limits.caps, evidence.n_answered).over
    of_all = [("writer", *one) for one in over.writers.items()] + [("labeller", *one) for one in over.labellers.items()]
    rows = tuple(Row(f"{kind} {name}", n, failed=True, remark="documents over the cap") for kind, name, n in of_all)
    told = (
        "as the candidate says"
        if evidence.says_what
        else "the candidate does not say what it learned: all it could have"
    )
    if rows:
        says = "; ".join(f"{row.name} stands behind {row.n} documents more than allowed" for row in rows)
        return Check("caps", "Nobody's flood", "failed", f"{says} ({told})", len(evidence.taught), rows=rows)
    says = f"within the caps, over {len(evidence.taught)} answers that it learned from ({told})"
    return Check("caps", "Nobody's flood", "passed", says, len(evidence.taught))


def _two_people(evidence: Evidence) -> str:
    n = evidence.counts["fresh_two_people"]
    return f" (two people or more answered {n} of them)" if evidence.fresh else ""


def _costs(incumbent: Engine, candidate: Engine, evidence: Evidence) -> latency.Costs:
    texts = [*evidence.recent, *(one.text for one in (*evidence.fresh, *check_set()))][: latency.N_TEXTS]
    return latency.measured(incumbent, candidate, texts, cuda=_on_gpu(incumbent))


def _on_gpu(engine: Engine) -> bool:
    return engine.model.endswith("-cuda")
