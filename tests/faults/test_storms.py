"""Every document is counted once, in every bucket, whatever is killed, stopped or wiped; and every alert is raised once.

The same storms over real data: `python -m tests.faults.storm --help`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apache_kafka import HOME_VARIABLE, ApacheKafka, kafka_home

from streamwatch.config import Settings, load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings

from .conftest import Quiet
from .storm import Plan, Storm, judge

StartStorm = Callable[[Settings], Storm]
ATTEMPTS = 3


@pytest.fixture
def mortal_kafka(tmp_path: Path) -> Iterator[ApacheKafka]:
    """A cluster of this test's own: it is killed."""
    home = kafka_home()
    if home is None:
        pytest.skip(f"{HOME_VARIABLE} is not set: no Apache Kafka to kill")
    with ApacheKafka(home, tmp_path / "cluster") as cluster:
        yield cluster


def assert_exact(storm: Storm, quiet: Quiet) -> None:
    """Every bucket equals the oracle, every sum balances, the alerts are those of a quiet run; SIGTERM ends all with 0."""
    assert judge(storm.scene, quiet.expected, quiet.alerts) == {}
    assert [worker.terminate(10) for worker in storm.workers] == [0] * len(storm.workers)
    assert not any("Traceback" in worker.log() for worker in storm.workers)


def played(settings: Settings, start_storm: StartStorm, plan: Plan, cluster: ApacheKafka | None = None) -> Storm:
    """A storm over rows that each came once. Where batches came twice into the source channels, hours of event time later,
    other documents were played than the oracle has: then the storm is played again. A broker that is not idempotent writes
    a batch again that it acknowledged late; and a sender whose broker was killed was seen to send hundreds of records again.
    """
    for attempt in range(ATTEMPTS):
        storm = start_storm(settings.model_copy(update={"prefix": f"{settings.prefix}{attempt}-"}))
        storm.run(plan, cluster)
        if not storm.n_copies:
            break
        storm.end()
    return storm


def test_the_day_raises_alerts_so_that_their_sameness_means_something(quiet: Quiet) -> None:
    assert len(quiet.alerts) >= 4
    assert quiet.expected.n_redelivered > 0
    assert quiet.expected.n_dead_lettered > 0
    assert sum(counts[6] for (series, _), counts in quiet.expected.windows.items() if series == "all") > 30


def test_kill_9_in_mid_replay_and_flushall_in_the_middle_and_at_the_end(
    settings: Settings, start_storm: StartStorm, quiet: Quiet
) -> None:
    storm = played(settings, start_storm, Plan(kills=3, flush=True, per_s=200))
    assert storm.workers[0].n_started == 4
    assert storm.workers[0].n_ended_by_itself == 0
    assert_exact(storm, quiet)


def test_two_workers_one_killed_and_one_stopped_beyond_its_session(
    settings: Settings, start_storm: StartStorm, quiet: Quiet
) -> None:
    plan = Plan(n_workers=2, kills=1, pause_s=settings.session_timeout_s + 3, per_s=200)
    storm = played(settings, start_storm, plan)
    assert_exact(storm, quiet)


@pytest.mark.kafka
def test_a_broker_that_is_killed_and_comes_back(
    mortal_kafka: ApacheKafka, wiped_redis: RedisServer, prefix: str, start_storm: StartStorm, quiet: Quiet
) -> None:
    overrides = embedded_settings(mortal_kafka.url, wiped_redis.url) | {"idempotence": True, "model": "null"}
    storm = played(load(prefix=prefix, **overrides), start_storm, Plan(broker_kills=1, per_s=200), mortal_kafka)
    assert storm.workers[0].n_started == 1
    assert_exact(storm, quiet)


def test_a_redis_that_is_killed_and_comes_back_empty(
    tansu: Tansu, prefix: str, start_storm: StartStorm, quiet: Quiet
) -> None:
    with RedisServer() as server:
        storm = start_storm(load(prefix=prefix, model="null", **embedded_settings(tansu.url, server.url)))
        storm.run(Plan(redis_kills=1, per_s=200), server=server)
        assert storm.workers[0].n_started == 1
        assert_exact(storm, quiet)
