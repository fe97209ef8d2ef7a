"""Which model the running workers serve: all the same, and the one that the registry points at."""

from collections import Counter
from collections.abc import Iterator

import redis

from streamwatch.config import Settings
from streamwatch.doctor.finding import Finding, fail, ok, warn
from streamwatch.doctor.patience import redis_client
from streamwatch.inference.serving import Serving, read_notes


def check_serving(settings: Settings) -> Iterator[Finding]:
    """What the workers say of their models. Without Redis there is nothing to say: its own check tells of that."""
    with redis_client(settings) as client:
        try:
            notes = list(read_notes(client, settings.prefix))
        except redis.RedisError:
            return
    yield from judged(notes)


def judged(notes: list[Serving]) -> Iterator[Finding]:
    """The findings for what workers say.

    >>> [finding] = judged([Serving("a", "v1"), Serving("b", "v1", refusal="manifest.json is no JSON")])
    >>> finding.status, finding.saw
    ('fail', 'worker b goes on with v1: manifest.json is no JSON')
    >>> [(finding.status, finding.saw) for finding in judged([Serving("a", "v1"), Serving("b", "v2")])]
    [('warn', '1 serve v1, 1 serve v2')]
    >>> [(finding.status, finding.saw) for finding in judged([])]
    [('ok', 'no worker runs')]
    """
    refusing = [note for note in notes if note.refusal]
    for note in refusing:
        saw = f"worker {note.worker} goes on with {note.model}: {note.refusal}"
        yield fail("serving", saw, "`streamwatch models roll-back`, or promote another model")
    counts = Counter(note.model for note in notes)
    said = ", ".join(f"{n} serve {model}" for model, n in sorted(counts.items()))
    if len(counts) > 1:
        yield warn("serving", said, "an exchange takes some seconds; if it stays, restart the workers that lag behind")
    elif not refusing:
        yield ok("serving", said or "no worker runs")
