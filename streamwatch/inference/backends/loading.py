"""Read a Hugging Face sequence classifier: config, tokenizer and safetensors of a folder, nothing else, no code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tokenizers import Tokenizer
from torch import nn

from streamwatch.errors import ModelError
from streamwatch.inference.batches import GRAIN

T = TypeVar("T")
MOST_TOKENS = 512
"""Of a text, whatever the model could read: attention costs the square of it."""
LEAST_TOKENS = 8
RESERVED_POSITIONS = 2
"""RoBERTa and its kin count positions from two on; for the others a loss of two tokens."""
SHOWN_CHARS = 160
LOCAL = {"local_files_only": True, "trust_remote_code": False}


class Loaded(NamedTuple):
    """What was read: the network on the CPU in float32, its tokenizer, the padding's id, the longest text in tokens."""

    network: nn.Module
    tokenizer: Tokenizer
    pad_id: int
    max_tokens: int


def read_config(folder: Path) -> Any:
    """The classifier's config. Raises `ModelError` when it is no classifier that chooses one of several labels."""
    from transformers import AutoConfig

    config = _guarded(folder, lambda: AutoConfig.from_pretrained(folder, **LOCAL))
    if not any(name.endswith("ForSequenceClassification") for name in config.architectures or ()):
        raise ModelError(
            f"{folder} is no sequence classifier ({', '.join(config.architectures or ()) or 'unnamed'}): use another model"
        )
    if config.problem_type in ("regression", "multi_label_classification") or config.num_labels < 2:
        raise ModelError(f"{folder} does not choose one of several labels ({config.problem_type}): use another model")
    return config


def labels_of(folder: Path, config: Any) -> list[str]:
    """The labels by their places, as the config names them. Raises `ModelError` when one has no name."""
    names = {int(place): str(name) for place, name in config.id2label.items()}
    if sorted(names) != list(range(len(names))):
        raise ModelError(
            f"{folder}: id2label names the places {sorted(names)}, which are not 0, 1, 2 …: correct its config.json"
        )
    return [names[place] for place in range(len(names))]


def load(folder: Path, config: Any) -> Loaded:
    """Network and tokenizer. Raises `ModelError` when they cannot be read, or would have weights made up by chance."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, logging

    logging.disable_progress_bar()
    tokenizer = _guarded(folder, lambda: AutoTokenizer.from_pretrained(folder, **LOCAL))
    network, found = _guarded(
        folder,
        lambda: AutoModelForSequenceClassification.from_pretrained(
            folder, config=config, use_safetensors=True, output_loading_info=True, dtype="float32", **LOCAL
        ),
    )
    lacking = sorted(found["missing_keys"]) + sorted(map(str, found["mismatched_keys"]))
    if lacking:
        raise ModelError(
            f"{folder} lacks weights of its classifier ({lacking[0]}): use a model that was trained to classify"
        )
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or tokenizer.pad_token_id is None:
        raise ModelError(f"{folder} has no tokenizer.json with a padding token: use another model")
    most = _max_tokens(config, tokenizer.model_max_length)
    if most < LEAST_TOKENS or max(backend.get_vocab().values()) >= len(network.get_input_embeddings().weight):
        raise ModelError(f"{folder}: the tokenizer does not fit the model: use the original files")
    backend.no_truncation()
    backend.no_padding()
    return Loaded(network.eval(), backend, tokenizer.pad_token_id, most)


def _max_tokens(config: Any, said: int) -> int:
    """The longest text in tokens, a multiple of the grain of padded lengths where that is possible."""
    positions = getattr(config, "max_position_embeddings", None) or 0  # XLNet has none and says −1
    most = min(positions - RESERVED_POSITIONS if positions > 0 else MOST_TOKENS, said, MOST_TOKENS)
    return most // GRAIN * GRAIN or most


def _guarded(folder: Path, read: Callable[[], T]) -> T:
    """What `read` gives; whatever transformers raises is one `ModelError`."""
    try:
        return read()
    except Exception as error:  # OSError, ValueError, SafetensorError, KeyError, RuntimeError, JSON's own …
        reason = " ".join(str(error).split())[:SHOWN_CHARS]
        raise ModelError(f"{folder} cannot be read ({reason or type(error).__name__}): use another model") from error
