"""Text for people and text for the model.

A document's text is normalised and redacted once (`stored_text`: what records, windows and pages may hold), and
masked from there (`model_text`: what the model reads and what duplicates are told by). A prediction is a function of
the model text alone, so documents with the same one share it.

Examples:
    >>> stored_text("Mail me:  jo@example.com \\u200b&amp; call +1 212 555 0100")
    'Mail me: [email] & call [phone]'
    >>> model_text("RT @desk: $AAPL falls, says @jo https://t.co/x1")
    '$AAPL falls, says @user http'
    >>> text_hash("$AAPL falls") == text_hash("$AAPL falls")
    True
"""

import html
import re
import unicodedata
from hashlib import blake2b

_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b")
_SEVEN_DIGITS = re.compile(r"(?:\d\D*){7}")
_NO_DIGITS = bytes(byte for byte in range(128) if byte not in b"0123456789")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"\b(?:\d[ -]?){12,18}\d\b")
_PHONE = re.compile(
    r"(?<![\w$.,])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?|\d{2,4}[ .-])\d{3,4}[ .-]\d{3,4}(?![\w.,]?\d)"
)
_PLAIN_PHONE = re.compile(r"(?<![\w$.,#/-])[2-9]\d{2}[2-9]\d{6}(?![\w.,]?\d)")  # ten digits as in North America
_SSN = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w@])@\w{1,30}")
_RETWEET = re.compile(r"^\s*(?:RT\s+@user:?\s*)+")


def normalise(text: str) -> str:
    """NFC, HTML entities decoded, invisible and control characters out, white space folded.

    Right-to-left overrides and zero-width characters go too: they hide text from people and split words for the model.
    The joiner U+200D stays, because emoji sequences are made of it.
    """
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable():  # else it holds no control and no format character
        text = _INVISIBLE.sub("", text)
    return " ".join(text.split())


def redact(text: str) -> str:
    """Personal data replaced by its kind: e-mail, IBAN, card (Luhn-checked), social security and phone numbers."""
    if "@" in text:
        text = _EMAIL.sub("[email]", text)
    if not _has_seven_digits(text):
        return text
    text = _IBAN.sub("[iban]", text)
    text = _CARD.sub(lambda m: "[card]" if _luhn(m.group()) else m.group(), text)
    return _PLAIN_PHONE.sub("[phone]", _PHONE.sub("[phone]", _SSN.sub("[ssn]", text)))


def _has_seven_digits(text: str) -> bool:
    """Fewer are no number of a person, and most texts end here."""
    if text.isascii():
        return len(text.encode().translate(None, _NO_DIGITS)) >= 7
    return _SEVEN_DIGITS.search(text) is not None


def _luhn(text: str) -> bool:
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    doubled = (d * 2 - 9 * (d > 4) for d in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def stored_text(text: str) -> str:
    """The text as it may be kept and shown: normalised, personal data redacted."""
    return redact(normalise(text))


def model_text(stored: str) -> str:
    """The text as the model reads it: URLs as `http`, mentions as `@user`, without the prefix of a retweet."""
    if "://" in stored or "www." in stored.lower():
        stored = _URL.sub("http", stored)
    if "@" in stored:
        stored = _RETWEET.sub("", _MENTION.sub("@user", stored))
    return stored.strip()


def text_hash(text: str) -> str:
    """A 64-bit hash as 16 hexadecimal digits, the same on every machine and run."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
