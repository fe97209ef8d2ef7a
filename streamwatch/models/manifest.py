"""The manifest beside an adapter: what it fits on, what it says, what it learned from and how well.

An adapter is a folder with two files: `manifest.json` and the safetensors file that it names. Both are data; nothing in
them is ever executed, and they are somebody else's: every number has its bounds, no name leads out of the folder.

Examples:
    >>> HeadEntry("sentiment", ("negative", "neutral", "positive"), temperature=1.1).temperature
    1.1
    >>> HeadEntry("topic", ("earnings", "earnings"))
    Traceback (most recent call last):
      ...
    ValueError: head topic names a label twice
"""

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from streamwatch.errors import ModelError
from streamwatch.records import SENTIMENTS, Probability
from streamwatch.text.readable import LATIN, check_scripts

FORMAT = 2
"""The version of the manifest's own layout. A reader refuses any other."""

MANIFEST_FILE = "manifest.json"
ADAPTER_FILE = "adapter.safetensors"

PINNED_NAME = "minilm-l6"
"""What records call the pinned encoder."""
MAX_MANIFEST_BYTES = 4 << 20
"""Ours has 6 kB; one of megabytes is none."""

Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
OptionalSha256 = Annotated[str, Meta(pattern=r"\A([0-9a-f]{64})?\Z")]
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""Of a file or folder in the model's: no separator, nothing hidden, never `..`."""
Digest = Callable[[Path], str]
"""Gives the SHA-256 of a file. Who opens a model asks for that of one file several times (the registry's id, the manifest, a
tokenizer's reader) and gives one that remembers, for the time of one opening; anybody else `file_sha256`."""
BaseName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}\Z")]
"""It goes onto records."""
HeadName = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,63}\Z")]
"""Part of the names of tensors, where a dot would mean something else."""
LabelName = Annotated[str, Meta(min_length=1, max_length=128)]
Labels = Annotated[tuple[LabelName, ...], Meta(min_length=2, max_length=1024)]
Temperature = Annotated[float, Meta(ge=0.01, le=100)]
"""Fitted ones lie near 1; beyond these bounds every probability would be 0 and 1, or all alike."""
Tokens = Annotated[int, Meta(ge=8, le=8192)]
"""Wide enough for any encoder; what the base can read is checked against its positions when it is opened."""
Rank = Annotated[int, Meta(ge=1, le=4096)]
Count = Annotated[int, Meta(ge=0)]


class BaseModel(msgspec.Struct, frozen=True):
    """The encoder that the adapter was trained on; other weights would give other labels, so the hash is checked.

    `folder` is empty for the pinned encoder, which is found on the machine; a base of the model's own (a full
    fine-tune, a pruned encoder) lies in that folder inside of the model's. It may bring a tokenizer of its own, whose file
    then has `tokenizer_sha256`; where that is empty the vocabulary must be the pinned one. `config_sha256` is of its
    `config.json`.
    """

    name: BaseName
    sha256: Sha256
    folder: str = ""
    tokenizer_sha256: OptionalSha256 = ""
    config_sha256: OptionalSha256 = ""

    def __post_init__(self) -> None:
        if self.folder:
            _check_name(self.folder)


class AdapterFile(msgspec.Struct, frozen=True):
    """The file of weights: LoRA matrices and heads."""

    name: str
    sha256: Sha256

    def __post_init__(self) -> None:
        _check_name(self.name)


class Lora(msgspec.Struct, frozen=True):
    """The shape of the LoRA part (Hu et al., arXiv 2106.09685): W + alpha / r · B·A for the named linear layers."""

    r: Rank = 16
    alpha: Rank = 32
    targets: tuple[str, ...] = ("query", "key", "value", "dense")


class HeadEntry(msgspec.Struct, frozen=True):
    """One head of the model: its task, what it says, how it is built (`streamwatch.models.heads`), its temperature.

    Logits are divided by the temperature before the softmax (Guo et al., arXiv 1706.04599). `outside` is the label that
    says that a text is about none of the others; it is empty where the head has no such label.
    """

    name: HeadName
    labels: Labels
    domains: Annotated[tuple[LabelName, ...], Meta(max_length=2)] = ()
    norm: str = ""
    temperature: Temperature = 1.0
    outside: str = ""

    def __post_init__(self) -> None:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"head {self.name} names a label twice")
        if self.name == "sentiment" and sorted(self.labels) != list(SENTIMENTS):
            raise ValueError(f"head sentiment says {', '.join(self.labels)}: it must say {', '.join(SENTIMENTS)}")
        if self.outside and self.outside not in self.labels:
            raise ValueError(f"head {self.name} has no label {self.outside!r} to say that a text is outside")


class DataFile(msgspec.Struct, frozen=True):
    """A file that the adapter learned from."""

    source: str
    file: str
    sha256: str
    n_train: Count
    n_validation: Count


class SetMetrics(msgspec.Struct, frozen=True):
    """How the model does on the held-out part of one source. `predicted` is the share of each predicted label.

    `ece` is the expected calibration error over 15 bins of equal mass, corrected for its bias, with `ece_interval` (95 %,
    bootstrap); see `streamwatch.learning.reliability`.
    """

    n: Count
    accuracy: Probability
    macro_f1: Probability
    ece: float
    ece_interval: tuple[float, float] | None = None
    recall: dict[str, float] = {}
    predicted: dict[str, float] = {}


