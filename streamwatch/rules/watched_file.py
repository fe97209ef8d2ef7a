"""A rules file that is looked at again and again: new content that is good is taken, anything else leaves what holds.

What counts is the content, not the file's time, and content counts when two looks in a row have found the same: the first
half of a file that is being written may be good rules by itself.

Examples:
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "rules.yml"
    >>> watched = RulesFile(path)
    >>> _ = path.write_text("rules: [{name: a, series: all}]")
    >>> watched.load().rules[0].name, watched.poll() is None
    ('a', True)
    >>> _ = path.write_text("rules: [{name: a, seri")
    >>> watched.poll(), watched.poll(), watched.current.rules[0].name, watched.refusal.partition("rules.yml")[2]
    (None, None, 'a', ":1: expected ',' or '}', but got '<stream end>'")
"""

import logging
from hashlib import sha256
from pathlib import Path

from streamwatch.config import Settings
from streamwatch.errors import ConfigError
from streamwatch.rules.reading import read_rules
from streamwatch.rules.rule_set import RuleSet
from streamwatch.rules.yaml_tree import MAX_FILE_BYTES

log = logging.getLogger(__name__)


class RulesFile:
    """The file at `path`. Nobody has to own it, and it need not exist: `poll` says what changed.

    Attributes:
        current: the newest rules that were good, None before the first.
        refusal: why what is there now is not taken, in one line; empty when it is.
    """

    def __init__(self, path: Path | str, settings: Settings | None = None) -> None:
        self.path = Path(path)
        self.current: RuleSet | None = None
        self.refusal = ""
        self._settings = settings
        self._seen = ""
        self._judged = ""
        self._raw, self._missing = b"", ""

    def poll(self) -> RuleSet | None:
        """The rules when the content is new, good and decides otherwise than `current`; else None.

        New content is judged when the next look finds it unchanged. What is refused is logged once for each content: at
        worst a line for each save, never one for each look.
        """
        before = self._seen
        self._look()
        return self._judge() if self._seen == before != self._judged else None

    def load(self) -> RuleSet:
        """The rules that are there now, for a start: there is nothing older to go on with. Raises `ConfigError`."""
        self._look()
        self._judge()
        if self.current is None or self.refusal:
            raise ConfigError(self.refusal)
        return self.current

    def _look(self) -> None:
        """Read the file; `_seen` is a hash of what is there, or of why nothing is."""
        try:
            self._raw, self._missing = read_file(self.path), ""
        except OSError as error:
            self._raw, self._missing = b"", f"{self.path}: cannot be read ({error.strerror})"
        self._seen = sha256(self._raw + self._missing.encode()).hexdigest()

    def _judge(self) -> RuleSet | None:
        self._judged = self._seen
        try:
            if self._missing:
                raise ConfigError(self._missing)
            found = read_rules(self._raw, self._settings, str(self.path))
        except ConfigError as error:
            self.refusal = str(error)
            log.error("%s; %s", error, "the rules before it stay" if self.current else "there are no rules before it")
            return None
        self.refusal = ""
        if self.current is not None and found.digest == self.current.digest:
            return None
        self.current = found
        return found


def read_file(path: Path) -> bytes:
    """The content, or one byte more than is taken of it: an endless file is refused and not read to its end.

    Raises `OSError`.
    """
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def rules_file(settings: Settings) -> RulesFile | None:
    """The file that the setting `rules` names, None where it names none."""
    return RulesFile(settings.rules, settings) if settings.rules else None
