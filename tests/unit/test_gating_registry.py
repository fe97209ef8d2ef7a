"""The registry and the gate: what may be promoted, what is written down, and what happens when something breaks."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from tiny_models import edit_manifest, write_model

from streamwatch.cli import cli
from streamwatch.errors import ConfigError, ModelError
from streamwatch.gating.page import page
from streamwatch.gating.report import Check, Report, read_report, to_json
from streamwatch.labelling.examples import answer
from streamwatch.models.gated import keep, verdict
from streamwatch.models.pointer import read_current, read_history
from streamwatch.models.registry import add, checked, listing, promote, roll_back
from streamwatch.testing.records import classified

NOW, LATER = "2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z"


def report(model: str, incumbent: str = "shipped", *more: Check) -> Report:
    checks = (Check("gain", "Better on fresh answers", "passed", "+2.0 points"), *more)
    return Report(incumbent=incumbent, candidate=model, made_at=NOW, checks=checks)


def gated(registry: Path, made: Report) -> None:
    keep(registry, made.candidate, to_json(made), page(made))


def run(*arguments: str, registry: Path) -> Any:
    environment = {"STREAMWATCH_REGISTRY": str(registry), "STREAMWATCH_DEVICE": "cpu", "STREAMWATCH_PRECISION": "fp32"}
    done = CliRunner().invoke(cli, ["models", *arguments], env=environment)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_a_model_that_was_not_gated_is_not_promoted(registry: Path, model: Path) -> None:
    name = add(registry, model)
    with pytest.raises(ModelError, match="it was not gated"):
        promote(registry, name, NOW)
    assert read_current(registry) is None


def test_a_model_that_passed_is_promoted_and_the_history_says_so(registry: Path, model: Path) -> None:
    name = add(registry, model)
    gated(registry, report(name))
    assert promote(registry, name, NOW).gate == "passed"
    assert read_history(registry)[-1].gate == "passed" and read_history(registry)[-1].forced == ""


def test_a_model_that_failed_needs_a_reason_and_the_reason_is_kept(registry: Path, model: Path) -> None:
    name = add(registry, model)
    gated(
        registry, report(name, "shipped", Check("poison", "No planted phrase", "failed", "'vellum harbour' turns 90 %"))
    )
    with pytest.raises(ModelError, match="vellum harbour"):
        promote(registry, name, NOW)
    with pytest.raises(ModelError, match="--force"):
        promote(registry, name, NOW, force="  ")
    pointer = promote(registry, name, NOW, force="checked by hand")
    assert (pointer.gate, pointer.forced) == ("failed", "checked by hand")
    assert read_history(registry) == [pointer]


def test_too_little_data_refuses_as_a_failure_does(registry: Path, model: Path) -> None:
    name = add(registry, model)
    gated(registry, report(name, "shipped", Check("churn", "Sure labels", "short", "900 are missing", missing=900)))
    with pytest.raises(ModelError, match="900 are missing"):
        promote(registry, name, NOW)


def test_a_gate_against_another_model_than_serves_now_does_not_count(registry: Path, model: Path, other: Path) -> None:
    first, second = add(registry, model), add(registry, other)
    gated(registry, report(first))
    gated(registry, report(second))
    promote(registry, first, NOW)
    with pytest.raises(ModelError, match=f"its gate was against shipped, and {first} serves by now"):
        promote(registry, second, LATER)


def test_what_a_report_says_of_itself_is_not_believed(registry: Path, model: Path) -> None:
    name = add(registry, model)
    bad = json.loads(to_json(report(name, "shipped", Check("past", "Past", "failed", "lost"))))
    keep(registry, name, json.dumps(bad | {"passed": True, "refusals": []}).encode(), "")
    assert verdict(registry, name, "shipped").gate == "failed"
    keep(registry, name, json.dumps(bad | {"checks": []}).encode(), "")
    assert verdict(registry, name, "shipped").gate == "missing"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"candidate": 7}'])
def test_a_report_that_cannot_be_read_is_as_none(registry: Path, model: Path, content: bytes) -> None:
    name = add(registry, model)
    keep(registry, name, content, "")
    assert verdict(registry, name, "shipped").gate == "missing"


def test_the_shipped_model_needs_no_gate(registry: Path, model: Path) -> None:
    promote(registry, add(registry, model), NOW, force="a test")
    assert promote(registry, "shipped", LATER).gate == ""


def test_rolling_back_takes_less_than_ten_seconds_and_no_gate(registry: Path, model: Path, other: Path) -> None:
    first, second = add(registry, model), add(registry, other)
    promote(registry, first, NOW, force="a test")
    promote(registry, second, NOW, force="a test")
    began = time.monotonic()
    assert first in run("rollback", registry=registry)
    assert time.monotonic() - began < 10
    assert read_history(registry)[-1].action == "roll_back"


def test_rolling_back_passes_over_what_was_removed(registry: Path, model: Path, other: Path) -> None:
    first, second = add(registry, model), add(registry, other)
    promote(registry, first, NOW, force="a test")
    promote(registry, second, NOW, force="a test")
    (registry / "models" / first).rename(registry / "elsewhere")
    assert roll_back(registry, LATER).model == "shipped"


def test_a_full_disk_leaves_the_registry_whole_and_the_incumbent_serving(
    registry: Path, model: Path, other: Path
) -> None:
    first = add(registry, model)
    promote(registry, first, NOW, force="a test")
    said = limited(f"add(Path({str(registry)!r}), Path({str(other)!r}))", file_bytes=20_000)
    assert "ConfigError" in said and "cannot be written" in said
    assert [entry.model for entry in listing(registry)] == [first] and checked(registry, first)
    second = add(registry, other)
    said = limited(f"promote(Path({str(registry)!r}), {second!r}, 'later', force='a test')", file_bytes=0)
    assert "ConfigError" in said and "make room" in said
    pointer = read_current(registry)
    assert pointer is not None and pointer.model == first
    assert promote(registry, second, LATER, force="room again").model == second


def test_a_kill_in_the_middle_of_a_copy_leaves_no_half_model(registry: Path, model: Path, other: Path) -> None:
    first = add(registry, model)
    promote(registry, first, NOW, force="a test")
    code = (
        "import os, sys; from pathlib import Path; from streamwatch.models import registry\n"
        "registry.sync = lambda path: os.kill(os.getpid(), 9)\n"  # dies when the first file is copied
        "registry.add(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(registry), str(other)], check=False)
    assert killed.returncode == -signal.SIGKILL
    [left_behind] = (registry / "models").glob(".*")
    assert [entry.model for entry in listing(registry)] == [first]
    assert add(registry, other) != first and len(listing(registry)) == 2
    os.utime(left_behind, (0, 0))
    assert left_behind.name in run("gc", registry=registry) and not left_behind.exists()


def test_gc_keeps_what_serves_what_served_and_their_parents(registry: Path, tmp_path: Path) -> None:
    names, parent = [], ""
    for seed in range(6):
        made = write_model(tmp_path / f"m{seed}", seed=seed + 10, parent=parent)
        names.append(add(registry, tmp_path / f"m{seed}"))
        parent = made.adapter.sha256 if seed in (0, 4) else ""  # 1 is of 0, and 5 is of 4
    for seed in (1, 2, 3, 5):
        promote(registry, names[seed], NOW, force="a test")
    kept = {names[i] for i in (5, 4, 3)}  # serves, its parent, served before
    assert run("gc", "--keep", "1", registry=registry) == ""
    gone = run("gc", "--keep", "1", "--older-than", "0", registry=registry)
    assert {entry.model for entry in listing(registry)} == kept and gone.count("removed") == 3
    assert roll_back(registry, LATER).model == names[3] and roll_back(registry, LATER).model == "shipped"


def test_gc_leaves_a_copy_that_somebody_is_making(registry: Path, model: Path) -> None:
    add(registry, model)
    copy = registry / "models" / ".0123456789abcdef.copying"
    copy.mkdir()
    run("gc", "--older-than", "0", registry=registry)
    assert copy.is_dir()


def test_a_model_that_is_taken_out_while_it_is_promoted_does_not_serve(
    registry: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = add(registry, model)
    monkeypatch.setattr(
        "streamwatch.models.registry.checked", lambda room, which: shutil.rmtree(room / "models" / which)
    )
    with pytest.raises(ModelError, match="any more"):
        promote(registry, name, NOW, force="a test")
    assert read_current(registry) is None


def test_a_gate_from_files_says_what_is_missing_and_keeps_its_report(
    registry: Path, model: Path, other: Path, tmp_path: Path
) -> None:
    first, name = add(registry, model), add(registry, other)
    promote(registry, first, NOW, force="a test")
    labels = tmp_path / "labels.jsonl"
    answers = [
        answer(f"d{i}", f"l{i % 3}", text=f"shares fall {i} percent in week {i}", sentiment="negative")
        for i in range(60)
    ]
    labels.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in answers))
    (tmp_path / "stream.jsonl").write_text("")
    (tmp_path / "old.csv").write_text("text,sentiment\nprofit falls,negative\n")
    files = ("--labels", str(labels), "--stream", str(tmp_path / "stream.jsonl"), "--past", str(tmp_path / "old.csv"))
    with pytest.raises(ModelError, match=f"the gate refuses {name}"):
        run("gate", name, *files, registry=registry)
    made = read_report(registry / "gates" / name / "gate.json")
    assert made.check("gain").missing == 200 - made.evidence["fresh"] and made.evidence["fresh"] > 10
    assert made.check("churn").missing == 2000 and made.incumbent == first
    assert "<script" not in (registry / "gates" / name / "gate.html").read_text()
    assert "gate     failed" in run("show", name, registry=registry)
    with pytest.raises(ModelError, match="is not promoted: the gate refuses it"):
        run("promote", name, registry=registry)


def test_a_parent_that_is_not_there_is_told_of_and_refused(registry: Path, model: Path, tmp_path: Path) -> None:
    edit_manifest(model, "parent", "ab" * 32)
    name = add(registry, model)
    assert "abababab…, which is not in this registry" in run("show", name, registry=registry)
    from streamwatch.gating.gate import known_parent

    assert known_parent(registry, registry / "models" / name).status == "failed"


def test_a_shadow_says_what_would_change_and_writes_nothing(
    registry: Path, model: Path, other: Path, tmp_path: Path
) -> None:
    first, second = add(registry, model), add(registry, other)
    promote(registry, first, NOW, force="a test")
    stream = tmp_path / "stream.jsonl"
    records = [classified(f"d{i}", f"the company lost bag {i} of profit") for i in range(30)]
    stream.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in records))
    told = json.loads(run("shadow", second, "--stream", str(stream), "--json", registry=registry))
    assert told["n"] == 30 and sum(told["tasks"]["sentiment"]["candidate"].values()) == pytest.approx(1)
    assert "change" in run("shadow", second, "--stream", str(stream), registry=registry)
    assert not (registry / "gates").exists()


def test_what_two_models_differ_in_is_shown(registry: Path, model: Path, other: Path) -> None:
    first, second = add(registry, model), add(registry, other)
    told = json.loads(run("diff", first, second, "--json", registry=registry))
    assert told["seed"] == [1, 2] and "adapter.sha256" in told and "max_tokens" not in told
    assert "seed" in run("diff", first, second, registry=registry)


def test_a_report_with_hostile_names_is_text() -> None:
    from streamwatch.gating.report import Row

    hostile = "source <script>alert(1)</script> $\\frac{1}{0}$"
    check = Check(
        "slices", "Slices", "failed", hostile, rows=(Row(hostile, 300, value=-0.1, low=-0.2, high=0.0, failed=True),)
    )
    html = page(report("1f0c", "shipped", check))
    assert "<script" not in html and "&lt;script&gt;" in html and "<svg" in html
    assert msgspec.json.decode(to_json(report("1f0c", "shipped", check)))["passed"] is False


def limited(call: str, file_bytes: int) -> str:
    """What a process says that may write files of `file_bytes` at most: the kernel refuses as a full disk does."""
    code = (
        "from pathlib import Path; from streamwatch.models.registry import add, promote\n"
        f"try:\n    {call}\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    done = subprocess.run(
        [sys.executable, "-B", "-c", code], preexec_fn=limit, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_no_room_for_a_report_is_one_line(registry: Path, model: Path) -> None:
    name = add(registry, model)
    (registry / "gates").write_text("a file in the way")
    with pytest.raises(ConfigError, match="cannot be written"):
        gated(registry, report(name))
