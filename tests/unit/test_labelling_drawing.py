"""Which documents people see: the same in every run, within the budget, and unbiased for the stream."""

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from math import sqrt
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from streamwatch.alerting.voices import Voice, voices
from streamwatch.labelling.chance import ABSTAINED, CERTAIN, doubt, draw_number
from streamwatch.labelling.drawing import CANDIDATES, Draw, Drawing, DrawingConfig
from streamwatch.labelling.estimates import shares, totals
from streamwatch.labelling.examples import PREDICTION
from streamwatch.labelling.novelty import farthest_first
from streamwatch.labelling.rarity import MOST_TOPICS, Rarity, faded
from streamwatch.labelling.rates import ALL_ALIKE, WEIGHTS, Budget, Hour, margin_scale, p_margin
from streamwatch.labelling.recent import AUTHORS, REMEMBERED, Authors, Copies
from streamwatch.records import Label, Prediction
from streamwatch.text.clean import model_text, stored_text, text_hash
from streamwatch.text.signature import alike, signature
from streamwatch.timeline import HOUR_MS
from streamwatch.trends.entry import Entry

CONFIG = DrawingConfig(per_hour=20, uniform_share=0.25, per_author=4, novel_per_hour=5)
BUCKET_MS = 10_000
DATA = os.environ.get("STREAMWATCH_DATA")
Buckets = list[tuple[int, list[Voice]]]


def voice(n: int, salt: str = "", author: str = "", unsure: int = 100, mark: int = 0, topic: str = "") -> Voice:
    """The voice of document n."""
    series = ("all", f"topic:{topic}") if topic else ("all",)
    return Voice(f"t{n:08d}", "neutral", series, author, 0, n, 1, mark, draw=draw_number(f"d{n}", salt), doubt=unsure)


def topic_of(n: int) -> str:
    """Of a hundred documents 70 have a frequent topic, 25 none, 4 a rarer and one a rare one."""
    return ["frequent", "", "rarer", "rare"][(n % 100 >= 70) + (n % 100 >= 95) + (n % 100 == 99)]


