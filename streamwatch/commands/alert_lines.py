"""An alert as lines for a terminal.

Texts come from strangers: they are shown without control characters and never read as markup.
"""

from collections.abc import Iterator, Sequence

from rich.text import Text

from streamwatch.alerting.drift_words import drift_words
from streamwatch.alerting.witnesses import KEPT
from streamwatch.decisions.view import Standing
from streamwatch.records import Alert, Evidence, EvidenceDocument, Member
from streamwatch.text.clean import normalise
from streamwatch.timeline import format_rfc3339, to_ms

N_DOCUMENTS = 5
N_MEMBERS = 5
STATE_STYLES = {"firing": "bold red", "pending": "yellow", "resolved": "green"}
SEVERITY_STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


def alert_lines(alert: Alert, standing: Standing | None = None) -> list[Text]:
    """The alert with what people said of it, the other series of its incident, what it rests on, and its evidence."""
    return [
        headline(alert, standing or Standing()),
        *_drifts(alert),
        *_members(alert.members),
        *_labels(alert),
        *_evidence(alert.evidence),
        *map(_document, alert.evidence.documents[:N_DOCUMENTS]),
    ]


def headline(alert: Alert, standing: Standing) -> Text:
    """The alert in one line."""
    line = Text(format_rfc3339(to_ms(alert.at)) + "  ")
    line.append(alert.state.upper(), STATE_STYLES[alert.state])
    line.append(f" {alert.resolution}" if alert.resolution else "")
    line.append("  ")
    line.append(alert.severity, SEVERITY_STYLES[alert.severity])
    line.append("  ")
    line.append(normalise(alert.series), "bold")
    line.append(f"  {normalise(_what(alert))}, since {format_rfc3339(to_ms(alert.onset))}")
    line.append(f"  {alert.id}.{alert.revision}", "dim")
    for words in _said(standing):
        line.append(f"  [{words}]", "magenta")
    return line


def _said(standing: Standing) -> Iterator[str]:
    """What people said of it."""
    silence, acknowledgement, verdict = standing.silenced_by, standing.acknowledgement, standing.verdict
    if silence is not None:
        yield normalise(f"silenced until {format_rfc3339(to_ms(silence.ends_at))} by {silence.made_by}")
    if acknowledgement is not None:
        yield normalise(f"acknowledged by {acknowledgement.made_by}{_because(acknowledgement.comment)}")
    if verdict is not None:
        yield normalise(f"{str(verdict.true).lower()}, says {verdict.made_by}{_because(verdict.comment)}")


def _because(comment: str) -> str:
    return f": {comment}" if comment else ""


def _what(alert: Alert) -> str:
    """What was seen against what was expected; what stands still has neither."""
    if alert.kind == "stalled":
        return _stalled(alert)
    if alert.kind == "drift" and alert.drift is not None:
        return drift_words(alert.drift)
    if alert.kind == "negative_share":
        return (
            f"{alert.share:.0%} negative ({alert.k} of {alert.n}), "
            f"expected {alert.p0:.0%} ({alert.p0_low:.0%} to {alert.p0_high:.0%})"
        )
    return f"{alert.k} negative, expected {alert.k_expected:.1f}"


def _drifts(alert: Alert) -> Iterator[Text]:
    """What the monitors found of the same series, where another alert tells of it."""
    if alert.drift is not None and alert.kind != "drift":
        yield Text("    " + normalise(drift_words(alert.drift)), "dim")


def _stalled(alert: Alert) -> str:
    """A channel without documents, or event time that does not move although documents wait."""
    again = alert.state == "resolved"
    if alert.series.startswith("channel:"):
        return "documents again" if again else "no documents"
    return "moves again" if again else "does not move, although documents wait"


def _members(members: Sequence[Member]) -> Iterator[Text]:
    """The other series of the incident, those that fire first; of many the first few."""
    ordered = sorted(members, key=lambda member: (not member.firing, member.onset, member.series))
    for member in ordered[:N_MEMBERS]:
        what = f"{member.k} of {member.n} negative, expected {member.k_expected:.1f}"
        calm = "" if member.firing else ", calm now"
        line = Text(f"    + {normalise(member.series)}")
        line.append(f"  {what}, since {format_rfc3339(to_ms(member.onset))}{calm}", "dim")
        yield line
    if len(members) > N_MEMBERS:
        yield Text(f"    + {len(members) - N_MEMBERS} more series", "dim")


def _labels(alert: Alert) -> Iterator[Text]:
    """Labels and routes of the rule, if it has any."""
    labels = [f"{name}={value}" for name, value in alert.labels.items()]
    parts = [*labels, *(f"to {route}" for route in alert.routes)]
    if parts:
        yield Text("    " + normalise(f"rule {alert.rule}: {', '.join(parts)}"), "dim")


def _evidence(evidence: Evidence) -> list[Text]:
    """Who speaks, and about what: one line, if anything is known."""
    parts = []
    if evidence.n_distinct_texts:
        by = f" by {evidence.n_distinct_authors} authors" if evidence.n_distinct_authors else ", authors unknown"
        newest = "newest " if evidence.n_distinct_texts >= KEPT else ""
        parts.append(f"{newest}{evidence.n_distinct_texts} texts{by}")
    if evidence.n_copies:
        parts.append(f"{evidence.n_copies} copies")
    if evidence.terms:
        parts.append("terms: " + ", ".join(normalise(one.term) for one in evidence.terms))
    return [Text("    " + "; ".join(parts), "dim")] if parts else []


def _document(document: EvidenceDocument) -> Text:
    line = Text(f"    - {normalise(document.text)}")
    where = f"{document.channel}[{document.partition}]@{document.offset}"
    copies = f", {document.copies} copies" if document.copies > 1 else ""
    line.append(f"  ({normalise(document.source) or 'unknown source'}, {where}{copies})", "dim")
    return line
