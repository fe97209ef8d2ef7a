"""What the labels of a file mean: their numbers, the names that a user maps, and the rows that are left out.

Examples:
    >>> labels = Labels(("negative", "neutral", "positive"), parse_label_map(["Bearish=negative,n/a="]))
    >>> labels.number("bearish", "row 1"), labels.number("Positive", "row 2"), labels.number("n/a", "row 3")
    (0, 2, None)
    >>> Labels(("negative", "neutral", "positive"), chosen=("negative", "positive")).names
    ('negative', 'positive')
"""

from collections.abc import Iterable, Mapping

from streamwatch.errors import ConfigError
from streamwatch.inference.engine import TOPICS, UNCLEAR, Engine
from streamwatch.records import SENTIMENTS

DEFAULT_LABELS: Mapping[str, tuple[str, ...]] = {"sentiment": SENTIMENTS, "topic": TOPICS}
"""Of engines that do not say what their heads tell apart."""


class Labels:
    """The labels that are scored, in the head's order; upper and lower case are the same.

    Args:
        known: all labels of the head.
        mapped: the file's label to a label of the head, or to the empty one: such rows are left out.
        chosen: only these are scored, rows with another label are left out; empty: all.

    Raises:
        ConfigError: `mapped` or `chosen` name a label that the head does not have, or `chosen` a single one.
    """

    def __init__(
        self, known: tuple[str, ...], mapped: Mapping[str, str] | None = None, chosen: tuple[str, ...] = ()
    ) -> None:
        self._known = known
        folded = {name.casefold(): name for name in known}
        wanted = {_one_of(folded, name, "--classes") for name in chosen} or set(known)
        if len(wanted) < 2:
            raise ConfigError("--classes: name two labels at least, or there is nothing to tell apart")
        self.names = tuple(name for name in known if name in wanted)
        pairs = {theirs.casefold(): _one_of(folded, ours, "--label-map") for theirs, ours in (mapped or {}).items()}
        self._means = {**folded, **pairs}
        self._numbers = {name: k for k, name in enumerate(self.names)}

    @property
    def all_known(self) -> bool:
        """Whether no label of the head is set aside."""
        return self.names == self._known

    def number(self, label: str, place: str) -> int | None:
        """The number of a file's label, None where its row is left out. Raises `ConfigError` for an unknown one."""
        meant = self._means.get(label.strip().casefold())
        if meant is None:
            shown = label.encode("ascii", "backslashreplace").decode()[:40]
            raise ConfigError(
                f"{place}: label '{shown}' is none of {', '.join(self._known)} (--label-map '{shown}'=… maps it)"
            )
        return self._numbers.get(meant)


def parse_label_map(options: Iterable[str]) -> dict[str, str]:
    """`theirs=ours` pairs, several to an option, separated as in `parse_names`. Raises `ConfigError`.

    >>> parse_label_map(["0=negative,1=positive", "2="])
    {'0': 'negative', '1': 'positive', '2': ''}
    """
    pairs = {}
    for part in (part for option in options for part in parse_names(option)):
        theirs, equals, ours = part.rpartition("=")
        if not equals:
            raise ConfigError(f"--label-map {part}: expected THEIRS=OURS")
        pairs[theirs.strip()] = ours.strip()
    return pairs


def parse_names(option: str) -> tuple[str, ...]:
    """Names separated by semicolons where there is one, since a topic's name may hold a comma; else by commas.

    >>> parse_names("negative,positive"), parse_names("earnings;gold, metals and materials")
    (('negative', 'positive'), ('earnings', 'gold, metals and materials'))
    """
    separator = ";" if ";" in option else ","
    return tuple(name.strip() for name in option.split(separator) if name.strip())


def head_labels(engine: Engine, task: str) -> tuple[str, ...]:
    """All labels of a head; for topics also `unclear`, which is said of texts that cannot be read, whatever the model.

    Raises `ConfigError` for a head that the engine does not have.

    >>> from streamwatch.inference.engine import NullEngine
    >>> head_labels(NullEngine(), "sentiment")
    ('negative', 'neutral', 'positive')
    """
    of_heads: Mapping[str, tuple[str, ...]] = getattr(engine, "labels", DEFAULT_LABELS)
    if task not in of_heads:
        raise ConfigError(f"--task {task}: the model has no such head; its heads are {', '.join(of_heads)}")
    return tuple(dict.fromkeys([*of_heads[task], *([UNCLEAR] if task == "topic" else [])]))


def _one_of(folded: Mapping[str, str], name: str, option: str) -> str:
    """The head's spelling of a name; empty stays empty."""
    if not name:
        return ""
    if name.casefold() not in folded:
        raise ConfigError(f"{option}: no label {name}; labels are {', '.join(folded.values())}")
    return folded[name.casefold()]