def hours(sizes: Sequence[int], salt: str = "", unsure: int = 100) -> Buckets:
    """So many documents in each hour, six buckets of them."""
    buckets, n = [], 0
    for hour, size in enumerate(sizes):
        for part in range(6):
            some = [
                voice(i, salt, unsure=unsure, topic=topic_of(i))
                for i in range(n + size * part // 6, n + size * (part + 1) // 6)
            ]
            buckets.append((hour * HOUR_MS + part * 60 * BUCKET_MS, some))
        n += size
    return buckets


def drawn(buckets: Buckets, config: DrawingConfig = CONFIG) -> list[Draw]:
    """Everything that one run draws."""
    drawing = Drawing(config)
    return [draw for start_ms, some in buckets for draw in drawing.draw(start_ms, some)]


# -- the same draws


@given(cut=st.integers(0, 18), data=st.randoms())
@settings(max_examples=20, deadline=None)
def test_a_crash_and_the_order_within_a_bucket_change_no_draw(cut: int, data: random.Random) -> None:
    buckets = hours([300, 500, 100])
    wanted = drawn(buckets)
    shuffled = [(start_ms, data.sample(some, len(some))) for start_ms, some in buckets]
    first = Drawing(CONFIG)
    found = [draw for start_ms, some in shuffled[:cut] for draw in first.draw(start_ms, some)]
    again = Drawing(CONFIG, first.state)
    found += [draw for start_ms, some in shuffled[cut:] for draw in again.draw(start_ms, some)]
    assert found == wanted


def test_other_partitions_draw_the_same_documents() -> None:
    def entries(n_partitions: int) -> Iterator[Entry]:
        for n in range(3 * 200):  # three copies of each text, two of them by nobody known
            place = (n % n_partitions, n // n_partitions)
            text, author = f"t{n % 200}", "ana" if n < 200 else ""
            yield Entry(text, "neutral", ("all",), author, *place, draw=draw_number(f"d{n}", ""), doubt=n % 256)

    def ids(n_partitions: int) -> set[int]:
        found = Drawing(CONFIG).draw(0, voices(entries(n_partitions)))
        return {one.offset * n_partitions + one.partition for one in found}

    assert ids(1) == ids(4) == ids(7)


def test_the_salt_draws_others() -> None:
    assert drawn(hours([2000])) != drawn(hours([2000], salt="ours"))


# -- the budget


@pytest.mark.parametrize("unsure", [30, 100, 255])
def test_an_hour_like_the_one_before_brings_what_the_budget_says(unsure: int) -> None:
    counts = Counter[int]()
    for salt in range(20):
        counts.update(draw.offset // 3000 for draw in drawn(hours([3000] * 4, str(salt), unsure)))
    for hour in (1, 2, 3):
        assert counts[hour] / 20 == pytest.approx(20, abs=4 * sqrt(20 / 20))


def test_an_hour_that_is_ten_times_as_large_brings_little_more() -> None:
    n = [sum(draw.offset >= 500 for draw in drawn(hours([500, 5000], str(salt)))) for salt in range(20)]
    assert sum(n) / 20 < 20 * 4  # 1 + ln 10 = 3.3 times the budget, and not ten times


def test_the_first_documents_of_all_are_drawn_at_once_and_a_flood_in_the_first_bucket_is_not() -> None:
    assert len(drawn([(0, [voice(n) for n in range(5)])])) == 5
    assert len(drawn([(0, [voice(n) for n in range(20_000)])])) < 20 * 12  # 1 + ln 1000 = 8


def test_nothing_is_drawn_where_the_budget_is_none() -> None:
    assert drawn(hours([100]), CONFIG._replace(per_hour=0)) == []


def test_doubt_draws_more_and_every_document_has_the_uniform_chance() -> None:
    buckets = [(start, [one if one.offset % 2 else voice(one.offset, unsure=200) for one in some])
               for start, some in hours([2000] * 20, unsure=20)]  # fmt: skip
    found = drawn(buckets)
    assert {draw.drawn_as for draw in found} == {"uniform", "margin"}
    sure, unsure = ([d for d in found if d.offset % 2 == odd and d.offset > 4000] for odd in (1, 0))
    assert len(unsure) > 2 * len(sure)
    assert all(draw.p >= draw.p_uniform == pytest.approx(5 / 2000) for draw in (*sure, *unsure))


@given(
    st.dictionaries(st.integers(0, 255), st.integers(1, 10_000), min_size=1, max_size=40),
    st.floats(0.1, 1000),
)
def test_the_scale_meets_the_budget(doubts: dict[int, int], budget: float) -> None:
    weights = {WEIGHTS[unsure]: n for unsure, n in doubts.items()}
    scale = margin_scale(weights, budget)
    expected = sum(n * p_margin(weight, scale) for weight, n in weights.items())
    assert expected == pytest.approx(min(budget, sum(n for unsure, n in doubts.items() if unsure)))


def test_scales_are_found_again_as_an_hour_grows() -> None:
    hour = Hour(0)
    for n in range(400):
        hour.count(128)
        scale = hour.find_scale(Budget(5, 15).margin, ALL_ALIKE)
        assert n < 15 or 14.99 <= scale * (n + 1) * WEIGHTS[128] <= 15 * 1.07  # one more than a twentieth of few


# -- rare topics


def test_a_rare_topic_is_drawn_more_and_one_that_was_never_seen_is_not() -> None:
    buckets = [
        (
            start,
            [voice(v.offset, topic="new", unsure=100) if start >= HOUR_MS and v.offset % 100 < 10 else v for v in some],
        )
        for start, some in hours([2000, 2000])
    ]
    late = [draw for draw in everything(buckets) if draw.offset >= 3900]  # in the hour that follows
    margin = {draw.offset: 1 - (1 - draw.p) / (1 - draw.p_uniform) for draw in late}
    frequent, rare, new = margin[3950], margin[3999], margin[3905]
    assert rare == pytest.approx(frequent * sqrt((1 + 1400) / (1 + 20)), rel=0.1)  # the scale moves a little meanwhile
    assert new == pytest.approx(frequent, rel=0.1)


def everything(buckets: Buckets) -> list[Draw]:
    """All documents with their π, drawn or not: as if each had been drawn by the smallest number."""
    return drawn([(start, [structs.replace(one, draw=0) for one in some]) for start, some in buckets])


def test_what_was_rare_for_a_while_is_forgotten_at_last_and_topics_have_a_bound() -> None:
    past = faded({}, {f"t{n:03d}": n + 1 for n in range(2 * MOST_TOPICS)})
    assert len(past) == MOST_TOPICS and f"t{2 * MOST_TOPICS - 1}" in past
    once = faded({}, {"once": 1, "": 50})
    n_hours = 0
    while once:
        once, n_hours = faded(once, {}), n_hours + 1
    assert n_hours == 23
    assert Rarity({}).of("any") == 1.0


def test_an_hour_counts_many_invented_topics_as_none() -> None:
    hour = Hour(0)
    for n in range(10 * MOST_TOPICS):
        hour.count(255, f"invented {n}")
    assert len(hour.doubts) <= MOST_TOPICS + 1
    assert sum(hour.topics.values()) == hour.n


# -- doubt


def test_abstention_only_raises_doubt() -> None:
    unclear = Prediction(topic=Label(label="unclear", p=0.99), sentiment=PREDICTION.sentiment, model="m")
    assert doubt(unclear) == doubt(PREDICTION)  # the sentiment is the more doubtful already
    sure = Prediction(topic=Label(label="unclear", p=1.0), sentiment=_sure(), model="m")
    assert doubt(sure) == ABSTAINED
    assert doubt(Prediction(topic=Label(label="unclear", p=1.0), sentiment=None, model="m")) == CERTAIN
    assert doubt(Prediction(topic=Label(label="earnings", p=1.0), sentiment=_sure(), model="m")) == CERTAIN


def _sure() -> object:
    import msgspec

    return msgspec.structs.replace(PREDICTION.sentiment, p=1.0)


# -- near copies and authors


@given(
    st.lists(st.sampled_from([0, 0x01020304, 0x01020305, 0x03020407, 0x05060708, 0x00000908, 0x00000809]), max_size=60)
)
def test_what_is_alike_is_thinned_together(marks: list[int]) -> None:
    copies, before = Copies(), Counter[int]()
    for mark in marks:
        before[mark] += 1
        n_most = sum(n for other, n in before.items() if alike(mark, other))
        thinned = copies.thinning(mark, p=1.0)
        # Three places may be shared with some and other three with others: between those of its own and all that are alike.
        assert thinned == 1.0 or n_most**-2 - 1e-9 <= thinned <= before[mark] ** -2 + 1e-9
        assert thinned < 1.0 or not mark or before[mark] == 1


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.floats(0, 1)), max_size=400), st.integers(0, 400))
@settings(deadline=None)
def test_a_crash_changes_no_thinning(documents: list[tuple[int, float]], cut: int) -> None:
    whole, first = Copies(), Copies()
    wanted = [whole.thinning(*one) for one in documents]
    found = [first.thinning(*one) for one in documents[:cut]]
    again = Copies(list(first))
    assert found + [again.thinning(*one) for one in documents[cut:]] == wanted
    assert len(list(whole)) <= REMEMBERED


