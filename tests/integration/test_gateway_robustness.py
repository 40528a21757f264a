"""Whatever is sent: an answer in the API's shape, never a trace, never a fault of ours."""

import json
import logging

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from push_pipeline.gateway.body import BODY_MAX
from tests.integration.gateway_stand import (
    APP,
    IOS_TOKEN,
    KEY,
    Answer,
    Client,
)

WRITING = (
    ("POST", "/messaging/default"),
    ("POST", "/messaging/registrations"),
    ("PUT", "/users/u"),
)


def refused(answer: Answer) -> tuple[int, int]:
    assert b"Traceback" not in answer.raw
    return answer.fault


def test_a_body_of_more_than_a_mebibyte_is_refused(api: Client) -> None:
    for method, path in WRITING:
        long = b'{"message": "' + b"x" * BODY_MAX + b'"}'
        assert refused(api(method, path, long)) == (413, 8008)
        head = f"{method} {api.prefix}{path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
        chunks = f"{len(long):x}\r\n".encode() + long + b"\r\n0\r\n\r\n"
        assert refused(api.raw(f"{head}\r\n\r\n".encode() + chunks)) == (413, 8008)


def test_json_that_is_none_or_too_deep_is_refused(api: Client, subtests: pytest.Subtests) -> None:
    bodies = {
        "empty": b"",
        "half": b'{"message":',
        "array": b'[{"message": 1}]',
        "text": b'"message"',
        "null": b"null",
        "deep array": b'{"message":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "deeper than it may be": b'{"x":' + b"[" * 100 + b"]" * 100 + b"}",
        "utf-16": '{"message": "x"}'.encode("utf-16-le"),
        "utf-32": '{"message": "x"}'.encode("utf-32-be"),
        "latin-1": '{"message": "ü"}'.encode("latin-1"),
        "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"message": 1}',
        "half a surrogate": b'{"message": "\\ud800"}',
        "not a number": b'{"message": NaN}',
        "form": b"message=hello",
        "compressed": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    }
    for name, body in bodies.items():
        for method, path in WRITING:
            with subtests.test(name=name, path=path):
                status, code = refused(api(method, path, body))
                assert status == 400
                assert code in {8004, 5005, 5006}


def test_what_is_nested_as_deep_as_it_may_be_is_never_a_fault_of_ours(
    api: Client, subtests: pytest.Subtests
) -> None:
    deep = b"[" * 98 + b"]" * 98
    base = b'"message":1,"deviceId":"d","deviceToken":"%s","os":"IOS"' % IOS_TOKEN.encode()
    for field in FIELDS:
        for method, path in (*WRITING, ("POST", "/messaging/push")):
            with subtests.test(field=field, path=path):
                answer = api(method, path, b'{%s,"%s":{"a":%s}}' % (base, field.encode(), deep))
                assert answer.status == 200 or answer.fault[0] in {400, 413}
                answer = api(method, path, b'{%s,"%s":%s}' % (base, field.encode(), deep))
                assert answer.status == 200 or answer.fault[0] in {400, 413}


def test_the_nul_character_is_refused_wherever_it_stands(api: Client) -> None:
    nul = "a\0b"
    for body in ({"message": nul}, {"message": 1, "headers": {"x": nul}}, {nul: 1, "message": 1}):
        assert refused(api("POST", "/messaging/default", body)) == (400, 8008)
    assert refused(api.register(nul)) == (400, 8008)
    assert refused(api("PUT", "/users/u", {"a": [nul]})) == (400, 8008)
    api.register()
    left = api("DELETE", "/messaging/registrations/dev-1?channels=default,%00")
    assert refused(left) == (400, 8008)
    template = "/console/messaging/push/templates?names=%00"
    assert refused(api("DELETE", template, prefix=f"/{APP}", auth_key=KEY)) == (400, 8008)
    for path in ("/messaging/a%00b", "/messaging/registrations/%00", "/users/%00"):
        assert refused(api("GET" if "messaging" in path else "PUT", path, b"{}")) == (400, 8008)
    assert api("POST", "/messaging/default", {"message": "\\u0000"}).status == 200


def test_a_path_that_is_not_utf_8_is_refused(api: Client) -> None:
    assert refused(api("GET", "/messaging/%ff")) == (400, 8008)
    assert refused(api("GET", "/messaging/registrations/%c3%28")) == (400, 8008)


def test_ten_thousand_device_ids_are_taken(api: Client) -> None:
    ids = [f"{n:064x}" for n in range(10_000)]
    assert api.publish(pushSinglecast=ids).status == 200


def test_numbers_beyond_any_column_are_refused_or_kept(api: Client) -> None:
    for number in (b"1e308", b"-1e308", b"1" * 400, b"9223372036854775808", b"1e400"):
        for field in (b"publishAt", b"repeatEvery", b"repeatExpiresAt", b"pushBroadcast"):
            answer = api("POST", "/messaging/default", b'{"message":1,"%s":%s}' % (field, number))
            assert answer.status in {200, 400}, (field, number, answer)
        body = b'{"deviceId":"d","os":"IOS","deviceToken":"%s","expiration":%s}'
        answer = api("POST", "/messaging/registrations", body % (IOS_TOKEN.encode(), number))
        assert answer.status in {200, 400}, (number, answer)
        assert api("PUT", "/users/u", b'{"n":%s}' % number).status in {200, 400}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = [
    *("message", "headers", "publisherId", "publishPolicy", "pushPolicy", "pushBroadcast"),
    *("pushSinglecast", "segmentQuery", "query", "templateValues", "publishAt", "repeatEvery"),
    *("repeatExpiresAt", "deviceId", "deviceToken", "os", "osVersion", "channels", "expiration"),
    *("properties", "locale", "timezone", "environment", "ttl"),
]


def test_any_json_object_is_taken_or_refused(api: Client) -> None:
    @hypothesis_settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        fields=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5),
        base=st.sampled_from(
            [{"message": 1}, {"deviceId": "d", "deviceToken": IOS_TOKEN, "os": "IOS"}]
        ),
    )
    def try_one(fields: dict, base: dict) -> None:
        for method, path in WRITING:
            answer = api(method, path, json.dumps({**base, **fields}).encode())
            assert answer.status in {200, 400, 413}, answer
            assert answer.status == 200 or answer.fault

    try_one()


def test_neither_key_nor_token_nor_text_reaches_a_log(
    api: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = ["canary-wrong-key", "canary-text", IOS_TOKEN, "canary-user-token", KEY]

    api.register()
    api("GET", "/messaging/registrations/dev-1")
    api.publish(message="canary-text")
    api.publish(message="canary-text", pushBroadcast="canary-text")
    api("GET", "/info", prefix=f"/{APP}/canary-wrong-key")
    api("GET", "/nothing", prefix=f"/{APP}/canary-wrong-key")
    api("GET", "/info", user_token="canary-user-token")
    api("POST", "/messaging/default", b'{"message": "canary-text"')

    assert "/messaging/registrations" in caplog.text
    assert [secret for secret in secrets if secret in caplog.text] == []


def test_values_that_blow_a_text_up_are_refused_before_they_are_filled(api: Client) -> None:
    values = {"templateValues": {"a": "x" * 500_000}}

    for blown_up in ({"message": "{a}" * 100_000}, {"headers": {"x": "{a}" * 100_000}}):
        assert api("POST", "/messaging/news", {"message": "x"} | values | blown_up).fault == (
            413,
            8008,
        )
