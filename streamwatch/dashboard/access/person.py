"""Who asks: a name, a role, and how we know.

A viewer reads. An analyst also acknowledges, silences, judges and labels. An admin also makes rules, promotes models, gives
keys and replays dead letters. Each role may all that the one before it may.

Examples:
    >>> ana = Person(name="ana", role="analyst", verified=True, way="key", credential="key:k1")
    >>> ana.may("viewer"), ana.may("analyst"), ana.may("admin")
    (True, True, False)
"""

from dataclasses import dataclass
from typing import Literal, get_args

from streamwatch.records import Role

Way = Literal["loopback", "key", "oidc"]
"""How a person came in: from this machine without a log-in, by an API key, by the identity provider."""

ROLES: tuple[Role, ...] = get_args(Role)
"""From the least to the most."""

MAX_NAME_CHARS = 128
"""As long as `made_by` of a decision may be: every name can stand there."""


@dataclass(frozen=True)
class Person:
    """Somebody whom a request comes from.

    Attributes:
        verified: whether somebody vouches for the name: not on loopback, where it is what was typed.
        credential: what was shown: `key:<id>`, `session:<beginning of its hash>`, or empty on loopback. For limits and the
            audit trail; never the secret itself.
        csrf: the token that a page must repeat in the header `X-CSRF-Token` when it writes; empty where no cookie speaks.
    """

    name: str
    role: Role
    verified: bool
    way: Way
    credential: str = ""
    csrf: str = ""

    def may(self, needed: Role) -> bool:
        """Whether the role is as much as is needed, or more."""
        return ROLES.index(self.role) >= ROLES.index(needed)


def clean_name(text: str, otherwise: str, max_chars: int = MAX_NAME_CHARS) -> str:
    """A name that can be shown and recorded: printable, one line, of bounded length.

    >>> clean_name("  Ana\\nMaria\\x00 ", "analyst"), clean_name("\\t", "analyst")
    ('Ana Maria', 'analyst')
    """
    words = "".join(char if char.isprintable() else " " for char in text).split()
    return " ".join(words)[:max_chars].strip() or otherwise
