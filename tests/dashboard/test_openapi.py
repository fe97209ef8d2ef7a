"""The OpenAPI document is real: requests made up from it never make the dashboard fail, and its answers are as it says.

`STREAMWATCH_SCHEMATHESIS_EXAMPLES` asks for more requests of each operation than the few of a usual run.
"""

import asyncio
import os
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from running_dashboard import API, Dashboard, an_alert, publish, running, stream, write_windows
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from streamwatch import channels
from streamwatch.config import load
from streamwatch.embedded import RedisServer, Tansu, embedded_settings

N_EXAMPLES = int(os.environ.get("STREAMWATCH_SCHEMATHESIS_EXAMPLES", "5"))
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
MOST_CHARS = 1500
STREAM = f"{API}/stream"
"""Never ends."""


@pytest.fixture(scope="module")
def scratch(
    tansu: Tansu, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:  # fmt: skip
    """A dashboard that anything may be written to."""
    deployment = load(
        prefix=f"o{token_hex(4)}-", documents=str(tmp_path_factory.mktemp("documents")), dashboard_requests_per_minute=100_000,
        **embedded_settings(tansu.url, redis_server.url),
    )  # fmt: skip
    channels.create(deployment)
    asyncio.run(write_windows(deployment, stream()))
    publish(deployment, "alerts", [an_alert()])
    with running(deployment, tmp_path_factory.mktemp("log")) as one:
        yield one


def test_no_request_makes_it_fail_and_answers_are_as_described(scratch: Dashboard) -> None:
    document = schemathesis.openapi.from_dict(scratch.get("/openapi.json").json()).exclude(path=STREAM)
    faults = []
    for found in document.get_all_operations():
        try:
            _try(found.ok(), scratch)
        except (Exception, BaseExceptionGroup) as error:
            faults.append(f"{found.ok().label}: {error}"[:MOST_CHARS])
    assert not faults, "\n\n".join(faults)


def _try(operation: Any, scratch: Dashboard) -> None:
    """Some requests of one operation."""

    @settings(
        max_examples=N_EXAMPLES, deadline=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck), derandomize=True, database=None,
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        answer = case.call(base_url=scratch.url, headers={"Origin": scratch.url}, timeout=30)
        case.validate_response(answer, checks=CHECKS)

    run()


def test_every_operation_is_described_with_its_answer(scratch: Dashboard) -> None:
    document = scratch.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            said = [status for status in operation["responses"] if status.startswith("2")]
            assert said and operation.get("description"), f"{method} {path}"
    assert {"SeriesPage", "Trends", "AlertDetail", "DocumentPage", "Health", "Problem"} <= set(
        document["components"]["schemas"]
    )
