"""What a backtest found, in figures: how often each rule would have fired, and what could not be tested.

Examples:
    >>> from streamwatch.config import Settings
    >>> report = report_of(Backtest(Settings()), [], {})
    >>> report["documents"], report["rules"][0]["fired"], report["rules"][0]["allowed_per_week"]
    (0, 0, 7.0)
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from streamwatch.backtest.run import Backtest
from streamwatch.records import Alert
from streamwatch.timeline import WEEK_MS, format_rfc3339


def newest(alerts: Iterable[Alert]) -> list[Alert]:
    """The newest revision of each alert, by onset."""
    found = {alert.id: alert for alert in alerts}
    return sorted(found.values(), key=lambda alert: (alert.onset, alert.id))


def report_of(backtest: Backtest, alerts: Iterable[Alert], rejected: Mapping[str, int]) -> dict[str, Any]:
    """The summary, ready for JSON. Weeks are those of the file's dates."""
    told = newest(alerts)
    fired = Counter(alert.rule for alert in told if alert.resolution != "withdrawn")
    first_ms, last_ms = backtest.first_ms, backtest.last_ms
    weeks = (last_ms - first_ms) / WEEK_MS if first_ms is not None else 0.0
    series = backtest.evaluator.series
    totals = backtest.virtual.totals
    return {
        "documents": backtest.virtual.n_fed,
        "rejected": dict(rejected),
        "counted": totals["counted"],
        "unread": totals["unread"],
        "redelivered": totals["redelivered"],
        "late": totals["late"],
        "expired": totals["expired"],
        "first": format_rfc3339(first_ms) if first_ms is not None else None,
        "last": format_rfc3339(last_ms) if first_ms is not None else None,
        "weeks": round(weeks, 3),
        "alerts": len(told),
        "rules": [
            {
                "name": rule.name,
                "fired": fired[rule.name],
                "per_week": round(fired[rule.name] / weeks, 3) if weeks else None,
                "allowed_per_week": rule.false_alarms_per_week,
                "series": sum(_owns(rule.name, backtest, name) for name in series),
                "series_budgeted": rule.max_series,
            }
            for rule in backtest.rules.rules
        ],
        "series": len(series),
        "series_cold": sorted(name for name, one in series.items() if not one.share.warm),
        "emerging": {name: format_rfc3339(at_ms) for name, at_ms in sorted(backtest.emerged.items())},
    }


def _owns(rule: str, backtest: Backtest, series: str) -> bool:
    owners = (backtest.rules.rule_for(series, kind) for kind in ("negative_share", "negative_volume"))
    return any(owner is not None and owner.name == rule for owner in owners)


def lines(report: Mapping[str, Any]) -> list[str]:
    """The summary for people."""
    found = [
        f"{report['documents']:,} documents of {report['weeks']:g} weeks, {report['first']} to {report['last']}; "
        f"{report['series']} series watched, {len(report['series_cold'])} of them too new for a test of their share"
    ]
    found += [f"rejected: {n} {reason}" for reason, n in sorted(report["rejected"].items())]
    if report["unread"]:
        found.append(f"not read by the model, and no part of any test: {report['unread']}")
    for rule in report["rules"]:
        rate = f"{rule['per_week']:g} a week" if rule["per_week"] is not None else "no week to speak of"
        found.append(
            f"rule {rule['name']}: would have fired {rule['fired']} times, {rate}; it allows {rule['allowed_per_week']:g} false "
            f"alarms a week over {rule['series_budgeted']} series, and watched {rule['series']}"
        )
    if report["emerging"]:
        named = ", ".join(f"{name} from {at}" for name, at in report["emerging"].items())
        found.append(f"emerging (volume without history, no alert): {named}")
    return found
