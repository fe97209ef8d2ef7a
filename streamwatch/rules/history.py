"""Which rules held when. A change carries the bucket that it is effective from, so that a replay or a rebuild decides
as it was decided then.

Examples:
    >>> from streamwatch.rules.rule import Rule
    >>> old, new = RuleSet((Rule("old"),)), RuleSet((Rule("new"),))
    >>> history = RuleHistory().changed(new, 60_000).changed(old, 0)
    >>> [history.at(bucket_ms).rules[0].name for bucket_ms in (0, 50_000, 60_000, 90_000)]
    ['old', 'old', 'new', 'new']
    >>> RuleHistory().at(0) is None
    True
"""

from bisect import bisect_right

import msgspec

from streamwatch.rules.rule_set import RuleSet


class RuleHistory(msgspec.Struct, frozen=True):
    """Rule sets by the start of the first bucket that each decides, ascending.

    The order in which changes are told does not matter: the last word on a bucket is the one with the largest
    `effective_from_ms` at or before it.
    """

    changes: tuple[tuple[int, RuleSet], ...] = ()

    def at(self, bucket_ms: int) -> RuleSet | None:
        """The rules for the bucket that starts at `bucket_ms`; before the first change the first; None: no rules yet."""
        if not self.changes:
            return None
        i = bisect_right(self.changes, bucket_ms, key=lambda change: change[0])
        return self.changes[max(i - 1, 0)][1]

    def changed(self, rule_set: RuleSet, effective_from_ms: int) -> "RuleHistory":
        """The history with one more change; another one of the same moment is replaced."""
        others = {at_ms: rules for at_ms, rules in self.changes if at_ms != effective_from_ms}
        return RuleHistory(
            tuple(sorted((others | {effective_from_ms: rule_set}).items(), key=lambda change: change[0]))
        )

    def next_change_after(self, bucket_ms: int) -> int | None:
        """Start of the first bucket after `bucket_ms` that other rules decide; None: none is known."""
        return next((at_ms for at_ms, _ in self.changes if at_ms > bucket_ms), None)