def test_a_wave_of_near_copies_brings_two_at_most() -> None:
    copies = Copies()
    assert sum(copies.thinning(0x01020300 + n % 200 + 1, p=1.0) for n in range(5000)) < 2 + 5000 / REMEMBERED**2
    # A wave that lasts goes on with a document of π = 1 in each forty thousand.


def test_an_author_brings_at_most_what_is_allowed_however_many_documents_there_are() -> None:
    for p in (1.0, 0.1, 0.01):
        authors = Authors(per_hour=4)
        thinned = [p * authors.thinning("flood", p) for _ in range(20_000)]
        assert sum(thinned) <= 4
        assert min(thinned) > 0  # and none of them is out of the question
    assert Authors(per_hour=4).thinning("", 1.0) == 1.0


def test_a_flood_is_thinned_in_the_draw() -> None:
    flood = [voice(n, author="flood") for n in range(5000)]
    others = [voice(n, author=f"a{n}") for n in range(5000, 6000)]
    assert sum(draw.offset < 5000 for draw in drawn([(0, [*flood, *others])])) <= 12  # 4 are expected at most


def test_only_busy_authors_are_remembered() -> None:
    authors = Authors(per_hour=4)
    for n in range(5 * AUTHORS):
        authors.thinning("busy", 0.1)
        authors.thinning(f"a{n}", 0.01)
    assert len(authors.sums) <= 2 * AUTHORS
    assert authors.sums["busy"] == pytest.approx(0.1 * 5 * AUTHORS)


# -- novel ones


def test_the_farthest_are_picked_first_and_known_ones_never() -> None:
    def point(x: int) -> bytes:
        return x.to_bytes(1, "big", signed=True) * 64

    assert farthest_first([point(x) for x in (0, 5, 100, 98, -90)], [point(0)], 3) == [2, 4, 1]
    assert farthest_first([point(7), point(7)], [], 2) == [0]
    assert farthest_first([], [point(0)], 2) == farthest_first([point(3)], [], 0) == []


