"""The registry: models are added once and never changed, and the pointer is always a whole one."""

import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_models import edit_manifest

from streamwatch.cli import cli
from streamwatch.config import load
from streamwatch.errors import ConfigError, ModelError
from streamwatch.inference import describe_model, open_engine
from streamwatch.inference.opening import SHIPPED
from streamwatch.models.manifest import read_manifest
from streamwatch.models.pointer import HISTORY_FILE, POINTER_FILE, Pointer, read_current, read_history
from streamwatch.models.registry import add, checked, listing, read_pointer, roll_back
from streamwatch.models.registry import promote as gated_promote

NOW, LATER = "2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z"


def promote(registry: Path, model: str, now: str) -> Pointer:
    """Promote without a gate: `tests/unit/test_gating_registry.py` is about gates."""
    return gated_promote(registry, model, now, force="a test")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_model_is_added_whole_and_once(registry: Path, model: Path) -> None:
    name = add(registry, model)
    assert files(registry / "models" / name) == files(model)
    assert add(registry, model) == name
    assert [entry.model for entry in listing(registry)] == [name]


def test_the_id_is_made_of_all_that_is_in_the_files(registry: Path, model: Path, other: Path) -> None:
    first, second = add(registry, model), add(registry, other)
    edit_manifest(model, "seed", 77)
    assert len({first, second, add(registry, model)}) == 3


def test_logs_checkpoints_and_pickles_are_left_behind(registry: Path, model: Path) -> None:
    for name in (
        "events.out.tfevents.1",
        "checkpoint.pt",
        "checkpoint.safetensors",
        "search.json",
        ".hidden.json",
        "encoder/pytorch_model.bin",
    ):
        (model / name).write_bytes(b"x")
    (model / "logs").mkdir()
    (model / "logs" / "a.json").write_text("{}")
    name = add(registry, model)
    assert files(registry / "models" / name) == {
        "manifest.json", "adapter.safetensors", "encoder/config.json", "encoder/tokenizer.json",
        "encoder/model.safetensors",
    }  # fmt: skip


def test_a_model_with_a_wrong_hash_is_not_added(registry: Path, model: Path) -> None:
    (model / "encoder" / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="expected"):
        add(registry, model)
    assert listing(registry) == []


def test_a_link_out_of_the_folder_is_not_followed_into_the_registry(registry: Path, model: Path) -> None:
    (model / "notes.txt").symlink_to("/etc/hostname")
    with pytest.raises(ModelError, match="leads out of"):
        add(registry, model)


def test_nothing_promoted_means_the_shipped_model(registry: Path, model: Path) -> None:
    assert read_pointer(registry) is None
    add(registry, model)
    assert read_pointer(registry) is None and listing(registry)[0].current is False


def test_what_is_promoted_is_what_default_opens(registry: Path, model: Path) -> None:
    settings = load(registry=str(registry), device="cpu")
    assert describe_model(settings).adapter == str(SHIPPED)
    name = add(registry, model)
    promote(registry, name, NOW)
    assert read_pointer(registry) == registry / "models" / name
    assert open_engine(settings).model.startswith(read_manifest(model).version + "/")


def test_a_named_folder_goes_before_the_registry(registry: Path, model: Path, other: Path) -> None:
    promote(registry, add(registry, model), NOW)
    assert describe_model(load(registry=str(registry), model=str(other))).adapter == str(other)


def test_rolling_back_goes_back_and_never_forward(registry: Path, model: Path, other: Path) -> None:
    first, second = add(registry, model), add(registry, other)
    promote(registry, first, NOW)
    promote(registry, second, NOW)
    assert roll_back(registry, LATER) == Pointer(first, LATER, "roll_back", ("shipped",))
    assert roll_back(registry, LATER).model == "shipped"
    with pytest.raises(ConfigError, match="nothing served before"):
        roll_back(registry, LATER)
    assert [(p.action, p.model) for p in read_history(registry)] == [
        ("promote", first), ("promote", second), ("roll_back", first), ("roll_back", "shipped"),
    ]  # fmt: skip


def test_promoting_what_serves_changes_nothing(registry: Path, model: Path) -> None:
    name = add(registry, model)
    assert promote(registry, "shipped", NOW).previous == ()
    assert promote(registry, name, NOW) == promote(registry, name, LATER)
    assert len(read_history(registry)) == 1


def test_a_model_changed_after_it_was_added_is_not_promoted_nor_opened(
    registry: Path, model: Path, other: Path
) -> None:
    first, second = add(registry, model), add(registry, other)
    promote(registry, first, NOW)
    edit_manifest(registry / "models" / first, "seed", 77)
    assert "was changed after it was added" in describe_model(load(registry=str(registry))).problem
    promote(registry, second, NOW)
    with pytest.raises(ModelError, match="was changed"):
        roll_back(registry, LATER)
    assert read_pointer(registry) == registry / "models" / second


