"""Records to bytes and back: JSON by msgspec, one encoder for all.

Examples:
    >>> from streamwatch.records import Label
    >>> decode(encode(Label(label="macro", p=0.5)), Label)
    Label(label='macro', p=0.5)
    >>> decode(b"{}", Label)
    Traceback (most recent call last):
      ...
    streamwatch.errors.RejectError: missing_field: Object missing required field `label`
"""

from functools import cache
from typing import Any, TypeVar

import msgspec

from streamwatch.errors import Reason, RejectError

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
encode = _encoder.encode


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def decode(raw: bytes, kind: type[T]) -> T:
    """`raw` as a `kind`. Raises `RejectError` with the reason; fields that the schema does not know are ignored."""
    try:
        return _decoder(kind).decode(raw)  # type: ignore[arg-type,no-any-return]
    except msgspec.ValidationError as error:
        raise RejectError(_reason(str(error)), str(error)) from error
    except msgspec.DecodeError as error:
        raise RejectError("invalid_utf8" if not is_utf8(raw) else "invalid_json", str(error)) from error
    except UnicodeDecodeError as error:
        raise RejectError("invalid_utf8", str(error)) from error
    except RecursionError as error:
        raise RejectError("invalid_json", "nested too deeply") from error


def _reason(text: str) -> Reason:
    """The reason behind msgspec's words, which name the path of the field at their end."""
    if text.endswith("`$.schema`"):
        return "unknown_schema"
    return "missing_field" if "missing required field" in text else "wrong_type"


def is_utf8(raw: bytes) -> bool:
    """Whether `raw` is valid UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
