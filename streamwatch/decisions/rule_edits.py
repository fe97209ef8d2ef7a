"""Rules that people made beside those of the file, folded from their edits: of several made from the same revision one counts.

Two people may save the same rule in the same moment, through different processes. Both edits come into the channel, which
has one order for everybody: the first that was made from the revision that holds is taken, and the other is refused, by the
fold alone and so by all who fold. Whoever wrote an edit looks afterwards whether it was taken; that is how the second is told.

An edit has a key of its own, and so is never compacted away; a rule that was removed keeps its revision, so that an edit made
before the removal is not taken after it.

Examples:
    >>> from streamwatch.timeline import from_ms
    >>> def edit(id, based_on, by):
    ...     return RuleEdit(
    ...         id=id, name="banks", revision=based_on + 1, based_on=based_on, text="…", made_by=by, made_at=from_ms(0)
    ...     )
    >>> edits = RuleEdits()
    >>> [edits.apply(one) for one in (edit("a", 0, "ana"), edit("b", 0, "ben"), edit("a", 0, "ana"), edit("c", 1, "ben"))]
    [True, False, True, True]
    >>> edits.revision("banks"), edits.rule("banks").made_by, [one.id for one in edits.taken]
    (2, 'ben', ['a', 'c'])
"""

from streamwatch.records import RuleEdit


class RuleEdits:
    """The edits that were taken, in the order of the channel."""

    def __init__(self) -> None:
        self._current: dict[str, RuleEdit] = {}
        self._taken: dict[str, RuleEdit] = {}

    def copied(self) -> "RuleEdits":
        """All of it as it is now."""
        copy = RuleEdits()
        copy._current, copy._taken = dict(self._current), dict(self._taken)
        return copy

    def apply(self, edit: RuleEdit) -> bool:
        """Count one record; whether it is taken. One that comes a second time is what it was the first time."""
        if self.has_taken(edit):
            return True
        held = self.revision(edit.name)
        if edit.based_on != held or edit.revision != held + 1:
            return False
        self._current[edit.name] = self._taken[edit.id] = edit
        return True

    def has_taken(self, edit: RuleEdit) -> bool:
        """Whether it counted when it came."""
        return self._taken.get(edit.id) == edit

    def revision(self, name: str) -> int:
        """What the next edit of the rule is based on; 0: there never was such a rule."""
        return self._current[name].revision if name in self._current else 0

    def newest(self, name: str) -> RuleEdit | None:
        """The last edit of a rule that was taken, also one that removed it."""
        return self._current.get(name)

    def rule(self, name: str) -> RuleEdit | None:
        """The rule as it is; None where there is none, or none any more."""
        found = self._current.get(name)
        return None if found is None or found.removed else found

    @property
    def rules(self) -> list[RuleEdit]:
        """The rules that there are, by when they were first made: the first that matches a series owns it."""
        return [one for one in self._current.values() if not one.removed]

    @property
    def taken(self) -> list[RuleEdit]:
        """Every edit that was taken, in order."""
        return list(self._taken.values())
