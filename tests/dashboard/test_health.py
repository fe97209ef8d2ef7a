"""The examination: everything consumed is accounted for, and a server that is away is said and not waited for."""

from running_dashboard import Dashboard


def test_documents_consumed_are_those_that_became_something(dashboard: Dashboard) -> None:
    health = dashboard.get("/health").json()
    assert health["balance"]["difference"] == 0
    assert health["balance"]["consumed"] == health["balance"]["classified"] + health["balance"]["duplicate"] > 800
    assert (health["redis"]["ok"], health["broker"]["ok"], health["holes"], health["lost"]) == (True, True, 0, 0)


def test_lag_is_of_every_partition_of_sources_and_classified(dashboard: Dashboard) -> None:
    lag = dashboard.get("/health").json()["lag"]
    assert {(one["channel"], one["partition"]) for one in lag} == {
        (channel, p) for channel in ("news", "social", "classified") for p in range(4)
    }
    assert [one["lag"] for one in lag if one["channel"] == "classified"] == [0, 0, 0, 0]


def test_the_process_says_that_it_lives_and_is_ready(dashboard: Dashboard) -> None:
    assert dashboard.get("/livez").json() == {"state": "alive"}
    assert dashboard.get("/readyz").json() == {"state": "ready"}
