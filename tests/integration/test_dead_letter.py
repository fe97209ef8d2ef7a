"""`streamwatch dead-letter list`: plain text whatever the bytes were."""

import os
import subprocess
import sys

from streamwatch import broker, channels
from streamwatch.codec import encode
from streamwatch.config import Settings, environment
from streamwatch.records import DeadLetter


def run_list(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    named = environment(settings)
    command = [sys.executable, "-m", "streamwatch", "dead-letter", "list", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | named, timeout=60)


def test_dead_letters_are_listed_with_their_coordinates_and_counted(tansu_settings: Settings):
    channels.create(tansu_settings)
    producer = broker.producer(tansu_settings)
    for offset, (reason, raw) in enumerate(
        [("invalid_utf8", b"\xff\x1b[31mred\x00"), ("empty_text", b'{"id":"1"}'), ("empty_text", b"{}")]
    ):
        letter = DeadLetter(
            reason=reason, source_channel="social", source_partition=2, source_offset=offset,
            observed_ms=1_740_000_000_000, length_bytes=len(raw), sha256="0" * 64, raw=raw,
        )  # fmt: skip
        producer.send(channels.channel(tansu_settings, "dead-letter"), encode(letter))
    producer.flush()
    producer.close()
    done = run_list(tansu_settings)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and "social[2]@0" in lines[0] and "\x1b" not in done.stdout
    assert done.stderr.strip() == "2 empty_text, 1 invalid_utf8"
    assert len(run_list(tansu_settings, "--reason", "empty_text").stdout.splitlines()) == 2
