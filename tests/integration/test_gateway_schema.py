"""The API against its own description: schemathesis invents requests and judges the answers."""

from collections.abc import Callable, Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from pipeline.settings import Settings
from tests.integration.gateway_stand import APP, Client, make_app, running_gateway

#: Requests invented for each route: enough to find what a type or an encoding breaks.
EXAMPLES = 40

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def api(settings: Settings, configure: Callable[..., Settings]) -> Iterator[Client]:
    configure(app_id=APP)
    make_app()
    with running_gateway() as client:
        yield client


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url  # what is judged here does not depend on the database


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_no_invented_request_finds_a_fault(
    api: Client, mode: schemathesis.GenerationMode, subtests: pytest.Subtests
) -> None:
    base_url = f"http://127.0.0.1:{api.port}{api.prefix}"
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{api.port}/openapi.json")
    routes = [result.ok() for result in schema.get_all_operations()]
    assert len(routes) >= 9
    if mode is schemathesis.GenerationMode.NEGATIVE:  # any text is a right path parameter
        routes = [route for route in routes if list(route.body)]

    for route in routes:
        with subtests.test(route=route.label):
            _judge(route, mode, base_url)


def _judge(
    route: schemathesis.APIOperation, mode: schemathesis.GenerationMode, base_url: str
) -> None:
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=route.as_strategy(generation_mode=mode))
    def judge(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=base_url, checks=CHECKS)

    judge()
