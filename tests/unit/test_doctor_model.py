"""What the doctor says of the model and of the registry."""

from pathlib import Path

from tiny_models import edit_manifest

from streamwatch.config import load
from streamwatch.doctor.model import check_device, check_model, check_registry
from streamwatch.inference.remembered import cache_folder, key_of, remember
from streamwatch.models.manifest import read_manifest
from streamwatch.models.pointer import POINTER_FILE
from streamwatch.models.registry import add, promote

NOW = "2026-01-05T08:00:00Z"


def test_without_a_registry_the_model_is_the_named_one() -> None:
    (finding,) = check_registry(load())
    assert (finding.status, finding.saw) == ("ok", "none: the model is the one that STREAMWATCH_MODEL names")


def test_a_registry_says_how_many_models_it_has_and_which_serves(model: Path, tmp_path: Path) -> None:
    registry = tmp_path / "registry"
    settings = load(registry=str(registry))
    name = add(registry, model)
    assert next(check_registry(settings)).saw == "1 models, shipped serves"
    promote(registry, name, NOW, force="a test")
    (found,) = check_model(settings)
    assert next(check_registry(settings)).saw == f"1 models, {name} serves"
    assert found.status == "ok" and f"models/{name}" in found.saw


def test_a_registry_that_is_not_used_is_a_warning(model: Path, tmp_path: Path) -> None:
    (finding,) = check_registry(load(registry=str(tmp_path), model=str(model)))
    assert finding.status == "warn" and "but not here" in finding.saw


def test_a_pointer_or_a_model_that_is_bad_fails(model: Path, tmp_path: Path) -> None:
    settings = load(registry=str(tmp_path))
    name = add(tmp_path, model)
    promote(tmp_path, name, NOW, force="a test")
    edit_manifest(tmp_path / "models" / name, "seed", 77)
    (finding,) = check_registry(settings)
    assert finding.status == "fail" and "was changed after it was added" in finding.saw and finding.todo
    (tmp_path / POINTER_FILE).write_text("{")
    (finding,) = check_registry(settings)
    assert finding.status == "fail" and "cannot be read" in finding.saw


def test_the_device_is_named_with_the_numbers_that_the_probe_has_chosen(model: Path, tmp_path: Path) -> None:
    settings = load(model=str(model), device="cpu", cache=str(tmp_path))
    assert "numbers chosen at the first start" in next(check_device(settings)).saw
    remember(cache_folder(settings.cache), key_of(read_manifest(model).version), "int8")
    assert ", int8, " in next(check_device(settings)).saw
    assert ", fp32, " in next(check_device(load(model=str(model), device="cpu", precision="fp32"))).saw
