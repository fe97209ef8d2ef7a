"""Who speaks: enough different texts, and not one author above all."""

import msgspec

from streamwatch.alerting.voices import Voice
from streamwatch.alerting.witnesses import KEPT, Witnesses
from streamwatch.text.signature import signature
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
    assert len(ring.references(0)) == KEPT
    assert ring.references(0, at_most=5) == ring.references(0)[:5]


def test_references_show_each_author_before_any_twice():
    shown = ring_of("bob", "cid", "ann", "ann").references(0)
    assert [ref.offset for ref in shown] == [3, 1, 0, 2]


def test_later_copies_are_counted_and_are_no_voices():
    ring = ring_of("ann", "bob")
    assert ring.amplify("t0", 5)
    assert not ring.amplify("unknown", 5)
    assert (ring.summary(0).n_copies, ring.summary(0).n_distinct_texts) == (5, 2)


def says(*texts):
    """Each text by another author."""
    ring = Witnesses()
    for i, text in enumerate(texts):
        ring.add(Voice(f"t{i}", "negative", ("all",), f"author {i}", 0, i, 1, signature(text)), 1000 * i)
    return ring


CAMPAIGN = [f"Sell ACME now, their heaters burn houses down and they hide it {tail}" for tail in "abcdefghijkl"]
OTHERS = ["my heater smells", "no answer since Monday", "where is the recall", "refund please", "it caught fire again"]


def test_variations_of_one_text_by_many_authors_do_not_convince():
    seen = says(*CAMPAIGN).summary(0)
    assert (seen.n_distinct_texts, seen.n_distinct_authors, seen.n_groups) == (12, 12, 1)
    assert (seen.largest_text_share, seen.n_near_copies) == (1.0, 11)
    assert not says(*CAMPAIGN).convincing(0)


def test_a_campaign_does_not_convince_beside_some_other_voices():
    assert not says(*CAMPAIGN, *OTHERS).convincing(0)
    assert says(*CAMPAIGN[:4], *OTHERS).convincing(0)


def test_a_rule_says_how_much_one_text_or_author_may_be():
    assert says(*CAMPAIGN, *OTHERS).convincing(0, max_text_share=1.0)
    assert says(*CAMPAIGN).convincing(0, min_texts=1, max_text_share=1.0)
    assert not says(*OTHERS).convincing(0, min_texts=6)
    assert ring_of("ann", "ann", "bob").convincing(0, min_texts=3, max_author_share=0.7)
    assert not ring_of("ann", "ann", "bob").convincing(0, min_texts=3, max_author_share=0.6)


def test_texts_without_a_signature_are_each_their_own():
    assert says("...", "!!!", "1 2 3", "...", "?").summary(0).n_groups == 5


def test_a_full_ring_takes_little():
    ring = Witnesses()
    for i in range(100):
        ring.add(
            Voice(f"{i:016x}", "negative", ("all",), f"{i:016x}", 3, 10**9 + i, 1, 2**32 - 1), 1_424_620_800_000 + i
        )
    assert len(msgspec.msgpack.encode(ring)) < 1536
