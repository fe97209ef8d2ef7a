"""A text and what is known of it: the one shape in which answers, replay and the stream meet.

Examples:
    >>> one = KnownText(id="a", text="Delta is late, says @jo", published_ms=0, origin="answers", sentiment="negative")
    >>> one.read, one.is_labelled
    ('Delta is late, says @user', True)
    >>> id_hash("a") == id_hash("a") != id_hash("b")
    True
"""

from typing import Literal

import msgspec

from streamwatch.text.clean import model_text, text_hash
from streamwatch.timeline import from_ms

Origin = Literal["answers", "replay", "stream"]

SALT = "past"
"""Goes before an id when it is hashed to draw by: the queue and the detectors draw by hashes of their own."""


class KnownText(msgspec.Struct, frozen=True, kw_only=True):
    """A redacted text with the labels that people gave it; an empty label was given by nobody.

    Args:
        reading: `market` or `customer`: for whom the sentiment holds; empty where nobody could tell.
        uniform: whether a draw took it in which every document had the same chance: figures rest on such alone.
        weight: its part in the loss.
        origin: `answers` are fresh, `replay` was learned before, of `stream` the model alone speaks.
    """

    id: str
    text: str
    published_ms: int
    origin: Origin
    source: str = ""
    author_hash: str = ""
    topic: str = ""
    sentiment: str = ""
    reading: str = ""
    uniform: bool = False
    weight: float = 1.0

    @property
    def read(self) -> str:
        """The text as the model reads it."""
        return model_text(self.text)

    @property
    def is_labelled(self) -> bool:
        """Whether somebody said anything of it that can be learned."""
        return bool(self.topic or self.sentiment)

    @property
    def month(self) -> str:
        """When it was published, as `2026-01`."""
        return f"{from_ms(self.published_ms):%Y-%m}"

    @property
    def label(self) -> str:
        """What it is an example of: `topic/sentiment`, a dash where one was not said."""
        return f"{self.topic or '-'}/{self.sentiment or '-'}"

    def said(self, task: str) -> str:
        """Its label of a task; empty where it has none."""
        return {"topic": self.topic, "sentiment": self.sentiment}.get(task, "")


def id_hash(document_id: str) -> str:
    """64 bits of a document's id: what stays of it when it is forgotten, and what draws go by."""
    return text_hash(f"{SALT}\x1f{document_id}")
