"""From a model text to token ids: emoji in words, WordPiece, cut at the adapter's length.

The encoder's vocabulary has hardly an emoji (they become [UNK]), and they carry much of a post's sentiment. Their
Unicode names are plain English, so the model reads those instead; training and inference share this file.

Examples:
    >>> spell_emoji("lost my bag 😡")
    'lost my bag  pouting face '
"""

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from tokenizers import Tokenizer

from streamwatch.errors import ModelError
from streamwatch.models.manifest import Digest, file_sha256

_SYMBOL = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
"""The blocks of dingbats and pictographs. Letters, digits and currency signs are in the vocabulary already."""


def spell_emoji(text: str) -> str:
    """`text` with each pictograph replaced by its Unicode name in lower case; one without a name stays as it is."""
    if text.isascii():
        return text
    return _SYMBOL.sub(_name, text)


def _name(match: re.Match[str]) -> str:
    name = unicodedata.name(match.group(), "")
    return f" {name.lower()} " if name else match.group()


VOCABULARY_SHA256 = "0f052197aac305fe42f378b5c61554b7bacb34b8be4af83fec2cfdcdffbc9973"
"""Of the tokens in the order of their ids, joined by line ends. Another vocabulary would silently give other labels."""


class TokenReader:
    """Makes token ids of texts.

    Args:
        folder: the encoder's, with its `tokenizer.json`.
        max_tokens: of a text at most, the two special tokens included.
        tail_tokens: of a longer text the first `max_tokens − tail_tokens` are kept and the last `tail_tokens`: news says
            first what happened, and a complaint or a conclusion stands at the end (Sun et al., arXiv 1905.05583, find
            head and tail better than either alone).
        sha256: of the tokenizer's file, where it belongs to a base of the model's own; without it the vocabulary must be
            the pinned one.
        digest: gives the hash of that file.

    Attributes:
        n_vocabulary: ids are below this.

    Raises:
        ModelError: when the tokenizer cannot be read, or is not the encoder's.
    """

    def __init__(
        self, folder: Path, max_tokens: int, tail_tokens: int = 0, sha256: str = "", digest: Digest = file_sha256
    ) -> None:
        # The library would start a thread for each core beside those that compute, and cost a tenth of the throughput;
        # whoever wants that all the same says so in the environment, as for any program that uses it.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self._tokenizer = _read_tokenizer(folder / "tokenizer.json", sha256, digest)
        vocabulary = self._tokenizer.get_vocab()  # 10 ms in which no other thread runs: once
        if not sha256 and vocabulary_sha256(vocabulary) != VOCABULARY_SHA256:
            raise ModelError(f"{folder / 'tokenizer.json'} has another vocabulary: use the original files")
        self.n_vocabulary = max(vocabulary.values(), default=-1) + 1
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._max_tokens = max_tokens
        self._tail_tokens = tail_tokens

    def read(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, special tokens included.

        Nobody asks where in the text a token stands; without these places it takes a fifth less time.
        """
        encodings = self._tokenizer.encode_batch_fast([spell_emoji(text) for text in texts])
        return [head_and_tail(encoding.ids, self._max_tokens, self._tail_tokens) for encoding in encodings]


def head_and_tail(ids: list[int], max_tokens: int, tail_tokens: int) -> list[int]:
    """The first and the last of `ids`, `max_tokens` in all; the last one is the mark of the end, and always kept.

    >>> head_and_tail([101, 1, 2, 3, 4, 102], max_tokens=4, tail_tokens=2)
    [101, 1, 4, 102]
    """
    if len(ids) <= max_tokens:
        return ids
    tail = max(tail_tokens, 1)
    return ids[: max_tokens - tail] + ids[-tail:]


def _read_tokenizer(path: Path, sha256: str, digest: Digest) -> Tokenizer:
    if sha256 and path.is_file() and digest(path) != sha256:
        raise ModelError(f"{path} is not the file that the manifest names: use the original files")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the tokenizers package raises bare Exception
        raise ModelError(f"{path} cannot be read: use the original files") from error
    return tokenizer


def vocabulary_sha256(vocabulary: Mapping[str, int]) -> str:
    """The hash that `VOCABULARY_SHA256` pins."""
    return sha256("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)).encode()).hexdigest()