def test_candidates_are_those_that_were_not_drawn_and_come_when_their_hour_is_over() -> None:
    drawing = Drawing(CONFIG)
    found = drawing.draw(0, [voice(n) for n in range(3000)], drifting=True)
    assert drawing.take_candidates(BUCKET_MS) == []
    again = Drawing(CONFIG, drawing.state)
    candidates = again.take_candidates(HOUR_MS)
    assert len(candidates) == CANDIDATES
    assert {one.drawn_as for one in candidates} == {"novel"}
    assert not {one.offset for one in candidates} & {one.offset for one in found}
    assert again.take_candidates(HOUR_MS) == []
    calm = Drawing(CONFIG)
    calm.draw(0, [voice(n) for n in range(3000)])
    assert calm.take_candidates(HOUR_MS) == []


def test_a_state_of_another_version_begins_anew() -> None:
    import msgspec

    other = Drawing(CONFIG, msgspec.msgpack.encode([99, "what", "ever"]))
    assert other.draw(0, [voice(1)]) == Drawing(CONFIG).draw(0, [voice(1)])


# -- estimates, on what people really wrote


@cache
def _posts(name: str) -> tuple[tuple[str, str], ...]:
    """Text as the model reads it, and class."""
    folder = Path(DATA or "")
    if name == "stocknet":
        table = pd.read_csv(folder / "stream" / "stocknet_2014_2016.csv.gz", nrows=6000)
        pairs = zip(table.text, table.ticker, strict=True)
    else:
        table = pd.read_csv(folder / "topic" / "twitter_financial_train.csv").sample(3000, random_state=1)
        pairs = zip(table.text, table.label, strict=True)
    return tuple({model_text(stored_text(text)): kind for text, kind in pairs}.items())


@pytest.mark.skipif(not DATA, reason="STREAMWATCH_DATA is not set")
@pytest.mark.parametrize("name", ["stocknet", "topics"])
def test_shares_estimated_from_the_queue_are_those_of_the_stream(name: str) -> None:
    posts = _posts(name)
    true = Counter(kind for _, kind in posts)
    biased = Counter[str]()
    estimated: dict[str, list[float]] = {kind: [] for kind in true}
    for salt in range(60):
        found = [
            (draw, posts[draw.offset][1]) for draw in drawn(_stream(posts, str(salt)), CONFIG._replace(per_hour=60))
        ]
        sums = totals([(kind, 1 / draw.p) for draw, kind in found])
        biased.update(kind for _, kind in found)
        for kind, runs in estimated.items():
            runs.append(sums.get(kind, 0.0))
    checked = 0
    for kind, runs in estimated.items():
        mean = sum(runs) / len(runs)
        error = sqrt(sum((run - mean) ** 2 for run in runs) / (len(runs) - 1) / len(runs))
        if true[kind] >= 100:
            checked += 1
            assert abs(mean - true[kind]) < 4 * error, kind
    assert checked >= 5
    unsure = max(true, key=lambda kind: biased[kind] / true[kind] if true[kind] >= 100 else 0)
    raw, real = biased[unsure] / biased.total(), true[unsure] / true.total()
    assert raw > 1.2 * real, "without weights the queue misleads, or this test shows nothing"


def _stream(posts: Sequence[tuple[str, str]], salt: str) -> Buckets:
    """An hour for each 500 posts. The model is the less sure the more often a class's name is hashed high, so that π depends
    on the class, and a tenth is written by one author."""
    buckets: Buckets = []
    for n, (text, kind) in enumerate(posts):
        if n % 50 == 0:
            buckets.append((n // 500 * HOUR_MS + n % 500 // 50 * BUCKET_MS, []))
        unsure = int(text_hash(kind)[:2], 16) // 2 + n % 100
        author = "one" if n % 10 == 0 else f"a{n}"
        buckets[-1][1].append(
            Voice(
                text_hash(text),
                "neutral",
                ("all", f"topic:{kind}"),
                author,
                0,
                n,
                1,
                signature(text),
                0,
                draw_number(f"d{n}", salt),
                unsure,
            )
        )
    return buckets


def test_the_error_of_a_share_is_as_large_as_shares_differ() -> None:
    runs = []
    draws = random.Random(3)
    for _ in range(300):
        weighted = [("a" if n % 4 == 0 else "b", 1 / p) for n in range(2000)
                    if draws.random() < (p := 0.05 if n % 3 else 0.2)]  # fmt: skip
        runs.append(shares(weighted)["a"])
    mean = sum(run.share for run in runs) / len(runs)
    spread = sqrt(sum((run.share - mean) ** 2 for run in runs) / len(runs))
    assert mean == pytest.approx(0.25, abs=0.01)
    assert sum(run.error for run in runs) / len(runs) == pytest.approx(spread, rel=0.2)
