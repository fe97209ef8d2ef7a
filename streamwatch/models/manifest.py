"""The manifest beside an adapter: what it fits on, what it says, what it learned from and how well.

An adapter is a folder with two files: `manifest.json` and the safetensors file that it names. Both are data; nothing in
them is ever executed.

Examples:
    >>> HeadEntry("sentiment", ("negative", "neutral", "positive"), temperature=1.1).temperature
    1.1
"""

from hashlib import sha256
from pathlib import Path

import msgspec

from streamwatch.errors import ModelError

FORMAT = 2
"""The version of the manifest's own layout. A reader refuses any other."""

MANIFEST_FILE = "manifest.json"
ADAPTER_FILE = "adapter.safetensors"


class BaseModel(msgspec.Struct, frozen=True):
    """The encoder that the adapter was trained on; other weights would give other labels, so the hash is checked.

    `folder` is empty for the pinned encoder, which is found on the machine; a base of the model's own (a full
    fine-tune, a pruned encoder) lies in that folder inside of the model's.
    """

    name: str
    sha256: str
    folder: str = ""


class AdapterFile(msgspec.Struct, frozen=True):
    """The file of weights: LoRA matrices and heads."""

    name: str
    sha256: str


class Lora(msgspec.Struct, frozen=True):
    """The shape of the LoRA part (Hu et al., arXiv 2106.09685): W + alpha / r · B·A for the named linear layers."""

    r: int = 16
    alpha: int = 32
    targets: tuple[str, ...] = ("query", "key", "value", "dense")


class HeadEntry(msgspec.Struct, frozen=True):
    """One head of the model: its task, what it says, how it is built (`streamwatch.models.heads`), its temperature.

    Logits are divided by the temperature before the softmax (Guo et al., arXiv 1706.04599). `outside` is the label that
    says that a text is about none of the others; it is empty where the head has no such label.
    """

    name: str
    labels: tuple[str, ...]
    domains: tuple[str, ...] = ()
    norm: str = ""
    temperature: float = 1.0
    outside: str = ""


class DataFile(msgspec.Struct, frozen=True):
    """A file that the adapter learned from."""

    source: str
    file: str
    sha256: str
    n_train: int
    n_validation: int


class SetMetrics(msgspec.Struct, frozen=True):
    """How the model does on the held-out part of one source. `predicted` is the share of each predicted label.

    `ece` is the expected calibration error over 15 bins of equal mass, corrected for its bias, with `ece_interval` (95 %,
    bootstrap); see `streamwatch.learning.metrics`.
    """

    n: int
    accuracy: float
    macro_f1: float
    ece: float
    ece_interval: tuple[float, float] | None = None
    recall: dict[str, float] = {}
    predicted: dict[str, float] = {}


class Precision(msgspec.Struct, frozen=True):
    """How the model does in one format of numbers: metrics keyed as the manifest's, and how often it says what fp32 says.

    `tolerance` is how far the logits of the stored texts may lie from the
    stored ones before a machine is said to compute this format wrongly.
    """

    metrics: dict[str, SetMetrics]
    agreement: float
    tolerance: float


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a model.

    `metrics` is keyed by task and source: `sentiment/fiqa`. `parent` is the SHA-256 of the adapter that training began
    with, empty where it began with the plain encoder. A text longer than `max_tokens` keeps its first and its last
    tokens, `tail_tokens` of the latter.
    """

    format: int = FORMAT
    base: BaseModel
    adapter: AdapterFile
    lora: Lora | None = None
    heads: tuple[HeadEntry, ...]
    max_tokens: int
    tail_tokens: int = 0
    seed: int
    command: str
    hyperparameters: dict[str, float | int | str]
    data: tuple[DataFile, ...]
    metrics: dict[str, SetMetrics]
    precisions: dict[str, Precision] = {}
    parent: str = ""

    def head(self, name: str) -> HeadEntry:
        """The head of that name. Raises `ModelError` when there is none."""
        found = [head for head in self.heads if head.name == name]
        if not found:
            raise ModelError(f"the model has no head {name}: it has {', '.join(h.name for h in self.heads)}")
        return found[0]

    @property
    def short_hash(self) -> str:
        """The first 8 digits of the adapter's hash: enough to tell versions apart on a record."""
        return self.adapter.sha256[:8]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal, read in pieces.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a").write_bytes(b"abc")
    ...     file_sha256(Path(folder, "a"))[:8]
    'ba7816bf'
    """
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest in `folder`, its format checked. Raises `ModelError` when there is none or it cannot be read."""
    path = folder / MANIFEST_FILE
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise ModelError(
            f"{folder} has no {MANIFEST_FILE}: name a folder that `streamwatch train` made, or use `default`"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(f"{path} cannot be read ({error}): train the adapter again") from error
    if manifest.format != FORMAT:
        raise ModelError(f"{path} has format {manifest.format}, this version reads {FORMAT}: upgrade streamwatch")
    return manifest


def checked_adapter(folder: Path, manifest: Manifest) -> Path:
    """The path of the adapter's weights once their hash is what the manifest says. Raises `ModelError` otherwise.

    The name may not leave the folder: a manifest is somebody else's data.
    """
    path = folder / Path(manifest.adapter.name).name
    if not path.is_file():
        raise ModelError(f"{path} is missing: copy the whole folder, or train the adapter again")
    found = file_sha256(path)
    if found != manifest.adapter.sha256:
        raise ModelError(
            f"{path} has SHA-256 {found[:8]}…, its manifest says {manifest.adapter.sha256[:8]}…: "
            "restore the file, or train the adapter again"
        )
    return path


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`, readable by people, replaced in one step."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    new = folder / f".{MANIFEST_FILE}.new"
    new.write_bytes(text + b"\n")
    new.replace(folder / MANIFEST_FILE)
