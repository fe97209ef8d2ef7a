"""ONNX Runtime: one pass for both heads, float32 and dynamic int8 (per channel)."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamwatch.bench.inference.peer_model import TASKS, Ints, PeerModel, SortedRunner, need
from streamwatch.bench.inference.search import fastest, seconds_for
from streamwatch.bench.inference.variant import Opened

BATCHES = (8, 16, 32, 64)
"""Of rows. Small ones keep the states in a core's cache: on a core with 1 MB of it 16 rows run twice as fast as 64."""
EXAMPLE = (4, 32)
"""Rows and columns of the example that the exporter traces; both may be any number afterwards."""


class BothHeads(nn.Module):
    """The network as exporters like it: two tensors in, the logits of the two tasks out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Logits in the order of `TASKS`."""
        logits = self.network(ids, mask)
        return tuple(logits[task] for task in TASKS)


def exported(model: PeerModel) -> Path:
    """The model as an ONNX file, written once."""
    path = model.work / "model.onnx"
    if not path.exists():
        ids = torch.randint(1000, 2000, EXAMPLE)
        mask = torch.ones_like(ids)
        mask[0, EXAMPLE[1] // 2 :] = 0
        axes = {name: {0: "n", 1: "t"} for name in ("ids", "mask")} | {task: {0: "n"} for task in TASKS}
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # tracing warns of every shape that it takes for fixed; the result is checked
            torch.onnx.export(
                BothHeads(model.network).eval(), (ids, mask), path, input_names=["ids", "mask"],
                output_names=list(TASKS), dynamic_axes=axes, dynamo=False,
            )  # fmt: skip
    return path


def quantised(model: PeerModel) -> Path:
    """The ONNX file with int8 weights per output channel, activations quantised as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)  # it recommends a preparation for models of images
    path = model.work / "model-int8.onnx"
    if not path.exists():
        quantize_dynamic(exported(model), path, per_channel=True, weight_type=QuantType.QInt8)
    return path


class OnnxRuntime(SortedRunner):
    """A session that several threads share, outputs bound."""

    def __init__(self, model: PeerModel, path: Path, workers: int, threads: int, batch: int) -> None:
        import onnxruntime

        super().__init__(model, workers, batch)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def logits(self, ids: Ints, mask: Ints) -> dict[str, NDArray[Any]]:
        """Logits of one batch."""
        binding = self._session.io_binding()
        binding.bind_cpu_input("ids", ids)
        binding.bind_cpu_input("mask", mask)
        for task in TASKS:
            binding.bind_output(task)
        self._session.run_with_iobinding(binding)
        return dict(zip(TASKS, binding.copy_outputs_to_cpu(), strict=True))


def open_onnx(model: PeerModel, texts: Sequence[str], cores: int, precision: str) -> Opened:
    """The session with the threads and the batch that ran `texts` fastest."""
    need("onnx", "onnxruntime")
    path = exported(model) if precision == "fp32" else quantised(model)
    best, choice = at_its_best(lambda *setting: OnnxRuntime(model, path, *setting), texts, cores)
    return Opened("peers", f"onnxruntime {precision}", best, choice)


def at_its_best(make: Any, texts: Sequence[str], cores: int) -> tuple[Any, str]:
    """The fastest of `make(workers, threads each, batch)` on `texts`, and its settings in words."""
    shares = [(1, cores)] + ([(cores, 1)] if cores > 1 else [])
    settings = [(*share, batch) for share in shares for batch in BATCHES]
    made = {setting: make(*setting) for setting in settings}
    best = fastest(settings, lambda setting: seconds_for(made[setting], texts))
    return made[best], f"{best[0]} × {best[1]} threads, batches of {best[2]}, sorted"
