"""The short way to the routes that are asked most answers as the framework's does."""

import gzip
import logging
from typing import Any

import orjson
import pytest

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import add_key
from tests.integration.gateway_stand import APP, IOS_TOKEN, KEY, Answer, Client, in_common

_HELLO = {"message": "hello"}
_DEVICE = {"deviceId": "d-1", "deviceToken": IOS_TOKEN, "os": "IOS"}
_READER = "KEY-READ"

#: Name of a channel as it stands in a path, body, headers.
_PUBLISHES: list[tuple[str, Any, dict[str, str]]] = [
    ("default", _HELLO, {}),
    ("nobody", {**_HELLO, "publishPolicy": "PUBSUB", "repeatExpiresAt": 1}, {}),
    ("default", {"message": "a" * 9000}, {}),
    ("a%20b%C3%A4", _HELLO, {}),
    ("a%2Fb", _HELLO, {}),
    ("%FF", _HELLO, {}),
    ("%00", _HELLO, {}),
    ("default", None, {}),
    ("default", b"", {}),
    ("default", b"[1]", {}),
    ("default", b'{"message": NaN}', {}),
    ("default", b"\xef\xbb\xbf" + orjson.dumps(_HELLO), {}),
    ("default", gzip.compress(orjson.dumps(_HELLO)), {"Content-Encoding": "gzip"}),
    ("default", _HELLO, {"Content-Encoding": "br"}),
    ("default", _HELLO, {"Content-Type": "text/plain"}),
    ("default", _HELLO, {"Idempotency-Key": ""}),
    ("default", _HELLO, {"Idempotency-Key": "once"}),
    ("default", {"message": "another"}, {"Idempotency-Key": "once"}),
    ("default", _HELLO, {"user-token": "none"}),
    ("default", _HELLO, {"key": "wrong"}),
    ("default", _HELLO, {"key": _READER}),
    ("default", {"message": None}, {}),
    ("default", {**_HELLO, "pushUsers": None}, {}),
    ("default", {**_HELLO, "repeatEvery": "x"}, {}),
]

_REGISTRATIONS: list[tuple[Any, dict[str, str]]] = [
    (_DEVICE, {}),
    ({**_DEVICE, "timezone": "Nowhere/At/All", "channels": ["a", "b"]}, {}),
    ({**_DEVICE, "deviceToken": "cd" * 32}, {}),
    ({**_DEVICE, "deviceToken": "cd" * 32}, {"device-token": IOS_TOKEN}),
    ({**_DEVICE, "os": "BEOS"}, {}),
    ({**_DEVICE, "channels": [f"c{n}" for n in range(101)]}, {}),
    ({**_DEVICE, "expiration": "2040-01-01T00:00:00"}, {}),
    (None, {}),
    (b"", {}),
    (b"null", {}),
    (b"{", {}),
    (_DEVICE, {"key": "wrong"}),
    (_DEVICE, {"key": _READER}),
]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def keys(api: Client) -> Client:
    """Know a key that may only read, beside the one that may all; take them from the header."""
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key=_READER, scopes=("read",))
    api.prefix, api.headers = "", {"application-id": APP}
    return api


def _post(api: Client, path: str, body: Any, headers: dict[str, str]) -> Answer:
    told = {name.replace("-", "_"): value for name, value in headers.items()}
    key = told.pop("key", KEY)  # in the header of either form
    return api("POST", path, body, secret_key=key, auth_key=key, **told)


def test_a_publish_is_answered_as_by_the_framework(keys: Client, subtests: Any) -> None:
    _post(keys, "/messaging/default", _HELLO, {"Idempotency-Key": "once"})
    for channel, body, headers in _PUBLISHES:
        with subtests.test(channel=channel, body=str(body)[:40], headers=headers):
            short = _post(keys, f"/messaging/{channel}", body, headers)
            long = _post(keys, f"/{APP}/console/messaging/{channel}", body, headers)

            assert in_common(short) == in_common(long)


def test_a_registration_is_answered_as_by_the_framework(keys: Client, subtests: Any) -> None:
    for body, headers in _REGISTRATIONS:
        with subtests.test(body=str(body)[:60], headers=headers):
            short = _post(keys, "/messaging/registrations", body, headers)
            long = _post(keys, "/messaging/registrations/", body, headers)

            assert in_common(short) == in_common(long)


def test_other_routes_beside_a_short_way_are_the_frameworks(
    api: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    known = [
        ("POST", "/messaging/email", (400, 5050)),
        ("POST", "/messaging/push", (400, 5044)),
        ("PUT", "/messaging/default", (405, 8002)),
        ("POST", "/messaging/default/x/y", (404, 8002)),
    ]

    answers = {path: api(method, path, _HELLO).fault for method, path, _ in known}

    assert answers == {path: fault for _, path, fault in known}
    api.publish()
    api.register()
    routes = [getattr(one, "route", None) for one in caplog.records]
    assert {"/messaging/{channel}", "/messaging/registrations"} <= {*routes}
