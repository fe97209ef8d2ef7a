"""Which precision is taken: what is computed wrongly or loses quality is left out, and the choice outlives a restart."""

from pathlib import Path

import msgspec
import pytest
import torch
from tiny_models import tiny_config
from transformers import BertModel

from streamwatch.config import load
from streamwatch.errors import ModelError
from streamwatch.inference import numeric
from streamwatch.inference.probe import distance, keeps_quality, probe_tensors, stored_rows
from streamwatch.inference.remembered import cache_folder, key_of, recall, remember
from streamwatch.inference.trunks.calibration import calibrate
from streamwatch.inference.trunks.cuda import Bucket, Recorded, bucket, padded
from streamwatch.inference.trunks.opening import open_trunk
from streamwatch.models.heads import HeadShape
from streamwatch.models.manifest import Manifest, Precision, SetMetrics, read_manifest
from streamwatch.models.network import Network, mean_pool

ROWS = [[2, *range(5, 5 + n), 3] for n in (1, 4, 9, 20, 30)]
Weights = dict[str, torch.Tensor]


def metrics(macro_f1: float) -> dict[str, SetMetrics]:
    return {"sentiment/fiqa": SetMetrics(n=100, accuracy=0.8, macro_f1=macro_f1, ece=0.02)}


MEASURED = {
    "fp32": Precision(metrics(0.80), agreement=1.0, tolerance=0.1),
    "bf16": Precision(metrics(0.80), agreement=0.99, tolerance=0.5),
    "int8": Precision(metrics(0.797), agreement=0.98, tolerance=1.0),
}


@pytest.fixture
def network() -> Network:
    torch.manual_seed(3)
    config = tiny_config(intermediate_size=64)
    heads = (HeadShape("sentiment", ("negative", "neutral", "positive"), (), ""),)
    return Network(BertModel(config, add_pooling_layer=False), config.hidden_size, heads).eval()


@pytest.fixture
def stored(network: Network) -> Weights:
    """What a model's file holds for the probe, read as adapters are."""
    made = probe_tensors(network, ROWS) | {f"scales.{k}": t for k, t in calibrate(network, ROWS).items()}
    return {name: tensor.float().clone() for name, tensor in made.items()}


@pytest.fixture
def manifest(tiny_model: Path) -> Manifest:
    return msgspec.structs.replace(read_manifest(tiny_model), precisions=MEASURED)


def opened(network: Network, manifest: Manifest, stored: Weights, folder: Path, precision: str = "auto") -> str:
    settings = load(device="cpu", precision=precision, cache=str(folder))
    return numeric.trunk_for(network, manifest, stored, settings).name


def test_the_stored_texts_and_logits_are_found_again(network: Network, stored: Weights) -> None:
    assert stored_rows(stored) == ROWS
    assert distance(network, open_trunk(network, "fp32"), stored) < 1e-5


def test_a_trunk_that_computes_wrongly_is_far_from_the_stored_logits(network: Network, stored: Weights) -> None:
    trunk = open_trunk(network, "fp32")
    with torch.no_grad():
        stored["probe.logits.sentiment"][2, 1] += 3.0
    assert distance(network, trunk, stored) == pytest.approx(3.0 / stored["probe.logits.sentiment"].numel(), abs=1e-3)
    stored["probe.logits.sentiment"][2, 1] = torch.nan
    assert distance(network, trunk, stored) == float("inf")
    assert distance(network, trunk, {name: t for name, t in stored.items() if "logits" not in name}) == float("inf")


@pytest.mark.parametrize(("macro_f1", "kept"), [(0.80, True), (0.796, True), (0.79, False)])
def test_half_a_point_may_be_lost_and_no_more(macro_f1: float, kept: bool) -> None:
    found = MEASURED | {"int8": Precision(metrics(macro_f1), agreement=0.9, tolerance=1.0)}
    assert keeps_quality("int8", found) is kept


def test_what_was_never_measured_is_not_taken() -> None:
    assert keeps_quality("fp32", {})
    assert not keeps_quality("int8", {})


def test_a_precision_that_is_computed_wrongly_here_is_left_out(
    network: Network, manifest: Manifest, stored: Weights, tmp_path: Path
) -> None:
    exact = {name: msgspec.structs.replace(p, tolerance=0.0) for name, p in MEASURED.items()}
    strict = msgspec.structs.replace(manifest, precisions=exact)
    assert opened(network, strict, stored, tmp_path) == "fp32-cpu"


