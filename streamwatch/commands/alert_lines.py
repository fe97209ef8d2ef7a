"""An alert as lines for a terminal.

Texts come from strangers: they are shown without control characters and never read as markup.
"""

from rich.text import Text

from streamwatch.alerting.witnesses import KEPT
from streamwatch.records import Alert, Evidence, EvidenceDocument
from streamwatch.text.clean import normalise
from streamwatch.timeline import format_rfc3339, to_ms

N_DOCUMENTS = 5
STATE_STYLES = {"firing": "bold red", "pending": "yellow", "resolved": "green"}
SEVERITY_STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


def alert_lines(alert: Alert) -> list[Text]:
    """The alert, what it rests on, and its evidence."""
    return [_headline(alert), *_evidence(alert.evidence), *map(_document, alert.evidence.documents[:N_DOCUMENTS])]


def _headline(alert: Alert) -> Text:
    line = Text(format_rfc3339(to_ms(alert.at)) + "  ")
    line.append(alert.state.upper(), STATE_STYLES[alert.state])
    line.append(f" {alert.resolution}" if alert.resolution else "")
    line.append("  ")
    line.append(alert.severity, SEVERITY_STYLES[alert.severity])
    line.append("  ")
    line.append(normalise(alert.series), "bold")
    line.append(f"  {_what(alert)}, since {format_rfc3339(to_ms(alert.onset))}")
    line.append(f"  {alert.id}.{alert.revision}", "dim")
    return line


def _what(alert: Alert) -> str:
    """What was seen against what was expected."""
    if alert.kind == "negative_share":
        return (
            f"{alert.share:.0%} negative ({alert.k} of {alert.n}), "
            f"expected {alert.p0:.0%} ({alert.p0_low:.0%} to {alert.p0_high:.0%})"
        )
    return f"{alert.k} negative, expected {alert.k_expected:.1f}"


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
