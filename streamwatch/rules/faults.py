"""What is wrong with a rules file: every fault with its line.

Examples:
    >>> str(RulesError("rules.yml", [Fault(12, "`fro` is no key of a rule: did you mean `for`?"), Fault(15, "…")]))
    'rules.yml:12: `fro` is no key of a rule: did you mean `for`? (and 1 more: streamwatch rules check rules.yml)'
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

from streamwatch.errors import ConfigError

SHOWN_CHARS = 80


class Fault(Exception):
    """One fault, at a line that counts from 1."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line

    @property
    def faults(self) -> tuple["Fault", ...]:
        """The single faults."""
        return (self,)


class Faults(Fault):
    """Several of them: a reader goes on after the first, so that one look at the file mends it all."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].line, str(faults[0]))
        self._faults = tuple(faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The single faults."""
        return self._faults


@contextmanager
def collected(faults: list[Fault]) -> Iterator[None]:
    """Put what the block raises into `faults` and go on after it."""
    try:
        yield
    except Fault as error:
        faults.extend(error.faults)


class RulesError(ConfigError):
    """A rules file that is refused. One line; `lines` has one for each fault, `faults` the same without the file's name."""

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        ordered = sorted(faults, key=lambda fault: fault.line)
        self.faults = tuple((fault.line, str(fault)) for fault in ordered)
        self.lines = tuple(f"{name}:{fault.line}: {fault}" for fault in ordered)
        more = f" (and {len(self.lines) - 1} more: streamwatch rules check {name})" if len(self.lines) > 1 else ""
        super().__init__(self.lines[0] + more)


def shown(value: str) -> str:
    """A value of the file in a message: one line, not too long, what was meant in between quotes."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…'"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` did you mean X?`, or what there is.

    >>> did_you_mean("lables", ["labels", "routes"]), did_you_mean("zzz", ["labels", "routes"])
    (' did you mean `labels`?', ' there are labels, routes')
    """
    names = list(known)
    close = get_close_matches(word, names, n=1)
    return f" did you mean `{close[0]}`?" if close else f" there are {', '.join(names)}"
