"""The API against its own description: schemathesis invents requests and judges the answers."""

import json
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from pydantic.alias_generators import to_camel
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from push_pipeline.options import DeliveryOptions, PublishOptions
from tests.integration.gateway_stand import Client

#: Requests invented for each route: enough to find what a type or an encoding breaks.
EXAMPLES = 40

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


#: Narrower than the ranges of the description.
ANSWERED = {200, 400, 401, 404, 405, 413, 422}


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


def test_the_description_names_every_field_code_and_nothing_else(api: Client) -> None:
    told = api("GET", "/openapi.json", prefix="").body

    publish = told["paths"]["/messaging/{channel}"]["post"]
    schema = publish["requestBody"]["content"]["application/json"]["schema"]
    ours = {"activity", "push_broadcast_channel"}  # that no caller says as an option
    fields = {*DeliveryOptions.model_fields, *PublishOptions.model_fields} - ours
    assert set(schema["properties"]) == {to_camel(field) for field in fields} | {
        "message",
        "strict",
    }
    for code in (5003, 5007, 5030, 2002, 3064, 999):
        assert f"| {code} | " in told["info"]["description"]
    assert "HTTPValidationError" not in json.dumps(told)


def test_the_page_of_the_description_needs_no_other_host(api: Client) -> None:
    page = api("GET", "/docs", prefix="").raw.decode()

    assert "//" not in "".join(re.findall(r'(?:src|href)="([^"]*)"', page))
    for path in re.findall(r'(?:src|href)="([^"]*)"', page):
        answer = api("GET", path, prefix="")
        assert (answer.status, len(answer.raw) > 1000) == (200, True), path
    assert api("GET", "/redoc", prefix="").status == 404


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
        answer = case.call_and_validate(base_url=base_url, checks=CHECKS)
        assert answer.status_code in ANSWERED

    judge()
