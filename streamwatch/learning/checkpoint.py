"""A training run's state on disk, so that a killed run goes on where it was.

One safetensors file: the trained parameters and AdamW's two moments for each, the running average and the best weights so far
where the run keeps those, and where the run is in its metadata. No pickle, and replaced in one step: a kill while
writing leaves the older checkpoint.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from streamwatch.errors import ConfigError

CHECKPOINT_FILE = "checkpoint.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")

Kept = dict[str, Tensor]


class RunState(msgspec.Struct, frozen=True):
    """Steps done, the wall clock they took over all resumptions, and how the dev part has judged so far."""

    step: int = 0
    elapsed_s: float = 0.0
    best_score: float = -1.0
    n_without_gain: int = 0


class RunTensors(msgspec.Struct):
    """What a run holds in memory. `average` and `best` are empty where it keeps none; `method` is the method's own."""

    parameters: dict[str, nn.Parameter]
    optimiser: torch.optim.AdamW
    average: Kept
    best: Kept
    method: Kept


def save_checkpoint(folder: Path, state: RunState, run: str, held: RunTensors) -> None:
    """Write where a run is. `run` describes the run (its settings), and is checked on resume."""
    tensors: Kept = {}
    for name, parameter in held.parameters.items():
        tensors[f"value/{name}"] = parameter.detach()
        for moment in _MOMENTS:
            tensors[f"{moment}/{name}"] = held.optimiser.state[parameter][moment]
    tensors |= _under("average", held.average) | _under("best", held.best) | _under("method", held.method)
    new = folder / f".{CHECKPOINT_FILE}.new"
    save_file(tensors, new, metadata={"state": msgspec.json.encode(state).decode(), "run": run})
    new.replace(folder / CHECKPOINT_FILE)


def _under(kind: str, tensors: Mapping[str, Tensor]) -> Kept:
    return {f"{kind}/{name}": t.clone() for name, t in tensors.items()}


def load_checkpoint(folder: Path, run: str, held: RunTensors) -> RunState:
    """Put the state of `folder` back; gives where the run is, at its start when there is no checkpoint.

    Raises `ConfigError` when the checkpoint is of a run with other settings: half of each would be nobody's model.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        return RunState()
    with safe_open(path, framework="pt") as file, torch.no_grad():
        if file.metadata()["run"] != run:
            raise ConfigError(f"{path} is of a run with other settings or data: repeat those, or name another --out")
        for name, parameter in held.parameters.items():
            parameter.copy_(file.get_tensor(f"value/{name}"))
            held.optimiser.state[parameter] = {m: file.get_tensor(f"{m}/{name}") for m in _MOMENTS}
        for kind, kept in (("average/", held.average), ("best/", held.best), ("method/", held.method)):
            kept.update({k.removeprefix(kind): file.get_tensor(k) for k in file.keys() if k.startswith(kind)})  # noqa: SIM118
        return msgspec.json.decode(file.metadata()["state"], type=RunState)
