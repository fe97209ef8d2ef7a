"""The pictures of a gate's report, as SVG to stand in a page: text stays text, nothing in it can run.

Names of slices and phrases come out of documents: they are never read as formulae, and the SVG writer escapes them. Without
matplotlib there are no pictures, and the page says so.

Examples:
    >>> intervals([Row("topic <b>", 900, value=0.02, low=0.01, high=0.03)], margin=-0.02).startswith("<svg")
    True
"""

import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec

from streamwatch.gating.report import Reliability, Row

INCUMBENT, CANDIDATE, BAD, QUIET = "#8a94a6", "#1d5fd1", "#b3261e", "#d5dae3"
NAME_CHARS = 46
STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "streamwatch", "text.parse_math": False, "font.family": "sans-serif", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#8a94a6", "xtick.color": "#4a5468",
    "ytick.color": "#1f2937",
}  # fmt: skip


Drawn = ParamSpec("Drawn")


def _styled(draw: Callable[Drawn, Any]) -> Callable[Drawn, str]:
    """The picture that `draw` makes, in our style: a style holds for what is made under it, and is no setting of the process."""

    @wraps(draw)
    def drawn(*arguments: Drawn.args, **named: Drawn.kwargs) -> str:
        import matplotlib as mpl

        with mpl.rc_context(STYLE):
            return _svg(draw(*arguments, **named))

    return drawn


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


@_styled
def intervals(rows: Sequence[Row], margin: float | None) -> Any:
    """Differences with their bounds, in points; `margin` is where a loss begins to refuse."""
    shown = [row for row in rows if row.value is not None and row.low is not None and row.high is not None]
    figure, ax = _figure(7.2, 0.7 + 0.34 * len(shown))
    for place, row in enumerate(reversed(shown)):
        colour = BAD if row.failed else CANDIDATE
        ax.plot([100 * (row.low or 0), 100 * (row.high or 0)], [place, place], color=colour, linewidth=2.2)
        ax.plot([100 * (row.value or 0)], [place], "o", color=colour, markersize=5.5)
    ax.axvline(0, color=INCUMBENT, linewidth=1)
    if margin:
        ax.axvline(100 * margin, color=BAD, linewidth=1, linestyle=(0, (4, 3)))
    _names(ax, [f"{_short(row.name)} ({row.n:,})" for row in reversed(shown)])
    ax.set_xlabel("candidate minus incumbent, points; 90 % interval")
    return figure


@_styled
def bars(rows: Sequence[Row], label: str) -> Any:
    """Shares of the incumbent and of the candidate, side by side."""
    shown = [row for row in rows if row.candidate is not None]
    figure, ax = _figure(7.2, 0.8 + 0.46 * len(shown))
    for place, row in enumerate(reversed(shown)):
        colour = BAD if row.failed else CANDIDATE
        ax.barh(place + 0.19, 100 * (row.incumbent or 0), 0.34, color=INCUMBENT)
        ax.barh(place - 0.19, 100 * (row.candidate or 0), 0.34, color=colour)
    _names(ax, [_short(row.name) for row in reversed(shown)])
    ax.set_xlabel(f"{label}, %: incumbent grey, candidate blue or red")
    return figure


@_styled
def reliability(tasks: dict[str, Reliability]) -> Any:
    """Stated confidence against the share that is right, a panel for each task."""
    figure, axes = _panels(len(tasks))
    for ax, (task, bins) in zip(axes, sorted(tasks.items()), strict=True):
        ax.plot([0, 1], [0, 1], color=QUIET, linewidth=1)
        for name, of_model, colour in (
            ("incumbent", bins.incumbent, INCUMBENT),
            ("candidate", bins.candidate, CANDIDATE),
        ):
            x, y = [one[0] for one in of_model], [one[1] for one in of_model]
            ax.plot(x, y, "o-", color=colour, label=name, markersize=3.5, linewidth=1.2)
        ax.set_title(task, loc="left", fontsize=9)
        ax.set_xlabel("stated probability")
        ax.set_xlim(0, 1.02)
        ax.set_ylim(0, 1.02)
        ax.set_aspect("equal")
    axes[0].set_ylabel("share that is right")
    axes[0].legend(frameon=False, loc="upper left")
    return figure


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _panels(n: int) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.5 * n, 3.4), layout="constrained")
    return figure, list(figure.subplots(1, n, squeeze=False)[0])


def _names(ax: Any, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=QUIET, linewidth=0.6)
    ax.set_axisbelow(True)


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 1]}…"


def _svg(figure: Any) -> str:
    """The drawing alone: no XML header, no date in it, so that the same report gives the same page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    drawn = out.getvalue()
    return drawn[drawn.index("<svg") :]
