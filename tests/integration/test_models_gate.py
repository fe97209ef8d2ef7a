"""From the gate to the detectors, on a real broker: what it measured of a promotion is told before the pointer moves."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streamwatch import broker, channels
from streamwatch.codec import encode
from streamwatch.commands.decision_log import read_decisions
from streamwatch.config import Settings
from streamwatch.gating.shift_file import read_shift
from streamwatch.labelling.answers import key_of
from streamwatch.labelling.examples import answer
from streamwatch.models.gated import GATES, verdict
from streamwatch.models.pointer import read_current
from streamwatch.models.registry import add
from streamwatch.testing.records import classified

sys.path.append(str(Path(__file__).parent.parent / "unit"))
from tiny_models import write_model

N_DOCUMENTS = 2100
WORDS = ("shares", "fall", "rise", "profit", "bag", "lost")


@pytest.fixture
def settings(tansu_settings: Settings, tmp_path: Path) -> Settings:
    """A deployment with a registry of one candidate, answers and documents."""
    channels.create(tansu_settings)
    sender = broker.producer(tansu_settings)
    for i in range(N_DOCUMENTS):
        text = (
            f"{WORDS[i % 6]} {WORDS[i // 6 % 6]} {WORDS[i // 36 % 6]} {chr(97 + i % 26)} {chr(97 + i // 26 % 26)} {i}"
        )
        record = classified(f"d{i}", text, source_offset=i, follows=i - 1)
        sender.send(channels.channel(tansu_settings, "classified"), value=encode(record))
    for i in range(40):
        said = answer(f"d{i}", "ana", text=f"shares {WORDS[i % 6]} in week {i}", sentiment="negative")
        sender.send(channels.channel(tansu_settings, "labels"), key=key_of(said).encode(), value=encode(said))
    sender.flush()
    sender.close()
    return tansu_settings.model_copy(
        update={"registry": str(tmp_path / "registry"), "device": "cpu", "precision": "fp32"}
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_gate_reads_kafka_and_a_promotion_tells_the_detectors(
    settings: Settings, start_command: Any, tmp_path: Path
) -> None:
    registry = Path(settings.registry)
    for seed in (1, 2):
        write_model(tmp_path / f"m{seed}", seed=seed)
    first, name = (add(registry, tmp_path / f"m{seed}") for seed in (1, 2))
    assert outcome(start_command(settings, "models", "promote", first, "--force", "a test"))[0] == 0
    code, output, _ = outcome(start_command(settings, "models", "gate", name, "--json"))
    told = msgspec.json.decode(output)
    assert code == 1 and not told["passed"] and told["evidence"]["recent"] > 500 and told["evidence"]["fresh"] > 5
    shift = read_shift(registry / GATES / name)
    assert shift is not None and shift.n_documents == N_DOCUMENTS and "all" in shift.series
    assert verdict(registry, name, first).gate == "failed"
    code, _, errors = outcome(start_command(settings, "models", "promote", name))
    assert code == 1 and "the gate refuses it" in errors and not read_decisions(settings).versions.knows(shift.version)
    assert outcome(start_command(settings, "models", "promote", name, "--force", "a test"))[0] == 0
    pointer = read_current(registry)
    assert pointer is not None and (pointer.model, pointer.gate, pointer.forced) == (name, "failed", "a test")
    assert read_decisions(settings).versions.knows(shift.version)


def outcome(process: Any) -> tuple[int, str, str]:
    """Exit code, output, errors."""
    output, errors = process.communicate(timeout=600)
    return process.returncode, output, errors
