"""What is stored and what the model reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.text.clean import model_text, stored_text, text_hash


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mail jo.doe+x@example.co.uk now", "[email]"),
        ("card 4111 1111 1111 1111 charged", "[card]"),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "[iban]"),
        ("SSN 078-05-1120 leaked", "[ssn]"),
        ("call +1 (212) 555-0100 now", "[phone]"),
        ("rebook me. 7403607771 we can't get through", "[phone]"),
        ("ring 212-555-0100", "[phone]"),
    ],
)
def test_personal_data_is_replaced_by_its_kind(text: str, kind: str):
    stored = stored_text(text)
    assert kind in stored
    assert not any(len(word) > 8 and word.isdigit() for word in stored.split())


@pytest.mark.parametrize(
    "text",
    [
        "revenue of 1,234,567,890 dollars",
        "order 4111111111111112 is no card",
        "$AAPL at 172.12, up 3.5% since 2015-02-22",
        "flight UA1234 delayed 3 hours",
        "S&P 500 closes at 5,123.41",
    ],
)
def test_figures_of_markets_are_left_alone(text: str):
    assert stored_text(text) == text


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("RT @desk: $AAPL falls https://t.co/a", "$AAPL falls https://t.co/b"),
        ("@jo look at this", "@ann   look at this"),
        ("caf\u00e9 closes", "cafe\u0301 closes"),
        ("A&amp;B merge", "A&B merge"),
        ("he\u200bllo", "hello"),
        ("safe \u202etxt.exe", "safe txt.exe"),
    ],
)
def test_copies_have_one_hash(a: str, b: str):
    assert text_hash(model_text(stored_text(a))) == text_hash(model_text(stored_text(b)))


def test_different_texts_have_different_hashes():
    assert text_hash("a") != text_hash("b")


@given(st.text(max_size=400))
def test_a_stored_text_hides_nothing_and_is_one_line(text: str):
    once = stored_text(text)
    assert not any(ord(c) < 32 or c in "\u200b\u202e\ufeff" for c in once)
    assert once == " ".join(once.split())
    assert len(model_text(once)) <= len(once) + 5 * once.count("@") + 4 * once.count("www.")
