"""What the model cannot read: nothing but masks, or mostly letters that it does not know. Everything else is read."""

import time
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from streamwatch.models.tokens import spell_emoji
from streamwatch.text import readable
from streamwatch.text.clean import model_text, stored_text
from streamwatch.text.readable import unread_reason


def reason(text: str) -> str:
    """Of a text as a producer sends it."""
    return unread_reason(model_text(stored_text(text)))


@pytest.mark.parametrize(
    "text",
    [
        "$AAPL",
        "$AAPL falls https://t.co/x",
        "😡",
        "🚀🚀🚀",
        "👍🏽",
        "❤️",
        "🇺🇸",
        "👨\u200d👩\u200d👧",
        "7",
        "-3.4 %",
        "1️⃣",
        "€",
        "Газпром beats estimates",
        "Toyota (トヨタ) recalls 1,000 cars",
        "Müller está aquí, où ça?",
        "café" + "\u0301" * 30,
        "via @jo",
        "RTX is up",
        "httpd crashes again",
        "http2 is here",
        "[emails] leaked",
        "好 🚀",
        "今天涨停了 today the limit up",
        "x",
    ],
)
def test_what_says_something_in_letters_that_it_knows_is_read(text: str) -> None:
    assert reason(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "@jo https://t.co/x",
        "RT @jo: https://t.co/x",
        "RT RT http",
        "mail jo@example.com",
        "[email] [phone]",
        "call +1 212 555 0100",
        "...",
        "!?!",
        ":)",
        "—",
        "\u200b",
        "\u200b\u202e \ufeff",
        "\u2800\u2800",
        "\ufffd\ufffc",
        "\u0301\u0301",
        "\u200d",
        "\ufe0f",
        "\x00\x1b",
        "",
    ],
)
def test_masks_punctuation_and_the_invisible_are_nothing(text: str) -> None:
    text = text.removeprefix("mail ").removeprefix("call ")
    assert reason(text) == "nothing_left"


@pytest.mark.parametrize(
    "text",
    [
        "今天涨停了",
        "今天涨停了 $AAPL https://t.co/x",
        "$TMUS のCEOが $T のパーティで警備員につまみ出された",
        "Сегодня я подорожала - $546.39 (+10.66; 1.99%) $AAPL",
        "حققت ربح السهم 1.24$ لكل سهم مقابل التوقعات $JNJ",
        "삼성전자 주가 상승",
        "दिल्ली",
        "ราคาหุ้น 100",
        "BЁ CAЯЄFЦL ОF THЁ ОPPОЯTЦИЇTЇЄS ДFFОЯDЄD",
        "𝗕𝗿𝗲𝗮𝗸𝗶𝗻𝗴",
        "\u3164",
        "好好 🚀",
    ],
)
def test_mostly_letters_that_it_does_not_know_is_another_script(text: str) -> None:
    assert reason(text) == "other_script"


def test_half_is_not_mostly() -> None:
    assert unread_reason("ab涨停") == ""
    assert unread_reason("ab涨停了") == "other_script"


def test_masks_are_no_letters() -> None:
    assert unread_reason("涨停 @user @user http [email] RT") == "other_script"


# -- other scripts


def test_a_model_reads_the_scripts_that_it_was_trained_on() -> None:
    assert unread_reason("今天涨停了", ("Latin", "Han")) == ""
    assert unread_reason("トヨタ", ("Latin", "Han")) == "other_script"
    assert unread_reason("Apple falls 今天", ("Han",)) == "other_script"
    assert unread_reason("今天 http @user", ("Han",)) == ""
    assert unread_reason("http @user", ("Han",)) == "nothing_left"
    assert unread_reason("7", ("Han",)) == ""


@pytest.mark.parametrize("scripts", [("Klingonese",), ("Latin", ""), ("Latin}]",), ()])
def test_a_script_that_unicode_does_not_have_is_said(scripts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no scripts of Unicode"):
        unread_reason("é", scripts)


def test_a_pictograph_is_what_the_model_is_told_the_name_of() -> None:
    pictograph = regex.compile(readable._PICTOGRAPH)
    for code in (*range(0x2500, 0x2800), *range(0x1F000, 0x1FB00)):
        if unicodedata.name(chr(code), ""):
            assert bool(pictograph.fullmatch(chr(code))) == (spell_emoji(chr(code)) != chr(code)), hex(code)


# -- properties

LATIN = st.text("abcxyzÄéñßŁ", min_size=1)
FOREIGN = st.text("中文股票жцщאבגकखगあア", min_size=1)
NEUTRAL = st.lists(st.sampled_from((" ", ".", "!", "@user", "http", "[email]", "—", "\u0301", "… ")), max_size=6).map(
    " ".join
)
ANYTHING = st.text(max_size=60) | st.lists(LATIN | FOREIGN | NEUTRAL | st.sampled_from("😡7$€"), max_size=8).map(
    " ".join
)


@given(ANYTHING)
def test_any_text_has_an_answer_and_always_the_same(text: str) -> None:
    for known in (("Latin",), ("Latin", "Han"), ("Han",)):
        assert unread_reason(text, known) in ("", "nothing_left", "other_script")
        assert unread_reason(text, known) == unread_reason(text, tuple(known))


@given(NEUTRAL, st.sampled_from(("", "a", "7", "😡", "中")))
def test_what_is_left_decides_whatever_is_around_it(around: str, left: str) -> None:
    expected = {"": "nothing_left", "中": "other_script"}.get(left, "")
    assert unread_reason(f"{around} {left} {around}") == expected


@given(ANYTHING, LATIN)
def test_more_that_it_knows_never_makes_a_text_unread(text: str, more: str) -> None:
    if unread_reason(text) == "":
        assert unread_reason(f"{text} {more}") == ""
    assert unread_reason(f"{text} {more}") != "nothing_left"


@given(ANYTHING, FOREIGN)
def test_more_that_it_does_not_know_never_makes_an_unread_text_read(text: str, more: str) -> None:
    if unread_reason(text):
        assert unread_reason(f"{text} {more}") == "other_script"


@given(ANYTHING)
def test_a_model_that_knows_more_scripts_reads_no_less(text: str) -> None:
    if not unread_reason(text):
        assert not unread_reason(text, ("Latin", "Han", "Cyrillic"))


@given(LATIN, FOREIGN, NEUTRAL)
def test_letters_are_counted_wherever_they_stand(known: str, foreign: str, between: str) -> None:
    expected = "other_script" if len(foreign) > len(known) else ""
    assert unread_reason(f"{known} {between} {foreign}") == unread_reason(f"{foreign} {between} {known}") == expected


# -- cost


@pytest.mark.parametrize(
    "piece", ["中", "é", "!", "http ", "中a", "@", "[ema", "@user", "RT ", "\u0301", "😡", "http…", "[email", "中http"]
)
def test_a_hundred_thousand_characters_are_no_trouble(piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    before_s = time.process_time()
    unread_reason(text)
    assert time.process_time() - before_s < 0.5