class Precision(msgspec.Struct, frozen=True):
    """How the model does in one format of numbers: metrics keyed as the manifest's, and how often it says what fp32 says.

    `tolerance` is how far the logits of the stored texts may lie from the stored ones at the mean, in the head that differs
    most, before a machine is said to compute this format wrongly.
    """

    metrics: dict[str, SetMetrics]
    agreement: Probability
    tolerance: Annotated[float, Meta(ge=0)]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a model.

    `metrics` is keyed by task and source: `sentiment/fiqa`. `parent` is the SHA-256 of the adapter that training began
    with, empty where it began with the plain encoder. A text longer than `max_tokens` keeps its first and its last
    tokens, `tail_tokens` of the latter. `scripts` are those of Unicode that it learned to read: a text mostly in others is
    not asked for (`streamwatch.text.readable`).
    """

    format: int = FORMAT
    base: BaseModel
    adapter: AdapterFile
    lora: Lora | None = None
    heads: Annotated[tuple[HeadEntry, ...], Meta(min_length=1, max_length=64)]
    max_tokens: Tokens
    tail_tokens: Count = 0
    scripts: tuple[str, ...] = LATIN
    seed: int
    command: str
    hyperparameters: dict[str, float | int | str]
    data: tuple[DataFile, ...]
    metrics: dict[str, SetMetrics]
    precisions: dict[str, Precision] = {}
    parent: str = ""

    def __post_init__(self) -> None:
        names = [head.name for head in self.heads]
        if len(set(names)) < len(names):
            raise ValueError("two heads have one name")
        check_scripts(self.scripts)
        if self.tail_tokens >= self.max_tokens:
            raise ValueError(f"tail_tokens={self.tail_tokens} must be below max_tokens={self.max_tokens}")

    def head(self, name: str) -> HeadEntry:
        """The head of that name. Raises `ModelError` when there is none."""
        found = [head for head in self.heads if head.name == name]
        if not found:
            raise ModelError(f"the model has no head {name}: it has {', '.join(h.name for h in self.heads)}")
        return found[0]

    @property
    def short_hash(self) -> str:
        """The first 8 digits of a hash over all that makes its labels: enough to tell versions apart on a record.

        Weights alone would not do: new temperatures over old weights give other probabilities.
        """
        parts = (self.base, self.adapter, self.lora, self.heads, self.max_tokens, self.tail_tokens, self.scripts)
        return sha256(msgspec.json.encode(parts)).hexdigest()[:8]

    @property
    def version(self) -> str:
        """The model's name on records, without device and numbers: its base's name and `short_hash`."""
        return f"{self.base.name.rpartition('/')[2] if self.base.folder else PINNED_NAME}+{self.short_hash}"


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
    """The manifest in `folder`, its format and bounds checked. Raises `ModelError` when there is none or it is bad."""
    if not (folder / MANIFEST_FILE).exists():
        raise ModelError(
            f"{folder} has no {MANIFEST_FILE}: name a folder that `streamwatch train` made, or use `default`"
        )
    path = inside(folder, MANIFEST_FILE)
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ModelError(f"{path} has more than {MAX_MANIFEST_BYTES} bytes: it is no manifest")
        content = path.read_bytes()
        _check_format(path, msgspec.json.decode(content, type=_Versioned).format)
        return msgspec.json.decode(content, type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read ({error}): restore the file, or train the adapter again") from error


def _check_name(name: str) -> None:
    """Raises `ValueError` for a name that is not one of a file in the model's folder."""
    if not PLAIN_NAME.fullmatch(name):
        raise ValueError(f"{name[:128]!r} is no plain name in the model's folder")


class _Versioned(msgspec.Struct):
    """All that every format of the manifest has."""

    format: int


def _check_format(path: Path, found: int) -> None:
    """Before anything else is read: another format has other fields."""
    if found > FORMAT:
        raise ModelError(f"{path} has format {found}, this version reads {FORMAT}: upgrade streamwatch")
    if found < FORMAT:
        raise ModelError(f"{path} has format {found}, this version reads {FORMAT}: train the adapter again")


def inside(folder: Path, name: str) -> Path:
    """The file or folder `name` of `folder`, which it does not leave by its name nor by a link. Raises `ModelError`.

    >>> inside(Path("model"), "../secret")
    Traceback (most recent call last):
      ...
    streamwatch.errors.ModelError: '../secret' leads out of model: a model's files lie in its folder
    """
    path = folder / name
    if Path(name).name != name or name == ".." or path.resolve().parent != folder.resolve():
        raise ModelError(f"{name!r} leads out of {folder}: a model's files lie in its folder")
    return path


def checked_adapter(folder: Path, manifest: Manifest, digest: Digest = file_sha256) -> Path:
    """The path of the adapter's weights once their hash is what the manifest says. Raises `ModelError` otherwise.

    The name may not leave the folder: a manifest is somebody else's data.
    """
    path = inside(folder, manifest.adapter.name)
    if not path.is_file():
        raise ModelError(f"{path} is missing: copy the whole folder, or train the adapter again")
    found = digest(path)
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
