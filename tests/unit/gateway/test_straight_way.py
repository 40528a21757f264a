"""Which requests may go straight, as far as their heads tell."""

import pytest

from push_pipeline.gateway.auth import Gatekeeper
from push_pipeline.gateway.straight_way import SMALL_MAX, StraightWay

_PATH = b"/APP-1/KEY-1/messaging/news"
_PLAIN = {b"host": b"x", b"content-length": b"20"}


@pytest.mark.parametrize(
    ("target", "headers", "port", "may"),
    [
        (_PATH, {}, 80, True),
        (b"/a/path/before" + _PATH, {b"content-type": b"text/plain"}, 80, True),
        (b"/" + _PATH, {}, 80, False),
        (b"/console/x/messaging/news", {}, 80, False),
        (b"http://host" + _PATH, {}, 80, False),
        (_PATH + b"%20x", {}, 80, False),
        (_PATH + b"?x=1", {}, 80, False),
        (_PATH + b"\xff", {}, 80, False),
        (_PATH, {b"content-length": str(SMALL_MAX).encode()}, 80, False),
        (_PATH, {b"transfer-encoding": b"chunked"}, 80, False),
        (_PATH, {b"user-token": b""}, 80, False),
        (_PATH, {b"traceparent": b"00-1-1-01"}, 80, False),
        (_PATH, {}, 81, False),
    ],
)
def test_a_plain_request_may(
    target: bytes, headers: dict[bytes, bytes], port: int, may: bool
) -> None:
    way = StraightWay([], {}, Gatekeeper(), operator_port=81)

    assert way.may_take(target, {**_PLAIN, **headers}, port) == may
    assert not way.may_take(target, {b"host": b"x"}, port)  # no length, so no body
