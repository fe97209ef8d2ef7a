"""Which texts always go through the encoder, whatever a first stage could answer.

A first stage answers the easy texts, so that those it leaves to the encoder are no fair sample of the stream. These are: a
hash decides, of the text and nothing else, so that every worker, every run and every reader of `classified` chooses the same.
"""

from hashlib import blake2b

ALWAYS_ENCODED = 0.02
"""The part of texts that is chosen: a fiftieth of the encoder's work, and 20 embeddings of each 1,000 documents."""


def chosen(text_hash: str) -> bool:
    """Whether a text (by its hash, `streamwatch.text.clean.text_hash`) is one of them.

    >>> sum(chosen(f"{i:016x}") for i in range(10_000)) / 10_000
    0.0188
    """
    drawn = blake2b(text_hash.encode(), digest_size=4, person=b"always encoded").digest()
    return int.from_bytes(drawn, "big") < ALWAYS_ENCODED * 2**32
