"""`alerts tail` on both brokers: each revision once, for people and for programs."""

import json
import signal
from datetime import UTC, datetime
from typing import Any

import pytest

from streamwatch import broker, channels
from streamwatch.codec import decode, encode
from streamwatch.config import Settings
from streamwatch.records import Alert, Evidence, EvidenceDocument, Term

AT = datetime(2025, 3, 11, 13, 30, tzinfo=UTC)
TERMS = tuple(Term(term=name, z=3.1, n_documents=5, share_of_documents=0.5) for name in ("recall", "brakes"))


def alert(revision: int, **changes: Any) -> Alert:
    """A revision of one alert about a recall."""
    document = EvidenceDocument(
        id="d1", text="Brakes failed \x1b[31m[bold]again[/bold]", published_at=AT, sentiment="negative",
        source="wire", channel="news", partition=2, offset=41, copies=3,
    )  # fmt: skip
    evidence = Evidence(documents=(document,), terms=TERMS, n_distinct_texts=9, n_distinct_authors=8)
    fields: dict[str, Any] = {
        "id": "a1", "revision": revision, "state": "firing", "rule": "default", "series": "ticker:BRWK",
        "kind": "negative_share", "severity": "critical", "onset": AT, "at": AT, "window_s": 300, "n": 17, "k": 12,
        "share": 12 / 17, "p0": 0.22, "p0_low": 0.18, "p0_high": 0.27, "k_expected": 3.7, "lift": 3.2, "score": 1e6,
        "threshold": 1e5, "evidence": evidence,
    }  # fmt: skip
    return Alert(**(fields | changes))


def publish(settings: Settings, *values: bytes) -> None:
    """Write records to the alert channel."""
    sender = broker.producer(settings)
    for value in values:
        sender.send(channels.channel(settings, "alerts"), key=b"a1", value=value).get(10)
    sender.close()


def test_each_revision_comes_once_and_what_is_no_alert_is_said(settings: Settings, start_command: Any) -> None:
    channels.create(settings)
    event = encode({"specversion": "1.0", "type": "alert", "data": alert(2, state="resolved", resolution="recovered")})
    publish(settings, encode(alert(1)), encode(alert(1)), b"{broken", event)
    output, errors = start_command(settings, "alerts", "tail", "--json", "--no-follow").communicate(timeout=20)
    found = [decode(line.encode(), Alert) for line in output.splitlines()]
    assert [(a.id, a.revision, a.state) for a in found] == [("a1", 1, "firing"), ("a1", 2, "resolved")]
    assert errors.startswith("streamwatch: a record that is no alert: invalid_json")


def test_people_see_share_expectation_and_evidence_without_control_characters(
    tansu_settings: Settings, start_command: Any
) -> None:
    channels.create(tansu_settings)
    publish(tansu_settings, encode(alert(1)), encode(alert(2, kind="negative_volume", k=12)))
    output, errors = start_command(tansu_settings, "alerts", "tail", "--no-follow").communicate(timeout=20)
    head, who, document, volume, *_ = output.splitlines()
    assert "FIRING  critical  ticker:BRWK  71% negative (12 of 17), expected 22% (18% to 27%)" in head
    assert who.strip() == "9 texts by 8 authors; terms: recall, brakes"
    assert document.endswith("[bold]again[/bold]  (wire, news[2]@41, 3 copies)")
    assert "12 negative, expected 3.7" in volume
    assert "\x1b" not in output
    assert errors == ""


@pytest.mark.parametrize(("options", "expected"), [([], [2]), (["--from-start"], [1, 2])])
def test_following_shows_new_ones_until_ctrl_c(
    settings: Settings, start_command: Any, options: list[str], expected: list[int]
) -> None:
    channels.create(settings)
    publish(settings, encode(alert(1)))
    process = start_command(settings, "alerts", "tail", "--json", *options)
    lines: list[str] = []
    if 1 in expected:
        lines.append(process.stdout.readline())
    else:
        _wait_until_it_reads(process)
    publish(settings, encode(alert(2)))
    lines.append(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=20)
    assert [json.loads(line)["revision"] for line in lines] == expected
    assert (process.returncode, rest, errors) == (0, "", "")


def _wait_until_it_reads(process: Any) -> None:
    """It starts at the channel's end, which is only known once it has asked for it: some tenths of a second."""
    with pytest.raises(Exception, match="timed out"):
        process.wait(timeout=4)


def test_without_the_channel_it_says_what_to_do(tansu_settings: Settings, start_command: Any) -> None:
    process = start_command(tansu_settings, "alerts", "tail")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "run streamwatch channels create" in errors
