"""Which document a labeller is given next.

First come documents that nobody has answered, then those where a second opinion is worth most: what two people differ on,
and uniformly drawn ones, since the gate rests on these. What teaches most (novel, then most in doubt) goes first, but every
third document is a uniformly drawn one, so that the gate's part is labelled as the rest is and nobody sees hard cases alone.

Examples:
    >>> from streamwatch.labelling.answers import Answers
    >>> from streamwatch.labelling.examples import answer, sample
    >>> drawn = [sample("u"), sample("m", drawn_as="margin"), sample("n", drawn_as="novel")]
    >>> [one.id for one in in_order(drawn, Answers(), "ana")]
    ['n', 'm', 'u']
    >>> [one.id for one in in_order(drawn, Answers([answer("n", "ana"), answer("u", "ben")]), "ana")]
    ['m', 'u']
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from streamwatch.labelling.answers import Answers, Labelled
from streamwatch.labelling.chance import doubt
from streamwatch.labelling.leases import Leases
from streamwatch.records import DriftSample

HOT_IN_A_ROW = 2
"""Novel and uncertain documents between two uniform ones."""
OPINIONS = 2
"""Answers that a uniformly drawn document should have; one more where they differ."""
AT_ONCE = 50
"""Documents whose leases are asked for in one call."""


def next_document(
    samples: Iterable[DriftSample], answers: Answers, leases: Leases, labeller: str
) -> DriftSample | None:
    """The next document for a labeller, leased to them for ten minutes; None where there is none.

    What they have on lease already and have not answered comes first: a page that is loaded again shows the same.
    """
    waiting = iter(in_order(samples, answers, labeller))
    while some := list(islice(waiting, AT_ONCE)):
        holders = leases.holders([one.id for one in some])
        mine = [one for one in some if holders.get(one.id) == labeller]
        for one in (*mine, *(one for one in some if one.id not in holders)):
            if leases.take(one.id, labeller):
                return one
    return None


def in_order(samples: Iterable[DriftSample], answers: Answers, labeller: str) -> Iterator[DriftSample]:
    """All that the labeller may be given, best first. Whether they are leased is not asked here."""
    waiting, second = [], []
    for one in samples:
        said = answers.get(one.id)
        if said is None:
            waiting.append(one)
        elif _wants_more(one, said) and not any(answer.labeller == labeller for answer in said.answers):
            second.append(one)
    n_done = sum(1 for said in answers if any(answer.labeller == labeller for answer in said.answers))
    yield from mixed(waiting, n_done)
    yield from mixed(second, n_done)


def _wants_more(sample: DriftSample, said: Labelled) -> bool:
    if said.withdrawn:
        return False
    if said.conflicts:
        return len(said.answers) <= OPINIONS
    return sample.drawn_as == "uniform" and len(said.answers) < OPINIONS


def mixed(samples: Sequence[DriftSample], n_done: int = 0) -> Iterator[DriftSample]:
    """Two that teach most, one uniform, and so on; while one kind is left alone, that kind.

    Args:
        n_done: how many the labeller has done, which says whose turn it is.
    """
    hot = sorted((one for one in samples if one.drawn_as != "uniform"), key=_by_use)
    plain = sorted((one for one in samples if one.drawn_as == "uniform"), key=_newest_first)
    hot_turn, plain_turn = iter(hot), iter(plain)
    for turn in range(n_done, n_done + 2 * len(samples) + HOT_IN_A_ROW + 1):
        found = next(plain_turn if turn % (HOT_IN_A_ROW + 1) == HOT_IN_A_ROW else hot_turn, None)
        if found is not None:
            yield found
    yield from hot_turn
    yield from plain_turn


def _by_use(sample: DriftSample) -> tuple[bool, int, float, str]:
    return sample.drawn_as != "novel", -doubt(sample.prediction), *_newest_first(sample)


def _newest_first(sample: DriftSample) -> tuple[float, str]:
    return -sample.published_at.timestamp(), sample.id