@pytest.mark.parametrize("name", ["0" * 16, "../../etc", "", "latest"])
def test_an_unknown_model_is_not_promoted(registry: Path, model: Path, name: str) -> None:
    add(registry, model)
    with pytest.raises(ModelError, match="streamwatch models list"):
        promote(registry, name, NOW)
    assert read_current(registry) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"model": 7}', b'{"model":"../../x","promoted_at":""}'])
def test_a_pointer_that_cannot_be_read_is_one_line(registry: Path, content: bytes) -> None:
    registry.mkdir()
    (registry / POINTER_FILE).write_bytes(content)
    problem = describe_model(load(registry=str(registry))).problem
    assert problem and "\n" not in problem


def test_the_history_heals_after_a_crash(registry: Path, model: Path, other: Path) -> None:
    first, second = add(registry, model), add(registry, other)
    promote(registry, first, NOW)
    history = registry / HISTORY_FILE
    history.write_bytes(history.read_bytes()[:20])  # killed while it wrote the line: the pointer was there already
    promote(registry, second, LATER)
    assert [pointer.model for pointer in read_history(registry)] == [first, second]


def test_processes_that_promote_at_once_leave_a_whole_pointer_and_a_whole_history(
    registry: Path, model: Path, other: Path
) -> None:
    names = [add(registry, model), add(registry, other)]
    code = (
        "import sys; from pathlib import Path; from streamwatch.models.registry import promote\n"
        "for i in range(20): promote(Path(sys.argv[1]), sys.argv[2 + i % 2], f'{sys.argv[4]} {i}', force='a test')"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(registry), *names, f"writer {n}"]) for n in range(2)]
    while any(writer.poll() is None for writer in writers):
        pointer = read_current(registry)
        assert pointer is None or pointer.model in names
    assert [writer.returncode for writer in writers] == [0, 0]
    history = read_history(registry)
    assert history[-1] == read_current(registry)
    assert len(history) == len((registry / HISTORY_FILE).read_bytes().splitlines())
    assert all(new.previous[-1] == old.model for old, new in pairwise(history))


def test_models_added_at_once_are_one(registry: Path, model: Path) -> None:
    code = "import sys; from pathlib import Path; from streamwatch.models.registry import add\n"
    code += "add(Path(sys.argv[1]), Path(sys.argv[2]))"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(registry), str(model)]) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    [entry] = listing(registry)
    assert checked(registry, entry.model) and len(list((registry / "models").iterdir())) == 1


def run(*arguments: str, registry: Path | None = None) -> str:
    """What `streamwatch models …` prints."""
    environment = {"STREAMWATCH_REGISTRY": str(registry) if registry else "", "STREAMWATCH_DEVICE": "cpu"}
    done = CliRunner().invoke(cli, ["models", *arguments], env=environment)
    if done.exception:
        raise done.exception
    return done.output


def test_the_commands_take_a_model_through_its_life(registry: Path, model: Path) -> None:
    name = run("add", str(model), registry=registry).strip()
    assert run("promote", name[:4], "--force", "a test", registry=registry).startswith(f"{name} serves since ")
    assert f"* {name} tiny+" in run("list", registry=registry)
    assert f'"model":"{name}","current":true' in run("list", "--json", registry=registry)
    assert '"max_tokens":32' in run("show", "current", "--json", registry=registry)
    assert "encoder" not in run("check", registry=registry)
    assert run("check", "current", "--open", registry=registry) == f"{name} ok\n"
    assert '"model":"shipped"' in run("roll-back", "--json", registry=registry)


def test_a_model_that_cannot_be_opened_is_never_promoted(registry: Path, model: Path) -> None:
    edit_manifest(model, "heads.1.labels", ["one", "two", "unclear"])
    name = run("add", str(model), registry=registry).strip()
    with pytest.raises(ModelError, match="does not fit its manifest"):
        run("promote", name, "--force", "a test", registry=registry)
    assert read_current(registry) is None
    with pytest.raises(ModelError, match="1 of 1 models cannot serve"):
        run("check", "--open", registry=registry)


def test_a_changed_file_is_found_by_check(registry: Path, model: Path) -> None:
    name = add(registry, model)
    shutil.rmtree(registry / "models" / name / "encoder")
    with pytest.raises(ModelError, match="1 of 1"):
        run("check", registry=registry)


def test_without_a_registry_the_commands_say_how_to_name_one() -> None:
    with pytest.raises(ConfigError, match="STREAMWATCH_REGISTRY"):
        run("list")
