"""Who speaks: enough different texts, and not one author above all."""

from streamwatch.alerting.voices import Voice
from streamwatch.alerting.witnesses import KEPT, SHOWN, Witnesses
from streamwatch.timeline import HOUR_MS


def ring_of(*authors, copies=1):
    ring = Witnesses()
    for i, author in enumerate(authors):
        ring.add(Voice(f"t{i}", "negative", ("all",), author, i % 3, i, copies), 1000 * i)
    return ring


def test_five_texts_without_known_authors_convince():
    assert ring_of(*[""] * 5).convincing(0)
    assert not ring_of(*[""] * 4).convincing(0)


def test_one_author_alone_does_not_convince_however_much_is_written():
    assert not ring_of(*["ann"] * 50).convincing(0)
    assert len(ring_of("bob", "cid", *["ann"] * 8).ring) == 4


def test_one_author_for_hours_does_not_convince_either():
    ring = Witnesses()
    for i in range(40):
        ring.add(Voice(f"t{i}", "negative", ("all",), "ann", 0, i, 1), i * HOUR_MS // 4)
    assert ring.summary(0).n_distinct_texts == 20
    assert not ring.convincing(0)


def test_many_authors_convince():
    assert ring_of("ann", "ann", "bob", "cid", "dee").convincing(0)


def test_only_voices_of_the_window_count():
    assert not ring_of(*[""] * 10).convincing(since_ms=6000)


def test_the_ring_is_bounded_and_references_are_too():
    ring = ring_of(*[""] * 200)
    assert len(ring.ring) == KEPT
    assert len(ring.references(0)) == SHOWN


def test_references_show_each_author_before_any_twice():
    shown = ring_of("bob", "cid", "ann", "ann").references(0)
    assert [ref.offset for ref in shown] == [3, 1, 0, 2]


def test_later_copies_are_counted_and_are_no_voices():
    ring = ring_of("ann", "bob")
    assert ring.amplify("t0", 5)
    assert not ring.amplify("unknown", 5)
    assert (ring.summary(0).n_copies, ring.summary(0).n_distinct_texts) == (5, 2)
