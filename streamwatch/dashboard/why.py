"""Why an alert was told, in plain sentences, with nothing claimed that the tests do not promise.

The share test's score is an e-value of an e-detector: were everything as usual, it would on average take at least so many
detection buckets until chance brought evidence as strong (`docs/detection.md`). The volume test's is the weeks in which chance
brings such a bucket once, by the series' own past. Neither is the probability that the alert is false.

Examples:
    >>> lasting(9.7 * YEAR_S), lasting(3 * 7 * DAY_S), lasting(1e15), lasting(7200)
    ('9.7 years', '3 weeks', 'a million years', '2 hours')
"""

from collections.abc import Iterator
from datetime import datetime

from streamwatch.alerting.drift_words import drift_words
from streamwatch.records import Alert, Evidence
from streamwatch.timeline import format_rfc3339, to_ms

DAY_S, HOUR_S, WEEK_S = 86_400, 3600, 7 * 86_400
YEAR_S = 365.25 * DAY_S
MOST_YEARS = 1e6
"""More than that is said as that: nobody has seen as much."""
N_MEMBERS = 4
OVER = {
    "recovered": "It is over: its documents speak for what is usual again.",
    "new_level": "It went on for so long that it is taken as the new level from now on.",
    "withdrawn": "It was withdrawn: the test fell below its threshold before the time that the rule waits.",
    "lost_history": "It was closed, since the evaluator lost its state and nothing went on with it.",
}


def why(alert: Alert, bucket_s: int) -> list[str]:
    """The sentences. `bucket_s` is the length of a detection bucket of the share test."""
    kinds = {"negative_share": _share, "negative_volume": _volume, "drift": _drift, "stalled": _stalled}
    said = kinds[alert.kind](alert, bucket_s)
    return [*said, *_voices(alert.evidence), *_company(alert), *_state(alert)]


def _share(alert: Alert, bucket_s: int) -> Iterator[str]:
    yield (
        f"{alert.k:,} of {alert.n:,} documents since {_window(alert)} are negative ({alert.share:.0%}); usual at this hour is "
        f"{alert.p0:.0%} ({alert.p0_low:.0%} to {alert.p0_high:.0%}), which would be {alert.k_expected:,.1f}."
    )
    yield from _lift(alert)
    yield (
        f"Were the share as usual, it would on average take at least {lasting(alert.score * bucket_s)} until chance alone "
        f"brought evidence as strong in this series. The rule tells from {lasting(alert.threshold * bucket_s)} on: so "
        "long, because all its series and tests share the false alarms that it allows."
    )


def _volume(alert: Alert, bucket_s: int) -> Iterator[str]:
    yield f"{alert.k:,} negative documents came since {_window(alert)}; {alert.k_expected:,.1f} are usual in that time."
    yield from _lift(alert)
    yield (
        f"By the series' own past, chance brings as many in one bucket about once in {lasting(alert.score * WEEK_S)}; the "
        f"rule tells from once in {lasting(alert.threshold * WEEK_S)} on."
    )


def _lift(alert: Alert) -> Iterator[str]:
    if alert.lift >= 1.05:
        yield f"That is {alert.lift:.1f} times the usual number."


def _drift(alert: Alert, bucket_s: int) -> Iterator[str]:
    if alert.drift is None:
        return
    words = drift_words(alert.drift)
    yield f"{words[:1].upper()}{words[1:]}; found in what the model {alert.drift.model} says."
    yield (
        f"{alert.n:,} documents were heard since {_at(alert.onset)}. The monitor's e-value is {alert.drift.e_value:,.3g} and it "
        f"tells from {alert.drift.threshold:,.3g} on, which keeps false alarms as rare as the settings say."
    )


def _stalled(alert: Alert, bucket_s: int) -> Iterator[str]:
    again = alert.state == "resolved"
    if alert.series.startswith("channel:"):
        channel = alert.series.removeprefix("channel:")
        yield (
            f"Documents come on `{channel}` again."
            if again
            else f"No documents come on `{channel}` since {_at(alert.onset)}."
        )
    else:
        still = (
            f"Event time does not move since {_at(alert.onset)}, although documents wait: nothing is tested meanwhile."
        )
        yield "Event time moves again." if again else still


def _voices(evidence: Evidence) -> Iterator[str]:
    """Whether it is one voice or many."""
    if not evidence.n_distinct_texts:
        return
    by = f" by {evidence.n_distinct_authors:,} authors" if evidence.n_distinct_authors else ""
    parts = [f"The newest negatives are {evidence.n_distinct_texts:,} different texts{by}"]
    if evidence.largest_author_share is not None:
        parts.append(f"the most active author wrote {evidence.largest_author_share:.0%} of them")
    if evidence.largest_text_share is not None:
        parts.append(f"one text with its near copies makes {evidence.largest_text_share:.0%}")
    yield "; ".join(parts) + "."


def _company(alert: Alert) -> Iterator[str]:
    """Other series that tell of the same documents, and the drift that joined."""
    names = [member.series for member in alert.members]
    if names:
        more = f" and {len(names) - N_MEMBERS} more" if len(names) > N_MEMBERS else ""
        yield f"The same documents show in {', '.join(names[:N_MEMBERS])}{more}."
    if alert.drift is not None and alert.kind != "drift":
        yield f"The model's own monitors say of this series: {drift_words(alert.drift)}."


def _state(alert: Alert) -> Iterator[str]:
    if alert.state == "pending":
        yield "It is pending: the rule waits whether it lasts before it fires."
    elif alert.resolution in OVER:
        yield OVER[alert.resolution]


def _window(alert: Alert) -> str:
    """When the window began whose documents are counted: a little before the onset."""
    return _said(to_ms(alert.at) - alert.window_s * 1000)


def _at(instant: datetime) -> str:
    return _said(to_ms(instant))


def _said(at_ms: int) -> str:
    return format_rfc3339(at_ms - at_ms % 1000).replace("T", " ").replace("Z", " UTC")


def lasting(seconds: float) -> str:
    """A length of time as people say it, rounded."""
    if seconds > MOST_YEARS * YEAR_S:
        return "a million years"
    units = ((YEAR_S, "year"), (WEEK_S, "week"), (DAY_S, "day"), (HOUR_S, "hour"), (60, "minute"))
    each, name = next(((each, name) for each, name in units if seconds >= each), (1, "second"))
    n = seconds / each
    shown = f"{n:,.1f}".removesuffix(".0") if n < 10 else f"{n:,.0f}"
    return f"{shown} {name}" if shown == "1" else f"{shown} {name}s"
