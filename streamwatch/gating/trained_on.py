"""Which documents a candidate learned from, in a file of its folder: what the gate must not measure it on.

The file holds hashes of texts as the model reads them, and nothing else. Retraining writes it before it writes the
manifest; the registry keeps it with the model, and its id covers it. A model without it was trained elsewhere: then only
held-out answers (`streamwatch.gating.holdout`) count as not trained on.

Examples:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_trained_on(Path(folder), ["Sales fell", "Oil climbs"])
    ...     found = read_trained_on(Path(folder))
    ...     found is not None and "Sales fell" in found, found is not None and "Gold rises" in found
    (True, False)
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from streamwatch.errors import ModelError
from streamwatch.models.manifest import inside
from streamwatch.models.pointer import write_whole
from streamwatch.text.clean import model_text, stored_text, text_hash

TRAINED_ON_FILE = "trained_on.json"


class TrainedOn(msgspec.Struct, frozen=True):
    """Hashes of the labelled texts that were new in this training, and of all others that it saw (replay, distillation)."""

    labelled: frozenset[str]
    others: frozenset[str] = frozenset()

    def __contains__(self, text: str) -> bool:
        """Whether the candidate saw the text in training."""
        return self.hash(text) in self.labelled or self.hash(text) in self.others

    def labels(self, text: str) -> bool:
        """Whether the candidate learned a label of the text."""
        return self.hash(text) in self.labelled

    @staticmethod
    def hash(text: str) -> str:
        """The hash of a text as the model reads it."""
        return text_hash(model_text(stored_text(text)))


def write_trained_on(folder: Path, labelled: Iterable[str], others: Iterable[str] = ()) -> None:
    """Write the texts' hashes into the folder of a model, in one step."""
    hashes = TrainedOn(frozenset(map(TrainedOn.hash, labelled)), frozenset(map(TrainedOn.hash, others)))
    sorted_ones = {"labelled": sorted(hashes.labelled), "others": sorted(hashes.others)}
    write_whole(folder / TRAINED_ON_FILE, msgspec.json.encode(sorted_ones) + b"\n")


def read_trained_on(folder: Path) -> TrainedOn | None:
    """What the model in `folder` learned from, None where it does not say. Raises `ModelError` when it cannot be read."""
    if not (folder / TRAINED_ON_FILE).exists():
        return None
    path = inside(folder, TRAINED_ON_FILE)
    try:
        return msgspec.json.decode(path.read_bytes(), type=TrainedOn)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read ({error}): restore the file, or train again") from error
