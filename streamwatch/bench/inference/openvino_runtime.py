"""OpenVINO: one pass for both heads, in float32, bfloat16, and int8 (weights and activations, by NNCF)."""

import logging
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import redirect_stdout
from itertools import islice
from typing import Any

from numpy.typing import NDArray

from streamwatch.bench.inference.onnx_runtime import at_its_best, exported
from streamwatch.bench.inference.peer_model import TASKS, Ints, PeerModel, SortedRunner, need, read, sorted_batches
from streamwatch.bench.inference.variant import Opened

HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}
"""The precision of what is not quantised. int8 with bfloat16 beside it was faster than with float32 (325 to 276
documents a second on one busy core), and as good."""
CALIBRATION_TEXTS = 256
CALIBRATION_ROWS = 8


class OpenVino(SortedRunner):
    """A compiled model with a stream for each worker."""

    def __init__(self, model: PeerModel, graph: Any, hint: str, workers: int, threads: int, batch: int) -> None:
        import openvino

        super().__init__(model, workers, batch)
        wanted = {
            "INFERENCE_PRECISION_HINT": hint,
            "NUM_STREAMS": workers,
            "INFERENCE_NUM_THREADS": workers * threads,
        }
        self._compiled = openvino.Core().compile_model(graph, "CPU", wanted)
        self._own = threading.local()

    def logits(self, ids: Ints, mask: Ints) -> dict[str, NDArray[Any]]:
        """Logits of one batch."""
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        found = self._own.request.infer({"ids": ids, "mask": mask})
        return {task: found[task].copy() for task in TASKS}


def open_openvino(model: PeerModel, texts: Sequence[str], cores: int, precision: str) -> Opened:
    """The compiled model with the streams and the batch that ran `texts` fastest."""
    need("onnx", "openvino", *(("nncf",) if precision == "int8" else ()))
    import openvino

    graph = openvino.Core().read_model(str(exported(model)))
    if precision == "int8":
        graph = _quantised(model, graph, texts)
    best, choice = at_its_best(lambda *setting: OpenVino(model, graph, HINTS[precision], *setting), texts, cores)
    return Opened("peers", f"openvino {precision}", best, choice)


def _quantised(model: PeerModel, graph: Any, texts: Sequence[str]) -> Any:
    """The graph with int8 weights and activations, calibrated on texts of the very stream that it will run on."""
    os.environ.setdefault("NNCF_CI", "1")  # with it nncf reports nothing to its makers
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    rows = read(model.tokenizer(), list(islice(texts, CALIBRATION_TEXTS)))
    seen = [{"ids": ids, "mask": mask} for _, ids, mask in sorted_batches(rows, CALIBRATION_ROWS)]
    dataset, mixed = nncf.Dataset(seen), nncf.QuantizationPreset.MIXED
    with redirect_stdout(sys.stderr):  # its bars belong there: the last line of standard output is ours
        return nncf.quantize(graph, dataset, model_type=nncf.ModelType.TRANSFORMER, preset=mixed, subset_size=len(seen))
