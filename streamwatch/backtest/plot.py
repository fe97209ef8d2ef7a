"""The series with their alerts: the negative share against its usual band, and the negatives, each alert shaded."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from streamwatch.backtest.report import newest
from streamwatch.backtest.run import Backtest
from streamwatch.errors import ConfigError
from streamwatch.records import Alert
from streamwatch.text.clean import normalise
from streamwatch.timeline import from_ms

MOST_SERIES = 6
COLOURS = {"critical": "#b3261e", "warning": "#c77700", "info": "#2b6cb0"}
SHARE, BAND, COUNT = "#1f2937", "#cbd5e1", "#94a3b8"
LEAST_N = 3
"""A share of fewer documents is drawn nowhere: it jumps between 0 and 1 and says nothing."""


def plot(backtest: Backtest, alerts: Sequence[Alert], path: Path, step: str) -> int:
    """Write a PNG; how many series it shows: those with most alerts, or `all` where there are none.

    Raises `ConfigError` where matplotlib is not installed.
    """
    pyplot = _pyplot()
    told = [alert for alert in newest(alerts) if alert.resolution != "withdrawn"]
    names = _shown(backtest, told)
    figure, axes = pyplot.subplots(
        len(names), 1, figsize=(12, 1.2 + 2.3 * len(names)), sharex=True, squeeze=False, layout="constrained"
    )
    for ax, name in zip(axes[:, 0], names, strict=True):
        _draw(ax, name, backtest, told)
    axes[-1, 0].set_xlabel("UTC")
    figure.suptitle(_title(backtest, told, step), fontsize=10, x=0.01, ha="left")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return len(names)


def _title(backtest: Backtest, told: Sequence[Alert], step: str) -> str:
    n = len(told)
    return (
        f"{n} alert{'s' * (n != 1)} in {backtest.virtual.n_fed:,} documents; "
        f"negative share (line) against what is usual (band), negatives per {step} (bars)"
    )


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise ConfigError("--plot needs matplotlib: pip install 'streamwatch[plot]'") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _shown(backtest: Backtest, told: Sequence[Alert]) -> list[str]:
    counts = Counter(name for alert in told for name in _series_of(alert))
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    return ranked[:MOST_SERIES] or ["all"]


def _series_of(alert: Alert) -> set[str]:
    return {alert.series, *(member.series for member in alert.members)}


def _draw(ax: Any, name: str, backtest: Backtest, told: Sequence[Alert]) -> None:
    points, usual = backtest.points.get(name, {}), backtest.usual.get(name, {})
    starts = sorted(points)
    bars = ax.twinx()
    width = timedelta(milliseconds=backtest.step_ms)
    bars.bar(
        [from_ms(at) for at in starts],
        [points[at].k for at in starts],
        width=width,
        color=COUNT,
        alpha=0.45,
        align="edge",
    )
    bars.set_ylabel("negatives", color=COUNT, fontsize=8)
    bars.tick_params(colors=COUNT, labelsize=7)
    band = sorted(usual)
    ax.fill_between(
        [from_ms(at) for at in band],
        [usual[at].low for at in band],
        [usual[at].high for at in band],
        color=BAND,
        step="post",
    )
    seen = [at for at in starts if points[at].n >= LEAST_N]
    ax.plot([from_ms(at) for at in seen], [points[at].k / points[at].n for at in seen], color=SHARE, linewidth=0.9)
    ax.set_zorder(bars.get_zorder() + 1)
    ax.patch.set_visible(False)
    ax.set_ylim(0, 1)
    ax.set_title(normalise(name), loc="left", fontsize=9, fontweight="bold", parse_math=False)
    ax.tick_params(labelsize=7)
    for alert in told:
        _shade(ax, name, alert)


def _shade(ax: Any, name: str, alert: Alert) -> None:
    for begins in _onsets(name, alert):
        colour = COLOURS[alert.severity]
        until = alert.at if alert.state == "resolved" else max(alert.at, begins)
        ax.axvspan(begins, until, color=colour, alpha=0.13, linewidth=0)
        ax.axvline(begins, color=colour, linewidth=1.2)


def _onsets(name: str, alert: Alert) -> list[datetime]:
    own = [alert.onset] if alert.series == name else []
    return own + [member.onset for member in alert.members if member.series == name]
