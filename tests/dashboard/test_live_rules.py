"""Rules made on the dashboard, over a real worker: they decide, the second of two is told, a backtest says the same, and a wiped
Redis changes nothing of what people made.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from delta_stream import loud, usual
from faults.harness import Replaying, Scene
from redis import Redis
from running_dashboard import Dashboard, running

from streamwatch import channels
from streamwatch.config import load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings
from streamwatch.sources.replay import Options
from streamwatch.timeline import HOUR_MS, MINUTE_MS
from streamwatch.trends.reading import TrendReader

START_MS = 1_741_564_800_000
LOUD_MS = START_MS + 15 * HOUR_MS
END_MS = LOUD_MS + 6 * HOUR_MS
MINE = """
name: mine
series: ["topic:*", "entity:*"]
kinds: [negative_share]
false_alarms_per_week: 10
max_series: 10
keep_firing_for: 30m
labels: {team: desk}
"""


FIRST = 30
"""Rows that come before the rule can hold: from a bucket on that nobody has closed, and without a document there is none."""
ROWS = [
    *usual(START_MS, LOUD_MS),
    *loud(LOUD_MS),
    *usual(LOUD_MS + HOUR_MS, END_MS),
]


class Desk:
    """A worker, two dashboards, and what lies behind them."""

    def __init__(self, one: Dashboard, other: Dashboard) -> None:
        self.one, self.other = one, other
        self.scene = Scene(one.settings)
        self.redis = Redis.from_url(one.settings.redis)

    def in_force(self) -> list[str]:
        """The names of the rules that hold, in order."""
        told = self.one.get("/rules").json()["in_force"]
        lines = told["text"].splitlines() if told else []
        return [line.removeprefix("- name: ") for line in lines if line.startswith("- name: ")]

    def alerts(self) -> dict[str, tuple[int, str, str]]:
        """Revision, rule and state of each alert."""
        found = self.one.get("/alerts", limit=500).json()["items"]
        return {
            one["alert"]["id"]: tuple(one["alert"][part] for part in ("revision", "rule", "state")) for one in found
        }

    def windows(self) -> list[Any]:
        """All windows of `all`, as anybody reads them."""
        return list(TrendReader(self.redis, self.one.settings.prefix).windows("all"))

    def made(self) -> dict[str, Any]:
        """What people made, as it is shown."""
        return {
            path: self.one.get(path).json()["made_here" if path == "/rules" else "items"]
            for path in ("/silences", "/rules", "/watchlists", "/keys")
        }


@pytest.fixture(scope="module")
def desk(tansu: Tansu, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """On the embedded broker, with a Redis of its own: it is wiped. There is no rules file."""
    folder = tmp_path_factory.mktemp("desk")
    with RedisServer() as mine:
        settings = load(
            prefix=f"r{secrets.token_hex(4)}-", model="null", partitions=2, stalled_after_s=0,
            documents=str(folder / "documents"), **embedded_settings(tansu.url, mine.url),
        )  # fmt: skip
        channels.create(settings)
        with running(settings, folder, worker=True) as one, running(settings, folder) as other:
            yield Desk(one, other)


def until(happened: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for something that comes soon."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def made_here(one: Dashboard) -> list[Any]:
    """The rules that people made, as a process has them: another one has them some milliseconds later."""
    found: list[Any] = one.get("/rules").json()["made_here"]
    return found


def test_a_rule_that_makes_no_sense_is_told_its_faults_by_line(desk: Desk) -> None:
    wrong = desk.one.post("/rules/check", {"text": "name: mine\nseris: all\nfro: 5m"}).json()
    assert wrong["ok"] is False
    assert [one["line"] for one in wrong["faults"]] == [2, 3]
    assert "did you mean `series`?" in wrong["faults"][0]["text"]
    right = desk.one.post("/rules/check", {"text": MINE}).json()
    assert (right["ok"], right["shadowed_by"], right["rule"]["keep_firing_for_ms"]) == (True, "", 30 * MINUTE_MS)
    refused = desk.one.put("/rules/other", {"text": MINE, "based_on": 0})
    assert (refused.status_code, refused.json()["type"]) == (422, "other-name")
    bad = desk.one.put("/rules/mine", {"text": "name: [", "based_on": 0})
    assert (bad.status_code, bad.json()["type"]) == (422, "no-rule")
    bomb = "a: &a [x,x]\nb: &b [*a,*a]\nname: mine"
    assert desk.one.post("/rules/check", {"text": bomb}).json()["ok"] is False


def test_of_two_admins_who_save_the_same_rule_the_second_is_told(desk: Desk) -> None:
    with ThreadPoolExecutor(2) as both:
        answers = list(
            both.map(lambda one: one.put("/rules/mine", {"text": MINE, "based_on": 0}), (desk.one, desk.other))
        )
    assert sorted(one.status_code for one in answers) == [200, 409]
    told = next(one.json() for one in answers if one.status_code == 409)
    assert (told["type"], told["revision"], told["made_by"]) == ("rule-changed", 1, "root")
    late = desk.other.put("/rules/mine", {"text": MINE, "based_on": 0})
    assert (late.status_code, late.json()["revision"]) == (409, 1)
    assert desk.one.put("/rules/mine", {"text": MINE + "for: 0s\n", "based_on": 1}).json()["revision"] == 2
    until(lambda: [(one["name"], one["revision"]) for one in made_here(desk.other)] == [("mine", 2)])


def test_a_rule_made_here_decides_and_its_backtest_says_how_often(desk: Desk) -> None:
    Replaying(desk.one.settings, ROWS[:FIRST], Options()).run()
    until(lambda: desk.in_force() == ["mine", "default"])
    Replaying(desk.one.settings, ROWS[FIRST:], Options()).run()
    desk.scene.settled(120)
    until(lambda: desk.alerts() and all(state == "resolved" for _, _, state in desk.alerts().values()))
    mine = [one for one in desk.alerts().values() if one[1] == "mine"]
    assert mine

    begun = desk.one.post("/rules/backtest", {"text": MINE, "days": 30})
    assert begun.status_code == 202
    path = f"/rules/backtest/{begun.json()['id']}"
    until(lambda: desk.one.get(path).json()["state"] != "running", 60)
    found = desk.one.get(path).json()
    assert (found["state"], found["why"]) == ("done", "")
    assert found["n_alerts"] == len(found["alerts"]) == len(mine)
    assert (found["from_ms"], found["to_ms"]) == (START_MS, ROWS[-1].published_ms)
    assert found["n_documents"] == len(ROWS)
    assert desk.one.get("/rules/backtest/nowhere").status_code == 404
    assert desk.one.post("/rules/backtest", {"text": "name: x", "days": 3}).status_code == 422


def test_a_wiped_redis_changes_nothing_of_trends_alerts_and_what_people_made(desk: Desk) -> None:
    alert_id = next(iter(desk.alerts()))
    assert desk.one.put(f"/alerts/{alert_id}/verdict", {"true": True}).status_code == 200
    silence = {"matchers": {"series": ["topic:*"]}, "duration": "2h", "comment": "known"}
    assert desk.one.post("/silences", silence).status_code == 201
    assert desk.one.put("/watchlists/mine", {"series": ["all"]}).status_code == 200
    assert desk.one.post("/keys", {"name": "reader", "role": "viewer"}).status_code == 201
    before = (desk.windows(), desk.alerts(), desk.made(), desk.one.get(f"/alerts/{alert_id}").json()["standing"])
    before = (*before, desk.one.get("/rules").json()["history"])
    assert len(before[0]) > 100

    desk.redis.flushall()
    desk.scene.settled(120)
    until(lambda: desk.windows() == before[0], 30)
    assert desk.alerts() == before[1]
    assert desk.made() == before[2]
    assert desk.one.get(f"/alerts/{alert_id}").json()["standing"] == before[3]
    assert desk.in_force() == ["mine", "default"]
    assert desk.one.get("/rules").json()["history"] == before[4]


def test_a_removed_rule_is_gone_and_its_revision_is_not(desk: Desk) -> None:
    stale = desk.one.delete("/rules/mine", params={"based_on": 1})
    assert (stale.status_code, stale.json()["type"]) == (409, "rule-changed")
    assert desk.one.delete("/rules/mine", params={"based_on": 2}).status_code == 204
    assert desk.one.delete("/rules/mine", params={"based_on": 3}).status_code == 404
    until(lambda: desk.in_force() == ["default"])
    again = desk.one.put("/rules/mine", {"text": MINE, "based_on": 0})
    assert (again.status_code, again.json()["removed"]) == (409, True)
    assert desk.one.put("/rules/mine", {"text": MINE, "based_on": 3}).json()["revision"] == 4