def test_a_machine_that_computes_even_float32_wrongly_is_refused(
    network: Network, manifest: Manifest, stored: Weights, tmp_path: Path
) -> None:
    stored["probe.logits.sentiment"] += 1.0
    bare = msgspec.structs.replace(manifest, precisions={})
    with pytest.raises(ModelError, match="other logits"):
        opened(network, bare, stored, tmp_path)


def test_the_choice_is_remembered_and_a_restart_takes_it(
    network: Network, manifest: Manifest, stored: Weights, tmp_path: Path
) -> None:
    first = opened(network, manifest, stored, tmp_path / "new")
    assert recall(tmp_path / "new", key_of(manifest.version)) == first.removesuffix("-cpu")
    for name in MEASURED:
        remember(tmp_path, key_of(manifest.version), name)
        assert opened(network, manifest, stored, tmp_path) == f"{name}-cpu"


def test_another_model_over_the_same_encoder_takes_the_same_precision_and_is_not_timed(
    network: Network, manifest: Manifest, stored: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(network, manifest, stored, tmp_path)
    monkeypatch.setattr("streamwatch.inference.probe._seconds", lambda *_: pytest.fail("timed again"))
    adapter = msgspec.structs.replace(manifest.adapter, sha256="1" * 64)
    other = msgspec.structs.replace(manifest, adapter=adapter)
    assert other.version != manifest.version
    assert opened(network, other, stored, tmp_path) == first
    assert recall(tmp_path, key_of(other.version)) == first.removesuffix("-cpu")


def test_a_precision_that_another_model_was_given_is_left_where_it_computes_wrongly_for_this_one(
    network: Network, manifest: Manifest, stored: Weights, tmp_path: Path
) -> None:
    remember(tmp_path, key_of(f"{manifest.base.sha256} fp32 bf16 int8"), "int8")
    strict = MEASURED | {"int8": msgspec.structs.replace(MEASURED["int8"], tolerance=0.0)}
    assert opened(network, msgspec.structs.replace(manifest, precisions=strict), stored, tmp_path) != "int8-cpu"


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"key":"x","precision":"fp4"}', b'{"key":"x","precision":"int8"}', b"\xff"]
)
def test_a_damaged_or_foreign_file_is_ignored_with_a_warning(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    remember(tmp_path, "k", "int8")
    [path] = tmp_path.iterdir()
    path.write_bytes(content)
    assert recall(tmp_path, "k") is None
    assert "chosen again" in caplog.text


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    remember(tmp_path / "file" / "below", "k", "int8")
    assert recall(tmp_path, "k") is None


def test_the_cache_lies_where_the_setting_or_the_desktop_rules_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder("/named") == Path("/named")
    assert cache_folder("") == Path("/somewhere/streamwatch")


def test_a_precision_that_is_asked_for_is_taken(
    network: Network, manifest: Manifest, stored: Weights, tmp_path: Path
) -> None:
    assert opened(network, manifest, stored, tmp_path, "fp32") == "fp32-cpu"
    assert not list(tmp_path.iterdir())
    with pytest.raises(ModelError, match="no int8 scales"):
        opened(network, manifest, {}, tmp_path, "int8")


def test_a_bucket_is_padded_and_gives_the_same_means(network: Network) -> None:
    shape = bucket([len(row) for row in ROWS], n_most=512)
    ids, mask = padded(ROWS, shape)
    assert shape == Bucket(8, 32)
    assert mask.sum(1).tolist() == [3, 6, 11, 22, 32, 1, 1, 1]
    with torch.inference_mode():
        states = mean_pool(network.encoder(input_ids=ids, attention_mask=mask).last_hidden_state, mask)
    assert torch.allclose(states[: len(ROWS)], open_trunk(network, "fp32").pooled(ROWS), atol=1e-5)


def test_each_bucket_is_recorded_once_and_only_when_it_comes_often() -> None:
    recorded: list[Bucket] = []

    def record(run: object, shape: Bucket) -> object:
        recorded.append(shape)
        return run

    passes = Recorded(lambda ids, mask: ids * 1.0, record)  # type: ignore[arg-type]
    for n, length in [(8, 16)] * 2 + [(8, 32)] * 5 + [(8, 16)] * 3 + [(16, 16)]:
        passes(torch.ones(n, length), torch.ones(n, length))
    assert recorded == [Bucket(8, 32), Bucket(8, 16)]
