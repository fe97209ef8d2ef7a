"""A drift of the labels through real Kafka and Redis: the same alert of kind `drift` whatever happens to worker and store."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

from click.testing import CliRunner
from faults.same_alerts import Piece, Told, live
from faults.takeovers import wipe_at_half

from streamwatch.commands.alerts import alerts as command
from streamwatch.config import load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.inference.engine import NullEngine
from streamwatch.sources.row import Row
from streamwatch.text.clean import model_text, stored_text
from streamwatch.timeline import HOUR_MS, format_rfc3339

START_MS = 400_000 * HOUR_MS
SPACING_MS = 5_000
N_BEFORE, N_AFTER = 2_000, 1_200
WORDS = (
    "shares", "rates", "profit", "index", "bank", "yield", "bond", "growth", "outlook", "quarter", "margin", "sales",
)  # fmt: skip
EAGER = {"drift_run_length": 20_000.0, "drift_reference_documents": 600}


def rows() -> list[Row]:
    """A document every five seconds, of the topics and sentiments that the null model's hash gives; then of the neutral and
    negative ones two in three are left out. Every tenth text is sent a second time."""
    draw, engine, made = Random(1), NullEngine(), list[Row]()
    while len(made) < N_BEFORE + N_AFTER:
        text = f"{' '.join(draw.choices(WORDS, k=7))} of {draw.choice(WORDS)}"
        [said] = engine.classify([model_text(stored_text(text))])
        if len(made) >= N_BEFORE and said.sentiment.label != "positive" and draw.random() < 0.67:
            continue
        made.append(_row(len(made), text))
        if len(made) % 10 == 0:
            made.append(_row(len(made), text))
    return made


def _row(n: int, text: str) -> Row:
    at_ms = START_MS + n * SPACING_MS
    document = {"id": f"d{n}", "text": text, "published_at": format_rfc3339(at_ms), "author": f"a{n % 500}"}
    return Row(f"d{n}".encode(), json.dumps(document).encode(), at_ms, ("news", "social")[n % 2])


def drift_alerts(told: Told) -> list[dict[str, object]]:
    """Each revision; that each has one content is a test of its own."""
    found = [contents for contents in told.alerts.values() if contents[0]["kind"] == "drift"]
    assert all(len(contents) == 1 for contents in found)
    return [contents[0] for contents in found]


def run(tansu: Tansu, prefix: str, folder: Path, pieces: Sequence[Piece], **how: object) -> tuple[Told, str]:
    with RedisServer() as mine:  # it may be wiped
        servers = embedded_settings(tansu.url, mine.url)
        settings = load(prefix=prefix, model="null", partitions=2, stalled_after_s=0, **EAGER, **servers)
        told = live(settings, pieces, folder, **how)  # type: ignore[arg-type]
        environment = {f"STREAMWATCH_{k.upper()}": str(v) for k, v in {"prefix": prefix, **servers}.items()}
        shown = CliRunner().invoke(command, ["list"], env=environment)
        return told, shown.output


def test_the_same_drift_is_told_at_every_speed_and_after_a_wipe(tansu: Tansu, prefix: str, tmp_path: Path) -> None:
    all_rows = rows()
    plain, shown = run(tansu, f"{prefix}a-", tmp_path, [Piece(all_rows)])
    first, last = sorted(drift_alerts(plain), key=lambda alert: alert["revision"])  # type: ignore[arg-type,return-value]
    assert (first["state"], last["state"], last["resolution"], first["id"]) == (
        "firing",
        "resolved",
        "new_level",
        last["id"],
    )
    assert first["drift"]["monitor"] == "class_shares" and first["model"] == "null"  # type: ignore[index]
    assert len(first["evidence"]["documents"]) >= 5  # type: ignore[index]
    assert {one["sentiment"] for one in first["evidence"]["documents"]} == {"positive"}  # type: ignore[index]
    assert "class shares drifted: positive" in shown
    half = len(all_rows) // 2
    wiped, _ = run(
        tansu, f"{prefix}b-", tmp_path, [Piece(all_rows[:half]), Piece(all_rows[half:], 600.0)], fault=wipe_at_half
    )
    assert drift_alerts(wiped) == drift_alerts(plain)
    assert plain.missed == wiped.missed == 0
