"""The gate's report as one page for people: the verdict, why, then each check with its picture and its numbers.

Everything is in the file: it has no script and loads nothing, and says so to the browser. All text is escaped, since slices
and phrases come out of hostile documents.

Examples:
    >>> from streamwatch.gating.report import Check, Report
    >>> made = Report(incumbent="shipped", candidate="<1f0c>", made_at="2026-01-05T08:00:00Z",
    ...               checks=(Check("gain", "Gain", "passed", "+2.0 points"),))
    >>> html = page(made)
    >>> "&lt;1f0c&gt;" in html, "<script" in html, "may be promoted" in html
    (True, False, True)
"""

from collections.abc import Sequence
from html import escape

from streamwatch.gating import plots
from streamwatch.gating.report import Check, Report, Row

MARKS = {"passed": "✓", "failed": "✗", "short": "…", "noted": "–"}
WORDS = {"passed": "passed", "failed": "refused", "short": "too little data", "noted": "noted"}
MOST_ROWS = 40
"""Of a table: the rest are equal or harmless, and in the JSON."""
DIFFERENCES = ("gain", "past", "slices", "check_set")
SHARES = {"behaviour": "cases that fail", "poison": "clean documents that turn"}
AS_SHARES = (*DIFFERENCES, "churn", "behaviour", "poison")
"""Checks whose numbers are shares, and are shown in per cent and points."""

CSS = """
:root { color-scheme: light }
body { margin: 0; background: #f5f6f8; color: #1f2937; font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif }
main { max-width: 860px; margin: 0 auto; padding: 28px 20px 60px }
h1 { font-size: 25px; margin: 0 0 2px } h2 { font-size: 17px; margin: 0 } p { margin: 6px 0 }
.quiet { color: #5b6577; font-size: 13px } code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 13px }
.verdict { border-left: 6px solid; border-radius: 6px; background: #fff; padding: 18px 22px; margin: 20px 0 }
.verdict.yes { border-color: #1a7f4b } .verdict.no { border-color: #b3261e }
.verdict ul { margin: 8px 0 0; padding-left: 20px } .verdict li { margin: 3px 0; overflow-wrap: anywhere }
section { background: #fff; border-radius: 6px; padding: 16px 22px; margin: 12px 0 }
.head { display: flex; gap: 10px; align-items: baseline } .says { overflow-wrap: anywhere }
.mark { font-weight: 700; width: 1.1em; text-align: center }
.passed { color: #1a7f4b } .failed { color: #b3261e } .short { color: #9a5b00 } .noted { color: #5b6577 }
.tag { margin-left: auto; font-size: 12px; white-space: nowrap }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin-top: 8px }
th { text-align: right; font-weight: 600; color: #5b6577; border-bottom: 1px solid #d5dae3; padding: 3px 8px }
td { text-align: right; border-bottom: 1px solid #eef0f4; padding: 3px 8px; font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; padding-left: 0 }
td.words { text-align: left; overflow-wrap: anywhere } tr.bad td { color: #b3261e; font-weight: 600 }
svg { max-width: 100%; height: auto; margin-top: 8px } details { margin-top: 8px } summary { cursor: pointer; color: #5b6577 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 8px 0 0; font-size: 13px } dd { margin: 0 }
"""


def page(report: Report) -> str:
    """The whole page."""
    body = "".join([_heading(report), _verdict(report), *(_check(check) for check in report.checks), _evidence(report)])
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Gate: {escape(report.candidate)}</title><style>{CSS}</style></head><body><main>{body}</main></body></html>\n"
    )


def _heading(report: Report) -> str:
    models = (
        f"Candidate <code>{escape(report.candidate)}</code> ({escape(report.candidate_version)}) against "
        f"<code>{escape(report.incumbent)}</code> ({escape(report.incumbent_version)})"
    )
    return f'<h1>Gate report</h1><p>{models}</p><p class="quiet">{escape(report.made_at)}, {report.seconds:.0f} s</p>'


def _verdict(report: Report) -> str:
    if report.passed:
        return '<div class="verdict yes"><h2 class="passed">✓ It may be promoted</h2></div>'
    n = len(report.refusals)
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in report.refusals)
    title = f"✗ It is refused by {n} of {len(report.checks)} checks"
    return f'<div class="verdict no"><h2 class="failed">{title}</h2><ul>{reasons}</ul></div>'


def _check(check: Check) -> str:
    head = (
        f'<div class="head"><span class="mark {check.status}">{MARKS[check.status]}</span><h2>{escape(check.title)}</h2>'
        f'<span class="tag {check.status}">{WORDS[check.status]}</span></div><p class="says">{escape(check.says)}</p>'
    )
    table = _table(check)
    folded = f"<details><summary>{len(check.rows)} rows</summary>{table}</details>" if len(check.rows) > 8 else table
    return f"<section>{head}{_picture(check)}{folded}</section>"


def _picture(check: Check) -> str:
    if not check.rows or not plots.can_draw():
        return ""
    if check.name in DIFFERENCES:
        return plots.intervals(check.rows[:MOST_ROWS], check.limit)
    if check.name == "calibration" and check.reliability:
        return plots.reliability(check.reliability)
    if check.name in SHARES:
        return plots.bars(check.rows[:12], SHARES[check.name])
    return ""


def _table(check: Check) -> str:
    if not check.rows:
        return ""
    rows = check.rows[:MOST_ROWS]
    shares = check.name in AS_SHARES
    columns = [name for name in ("incumbent", "candidate", "value", "low", "high", "p") if _any(rows, name)]
    titles = {"value": "change" if check.name != "churn" else "share", "p": "p (Holm)"}
    header = "".join(f"<th>{titles.get(name, name)}</th>" for name in columns)
    words = any(row.remark for row in rows)
    lines = "".join(_line(row, columns, shares, words, check.name) for row in rows)
    more = (
        f'<p class="quiet">and {len(check.rows) - MOST_ROWS} more in the JSON</p>'
        if len(check.rows) > MOST_ROWS
        else ""
    )
    return f"<table><tr><th></th><th>n</th>{header}{'<th></th>' if words else ''}</tr>{lines}</table>{more}"


def _line(row: Row, columns: Sequence[str], shares: bool, words: bool, name: str) -> str:
    cells = "".join(f"<td>{_number(getattr(row, column), column, shares, name)}</td>" for column in columns)
    remark = f'<td class="words">{escape(row.remark)}</td>' if words else ""
    bad = ' class="bad"' if row.failed else ""
    return f"<tr{bad}><td>{escape(row.name)}</td><td>{row.n:,}</td>{cells}{remark}</tr>"


def _number(value: float | None, column: str, shares: bool, name: str) -> str:
    if value is None:
        return ""
    if column == "p":
        return f"{value:.2g}"
    if not shares:
        return f"{value:.3f}"
    if column in ("incumbent", "candidate") or name == "churn":
        return f"{value:.1%}"
    return f"{100 * value:+.1f}".replace("-", "−")


def _any(rows: Sequence[Row], name: str) -> bool:
    return any(getattr(row, name) is not None for row in rows)


def _evidence(report: Report) -> str:
    pairs = "".join(f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{n:,}</dd>" for name, n in report.evidence.items())
    without = (
        "" if plots.can_draw() else '<p class="quiet">Pictures need matplotlib: pip install "streamwatch[plot]"</p>'
    )
    return f"<section><h2>What there was to judge by</h2><dl>{pairs}</dl>{without}</section>"
