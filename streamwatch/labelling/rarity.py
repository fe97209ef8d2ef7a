"""How rare each topic was lately: what is seldom is learned from few examples, so an answer to it teaches more.

Documents of a topic are counted up to the beginning of the hour, those of earlier hours for less and less. So it is known
before a document of the hour is judged, and is a function of the log. A topic that was not known then gives no more weight than
the most frequent one: whoever invents topics gains nothing by it.

Examples:
    >>> past = faded({}, {"earnings": 399, "currencies": 3})
    >>> rarity = Rarity(past)
    >>> rarity.of("earnings"), rarity.of("currencies"), rarity.of("never seen")
    (1.0, 10.0, 1.0)
    >>> faded(past, {"earnings": 1})             # an hour later
    {'earnings': 350.125, 'currencies': 2.625}
"""

from collections.abc import Mapping

ROOT = 0.5
"""The power of the share that divides a weight. docs/labelling.md has what none and the whole share cost in labels; the root
leaves the weights of estimates more alike than the whole."""
FADE = 0.875
"""An hour's documents count so much in the next one: half of them are gone in five hours, a morning's in a day."""
FORGOTTEN = 0.05
"""Documents that are as good as none: one that was alone is remembered for 22 hours."""
MOST_TOPICS = 64
"""That are known: the shipped model has 20, and documents may come with topics of their own."""
NO_TOPIC = ""


class Rarity:
    """By topic, how much more an answer teaches than one to the most frequent topic: √((1 + n most) ÷ (1 + n)).

    Args:
        past: documents by topic, as `faded` has them; where there are none, all topics are alike.
    """

    def __init__(self, past: Mapping[str, float]) -> None:
        most = max(past.values(), default=0.0)
        self._factors = {topic: ((1 + most) / (1 + n)) ** ROOT for topic, n in past.items()}

    def of(self, topic: str) -> float:
        """The factor of a document's weight, at least 1."""
        return self._factors.get(topic, 1.0)


def faded(past: Mapping[str, float], hour: Mapping[str, int]) -> dict[str, float]:
    """What the next hour knows of the past, with an hour that is over: the most frequent topics.

    A document without a topic is of no rare one, so these are not counted.
    """
    sums = {topic: past.get(topic, 0.0) * FADE + hour.get(topic, 0) for topic in past.keys() | hour.keys()}
    kept = [(topic, n) for topic, n in sums.items() if topic != NO_TOPIC and n >= FORGOTTEN]
    return dict(sorted(kept, key=lambda pair: (-pair[1], pair[0]))[:MOST_TOPICS])
