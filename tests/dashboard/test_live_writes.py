"""What people write over the API: it is there when the answer is, as the record that the command line writes."""

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest
from running_dashboard import NOW_MS, Dashboard, an_alert, publish, running

from streamwatch import broker, channels
from streamwatch.channels import channel
from streamwatch.codec import encode
from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.following.channel_log import records
from streamwatch.labelling.examples import sample
from streamwatch.records import DeadLetter


@pytest.fixture(scope="module")
def desk(tansu: Tansu, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard for the tests of this file, with an alert, three documents to label and two dead letters."""
    folder = tmp_path_factory.mktemp("desk")
    settings = load(
        prefix=f"w{secrets.token_hex(4)}-", model="null", documents=str(folder / "documents"),
        **embedded_settings(tansu.url, redis_server.url),
    )  # fmt: skip
    channels.create(settings)
    publish(settings, "alerts", [an_alert()])
    publish(settings, "drift", [sample(name, text=f"text of {name}") for name in ("s1", "s2", "s3")])
    letters(settings)
    with running(settings, folder) as one:
        until(lambda: len(items(one, "/dead-letters")) == 2 and one.get("/labels/next").status_code == 200)
        yield one


def letters(settings: Settings) -> None:
    """One that can be put back, and one whose bytes were cut."""
    producer = broker.producer(settings)
    whole = b'{"id":"d1","text":"mended","published_at":"2025-03-11T13:40:00Z"}'
    for offset, length in ((7, len(whole)), (8, 100_000)):
        letter = DeadLetter(
            reason="wrong_type", source_channel="social", source_partition=1, source_offset=offset, observed_ms=NOW_MS,
            length_bytes=length, sha256="0" * 64, raw=whole,
        )  # fmt: skip
        producer.send(channel(settings, "dead-letter"), value=encode(letter)).get(10)
    producer.close()


def until(happened: Any, seconds: float = 20.0) -> None:
    """Wait for something that comes soon."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def items(desk: Dashboard, path: str) -> list[Any]:
    """The items of a list."""
    found: list[Any] = desk.get(path).json()["items"]
    return found


def values(settings: Settings, name: str) -> list[tuple[bytes | None, Any]]:
    """Keys and contents of a channel."""
    return [(key, json.loads(value)) for key, value in records(settings, name, from_start=True, follow=False) if value]


def test_an_acknowledgement_and_a_verdict_are_read_by_whoever_asks_next(desk: Dashboard) -> None:
    path = "/alerts/a1b2c3d4e5f6"
    assert desk.put(f"{path}/acknowledgement", {"comment": "I look into it"}).status_code == 200
    answer = desk.put(f"{path}/verdict", {"true": False, "comment": "a joke"}).json()
    assert answer["standing"]["acknowledgement"]["comment"] == "I look into it"
    assert answer["standing"]["verdict"]["true"] is False
    keys = [key for key, _ in values(desk.settings, "decisions")][-2:]
    assert keys == [b"ack/a1b2c3d4e5f6", b"verdict/a1b2c3d4e5f6"]
    taken_back = desk.put(f"{path}/verdict", {"true": None}).json()
    assert "verdict" not in taken_back["standing"]
    retracted = desk.put(f"{path}/acknowledgement", {"retracted": True}).json()
    assert retracted["standing"] == {}


def test_what_cannot_be_judged_is_refused_with_the_reason(desk: Dashboard) -> None:
    missing = desk.put("/alerts/nowhere/verdict", {"true": True})
    assert (missing.status_code, missing.json()["type"]) == (404, "no-alert")
    too_long = desk.put("/alerts/a1b2c3d4e5f6/verdict", {"true": True, "comment": "x" * 2001})
    assert too_long.status_code == 422
    unknown = desk.put("/alerts/a1b2c3d4e5f6/verdict", {"true": True, "coment": "x"})
    assert unknown.status_code == 422


def test_a_silence_hides_an_alert_until_it_is_ended(desk: Dashboard) -> None:
    made = desk.post("/silences", {"matchers": {"series": ["ticker:*"]}, "duration": "2h", "comment": "earnings"})
    assert (made.status_code, made.json()["state"]) == (201, "active")
    silence_id = made.json()["id"]
    standing = desk.put("/alerts/a1b2c3d4e5f6/acknowledgement", {}).json()["standing"]
    assert standing["silenced_by"]["id"] == silence_id
    assert [one["id"] for one in items(desk, "/silences")] == [silence_id]
    assert desk.delete(f"/silences/{silence_id}").json()["expired_by"]
    assert items(desk, "/silences") == []
    assert [one["state"] for one in desk.get("/silences", state="over").json()["items"]] == ["over"]
    again = desk.delete(f"/silences/{silence_id}")
    assert (again.status_code, again.json()["type"]) == (409, "silence-over")


def test_a_silence_that_makes_no_sense_is_refused(desk: Dashboard) -> None:
    wrong = {
        "both ends": {"duration": "2h", "ends_at": "2099-01-01T00:00:00Z"},
        "no end": {},
        "no duration": {"duration": "two hours"},
        "over before it begins": {"ends_at": 5},
        "longer than a year": {"ends_at": "2099-01-01T00:00:00Z"},
        "no time": {"duration": "1h", "starts_at": "soon"},
        "far future": {"duration": "1h", "starts_at": 10**20},
    }
    for why, more in wrong.items():
        refused = desk.post("/silences", {"matchers": {"series": ["all"]}, "comment": "x"} | more)
        assert (refused.status_code, refused.json()["type"]) == (422, "no-silence"), why


def test_a_watchlist_is_saved_replaced_and_deleted(desk: Dashboard) -> None:
    assert desk.put("/watchlists/My banks", {"series": ["ticker:JPM", "ticker:JPM", "all"]}).status_code == 200
    assert desk.put("/watchlists/My banks", {"series": ["ticker:BAC"]}).status_code == 200
    assert [(one["name"], one["series"]) for one in items(desk, "/watchlists")] == [("My banks", ["ticker:BAC"])]
    assert desk.delete("/watchlists/My banks").status_code == 204
    assert desk.delete("/watchlists/My banks").status_code == 404
    assert items(desk, "/watchlists") == []


def test_a_document_is_labelled_undone_and_labelled_again_without_the_models_word(desk: Dashboard) -> None:
    given = desk.get("/labels/next").json()
    assert desk.get("/labels/next").json()["document"] == given["document"], "what one holds comes again"
    assert set(given["document"]) == {"id", "text", "published_ms", "source", "drawn_as"}
    assert "prediction" not in json.dumps(given)
    document_id, topic = given["document"]["id"], given["topics"][0]
    said = desk.post("/labels", {"id": document_id, "topic": topic, "sentiment": "negative", "reading": "market"})
    assert (said.status_code, said.json()["progress"]["mine"]) == (201, 1)
    assert desk.get("/labels/next").json()["document"]["id"] != document_id
    again = desk.post("/labels/undo", {}).json()
    assert (again["document"]["id"], again["progress"]["mine"]) == (document_id, 0)
    assert desk.post("/labels", {"id": document_id, "verdict": "personal_data"}).status_code == 201
    newest = values(desk.settings, "labels")[-1][1]
    assert (newest["verdict"], newest["text"], newest["labeller"]) == (
        "personal_data",
        given["document"]["text"],
        "root",
    )
    stats = desk.get("/labels/stats").json()
    assert (stats["n_answered"], stats["n_withdrawn"]) == (1, 1)
    assert set(stats["agreement"]["topic"]) >= {"kappa", "n_pairs"}


def test_an_answer_that_makes_no_sense_is_refused(desk: Dashboard) -> None:
    before = values(desk.settings, "labels")
    assert desk.post("/labels", {"id": "nobody", "sentiment": "negative"}).status_code == 404
    for wrong in ({"topic": "astrology"}, {}, {"verdict": "none_of_these", "topic": "earnings"}):
        refused = desk.post("/labels", {"id": "s1"} | wrong)
        assert (refused.status_code, refused.json()["type"]) == (422, "no-answer")
    assert desk.post("/labels/undo", {"id": "nobody"}).json()["type"] == "nothing-to-undo"
    assert values(desk.settings, "labels") == before


def test_a_dead_letter_goes_back_to_its_channel_and_says_that_it_did(desk: Dashboard) -> None:
    newest, oldest = items(desk, "/dead-letters")
    assert (newest["replayable"], oldest["replayable"]) == (False, True)
    assert "mended" in oldest["shown"]
    page = desk.get("/dead-letters", limit=1).json()
    assert desk.get("/dead-letters", limit=1, cursor=page["next"]).json()["items"] == [oldest]
    place = desk.post(f"/dead-letters/{oldest['partition']}/{oldest['offset']}/replay", {})
    assert (place.status_code, place.json()["channel"], place.json()["partition"]) == (200, "social", 1)
    cut = desk.post(f"/dead-letters/{newest['partition']}/{newest['offset']}/replay", {})
    assert (cut.status_code, cut.json()["type"]) == (409, "raw-cut")
    assert desk.post("/dead-letters/0/999/replay", {}).status_code == 404
    (message,) = read_messages(desk.settings, "social")
    assert b"mended" in message.value
    assert dict(message.headers) == {"replayed_from": f"dead-letter/0/{oldest['offset']}".encode()}


def read_messages(settings: Settings, name: str) -> list[Any]:
    """What lies in a channel, with headers."""
    from kafka import TopicPartition

    with broker.consumer(settings, auto_offset_reset="earliest") as reader:
        topic = channel(settings, name)
        parts = [TopicPartition(topic, p) for p in reader.partitions_for_topic(topic)]
        reader.assign(parts)
        reader.seek_to_beginning()
        found: list[Any] = []
        deadline = time.monotonic() + 10
        while not found and time.monotonic() < deadline:
            found += [one for batch in reader.poll(500).values() for one in batch]
        return found


def test_without_a_registry_the_models_page_is_told_so(desk: Dashboard) -> None:
    assert desk.get("/models").json()["type"] == "no-registry"
    assert desk.post("/models/roll-back", {"reason": "x"}).json()["type"] == "no-registry"
