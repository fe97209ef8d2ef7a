"""The Python client against a dashboard that runs: frames, pages, errors, and a stream that is taken up again."""

import itertools
from secrets import token_hex

import pytest
from running_dashboard import FROM_MS, NOW_MS, Dashboard, an_alert, publish

from streamwatch.client import BadQuestion, DashboardClient, DashboardUnavailable, NotAllowed, NotFound
from streamwatch.timeline import HOUR_MS, from_ms


@pytest.fixture
def client(dashboard: Dashboard) -> DashboardClient:
    return DashboardClient(dashboard.url)


def test_trends_are_a_frame_with_the_numbers_of_the_api(client: DashboardClient, dashboard: Dashboard) -> None:
    frame = client.trends(["all", "ticker:AAPL"], from_ms(FROM_MS), NOW_MS, step="1h")
    answer = dashboard.get("/trends", series=["all", "ticker:AAPL"], from_=FROM_MS, to=NOW_MS, step="1h").json()
    assert len(frame) == answer["n_rows"] and frame.attrs["step_ms"] == HOUR_MS
    assert frame.loc["all"]["n"].tolist() == [row[1] for row in answer["series"][0]["points"]]
    assert str(frame.index.get_level_values("start").tz) == "UTC"


def test_series_and_alerts_come_with_their_figures(client: DashboardClient) -> None:
    assert client.series(kind="ticker").loc["ticker:AAPL", "n"] > 100
    assert "a1b2c3d4e5f6" in [one["alert"]["id"] for one in client.alerts(state="firing")]
    assert client.alert("a1b2c3d4e5f6")["timeline"] and client.health()["balance"]["difference"] == 0


def test_where_nothing_is_found_the_frame_is_empty(client: DashboardClient) -> None:
    assert client.series(search="no such series").empty


def test_documents_come_page_after_page(client: DashboardClient) -> None:
    found = [one["id"] for one in client.documents(limit=40, fold=False, series="ticker:BA", from_=FROM_MS, to=NOW_MS)]
    assert len(found) == len(set(found)) == 300


def test_a_problem_is_an_error_that_says_what_to_do(client: DashboardClient, dashboard: Dashboard) -> None:
    with pytest.raises(NotFound, match="ticker:AAPL") as not_found:
        client.trends("ticker:APL", FROM_MS, NOW_MS)
    assert not_found.value.type == "no-series"
    with pytest.raises(BadQuestion, match="multiple of 10s"):
        client.trends("all", step="7s")
    with pytest.raises(NotAllowed):
        DashboardClient(dashboard.url, key="sw_nobody_0000").series()


def test_a_dashboard_that_is_not_there_is_worth_another_try() -> None:
    with pytest.raises(DashboardUnavailable, match="no dashboard answers"):
        DashboardClient("http://127.0.0.1:9", tries=1).health()


def test_the_stream_goes_on_after_the_event_that_was_seen_last(client: DashboardClient, dashboard: Dashboard) -> None:
    stream = client.stream(["alert"])
    hello = next(stream)
    assert hello.event == "hello"
    ids = [f"client{token_hex(4)}" for _ in range(3)]
    told = [an_alert(id=one, series="ticker:DAL", state="resolved") for one in ids]
    publish(dashboard.settings, "alerts", told[:1])
    first = next(one for one in stream if one.event == "alert")
    stream.close()
    publish(dashboard.settings, "alerts", told[1:])
    later = (one for one in client.stream(["alert"], after=first.id) if one.event == "alert")
    assert [one.data["alert"]["id"] for one in (first, *itertools.islice(later, 2))] == ids
