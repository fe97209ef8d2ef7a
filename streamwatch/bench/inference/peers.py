"""The peers, each at its best on this machine."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from streamwatch.bench.inference.peer_model import PeerModel, peer_model
from streamwatch.bench.inference.variant import Opened, Spec
from streamwatch.config import Settings


def peer_specs(settings: Settings, texts: Sequence[str], cores: int, work: Path) -> list[Spec]:
    """What a user would pick instead. `texts` are those that settings are searched on."""
    from streamwatch.bench.inference.onnx_runtime import open_onnx
    from streamwatch.bench.inference.openvino_runtime import open_openvino
    from streamwatch.bench.inference.pipelines import open_pipelines, open_sentence

    model = cache(lambda: peer_model(settings, work))

    def spec(name: str, open_one: Callable[[PeerModel], Opened]) -> Spec:
        return Spec("peers", name, lambda: open_one(model()))

    return [
        spec("two pipelines", lambda m: open_pipelines(m, texts, cores)),
        spec("sentence-transformers", lambda m: open_sentence(m, texts, cores)),
        spec("onnxruntime fp32", lambda m: open_onnx(m, texts, cores, "fp32")),
        spec("onnxruntime int8", lambda m: open_onnx(m, texts, cores, "int8")),
        spec("openvino fp32", lambda m: open_openvino(m, texts, cores, "fp32")),
        spec("openvino bf16", lambda m: open_openvino(m, texts, cores, "bf16")),
        spec("openvino int8", lambda m: open_openvino(m, texts, cores, "int8")),
    ]
