"""How the labelling stands: what waits, who has answered, how far people agree, and what follows for the stream.

Examples:
    >>> from streamwatch.labelling.examples import answer, sample
    >>> found = summary([sample("d1"), sample("d2")], Answers([answer("d1", "ana", topic="earnings", sentiment="neutral")]), 20.0)
    >>> found.n_waiting, found.labellers["ana"].n, found.accuracy["topic"].share
    (1, 1, 1.0)
    >>> for line in lines(found)[:3]: print(line)
    drawn 2 (uniform 2), 2 in the fullest hour of event time; the budget of an hour is 20
    answered 1, waiting 1, withdrawn 0, with conflicts 0
    labeller ana: 1 (answered 1)
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from streamwatch.labelling.agreement import Agreement, agreement
from streamwatch.labelling.answers import PARTS, Answers, Labelled
from streamwatch.labelling.estimates import Estimate, answered_weights, shares
from streamwatch.records import Answer, DriftSample
from streamwatch.text.clean import normalise
from streamwatch.timeline import HOUR_MS, bucket_start, to_ms

Drawn = DriftSample | Answer
ESTIMATED = ("topic", "sentiment")
RIGHT, WRONG = "right", "wrong"


class Labeller(msgspec.Struct, frozen=True):
    """What one person has said: answers that count now, by verdict."""

    n: int
    verdicts: dict[str, int]


class Summary(msgspec.Struct, frozen=True):
    """All that `labels stats` says. `per_hour_most` counts by the hour of publication."""

    n_drawn: dict[str, int]
    per_hour_most: int
    per_hour_budget: float
    n_waiting: int
    n_answered: int
    n_withdrawn: int
    n_conflicts: int
    labellers: dict[str, Labeller]
    classes: dict[str, dict[str, int]]
    agreement: dict[str, Agreement]
    shares: dict[str, dict[str, Estimate]]
    accuracy: dict[str, Estimate]


def summary(samples: Iterable[DriftSample], answers: Answers, per_hour_budget: float) -> Summary:
    """Everything, from what was drawn and what was said."""
    drawn, said = list(samples), list(answers)
    known = {sample.id for sample in drawn}
    gone = [one.sample for one in said if one.id not in known]
    everything: list[Drawn] = [*drawn, *gone]
    hours = Counter(bucket_start(to_ms(one.published_at), HOUR_MS) for one in drawn if one.drawn_as != "novel")
    return Summary(
        dict(sorted(Counter(one.drawn_as for one in drawn).items())),
        max(hours.values(), default=0),
        per_hour_budget,
        sum(1 for one in drawn if one.id not in answers),
        len(said),
        sum(one.withdrawn for one in said),
        sum(bool(one.conflicts) for one in said),
        _labellers(said),
        {part: dict(Counter(value for one in said for value in one.given(part).values())) for part in PARTS},
        {part: agreement(said, part) for part in PARTS},
        {part: _shares(everything, said, part) for part in ESTIMATED},
        {part: found for part in ESTIMATED if (found := _accuracy(everything, said, part)) is not None},
    )


def _labellers(said: Iterable[Labelled]) -> dict[str, Labeller]:
    verdicts: dict[str, Counter[str]] = {}
    for one in said:
        for answer in one.answers:
            verdicts.setdefault(answer.labeller, Counter())[answer.verdict] += 1
    return {name: Labeller(sum(counts.values()), dict(counts)) for name, counts in sorted(verdicts.items())}


def _agreed(said: Iterable[Labelled], part: str) -> list[tuple[Answer, str]]:
    """Documents that have an agreed class."""
    return [(one.sample, value) for one in said if (value := getattr(one, part)) is not None]


def _shares(drawn: Sequence[Drawn], said: Iterable[Labelled], part: str) -> dict[str, Estimate]:
    agreed = _agreed(said, part)
    weights = answered_weights(drawn, [of for of, _ in agreed])
    return shares([(value, w) for (_, value), w in zip(agreed, weights, strict=True)])


def _accuracy(drawn: Sequence[Drawn], said: Iterable[Labelled], part: str) -> Estimate | None:
    """The share of the stream that the model labelled right, as people see it."""
    agreed = _agreed(said, part)
    weights = answered_weights(drawn, [of for of, _ in agreed])
    right = [RIGHT if _predicted(of, part) == value else WRONG for of, value in agreed]
    found = shares(list(zip(right, weights, strict=True)))
    if not found:
        return None
    return found.get(RIGHT, Estimate(0.0, 0.0, 0))._replace(n=len(agreed))


def _predicted(of: Drawn, part: str) -> str | None:
    if part == "topic":
        return of.prediction.topic.label
    return of.prediction.sentiment.label if of.prediction.sentiment is not None else None


def lines(found: Summary) -> list[str]:
    """The same as lines of text."""
    drawn = ", ".join(f"{name} {n}" for name, n in found.n_drawn.items()) or "nothing"
    told = [
        f"drawn {sum(found.n_drawn.values())} ({drawn}), {found.per_hour_most} in the fullest hour of event time; the budget of "
        f"an hour is {found.per_hour_budget:g}",
        f"answered {found.n_answered}, waiting {found.n_waiting}, withdrawn {found.n_withdrawn}, with conflicts "
        f"{found.n_conflicts}",
    ]
    for name, one in found.labellers.items():
        said = ", ".join(f"{verdict} {n}" for verdict, n in sorted(one.verdicts.items()))
        told.append(f"labeller {normalise(name)}: {one.n} ({said})")
    told += [line for part in found.agreement.values() for line in _agreement_lines(part)]
    for part in ESTIMATED:
        for name, estimate in found.shares[part].items():
            told.append(f"{part} {normalise(name)}: {_percent(estimate)} of the stream")
        if part in found.accuracy:
            told.append(f"{part}: the model is right in {_percent(found.accuracy[part])} of the stream")
    return told


def _agreement_lines(found: Agreement) -> list[str]:
    if not found.n_pairs:
        return []
    told = [
        f"agreement on {found.part}: kappa {_number(found.kappa)}, {found.n_pairs} pairs, the same in {found.agreed:.0%}"
    ]
    told += [f"  {normalise(name)}: kappa {_number(value)}" for name, value in found.by_class.items()]
    return [
        *told,
        *(f"  labeller {normalise(name)}: kappa {_number(value)}" for name, value in found.by_labeller.items()),
    ]


def _percent(found: Estimate) -> str:
    return f"{found.share:.1%} ± {found.error:.1%} (n={found.n})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
