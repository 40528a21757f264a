"""Answer of a push service -> outcome -> what happens to the delivery, the device and the route."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.outcome import CONSEQUENCES, Outcome, RouteAction
from push_workers.senders.answers import label_of
from push_workers.senders.webpush.responses import REASONS, classify
from tests.unit.senders.answers_of_apns import (
    ACCEPTED,
    DEVICE_WAITS,
    GONE,
    HELD,
    LATER,
    MISROUTED,
    REJECTED,
)

NOW = 1_790_000_000.0

GOOGLES_MISMATCH = (
    b"the VAPID credentials in the authorization header do not correspond to the credentials"
    b" used to create the subscriptions.\n"
)


def mozilla(status: int, errno: int, message: str = "\N{HORIZONTAL ELLIPSIS}") -> bytes:
    return json.dumps({"code": status, "errno": errno, "error": "x", "message": message}).encode()


def apple(reason: str) -> bytes:
    return json.dumps({"reason": reason}).encode()


ROWS = {
    "taken": (201, b"", None, ACCEPTED),
    "taken, later": (202, b"", None, ACCEPTED),
    "taken, older": (200, b"{}", None, ACCEPTED),
    "no such subscription": (404, b"", "Status404", GONE),
    "Google's gone": (410, b"push subscription has unsubscribed or expired.", "Status410", GONE),
    "Mozilla's gone": (410, mozilla(410, 106), "Errno106", GONE),
    "Apple's gone": (410, apple("Unregistered"), "Unregistered", GONE),
    "too large": (413, b"", "PayloadTooLarge", REJECTED),
    "Mozilla's too large": (413, mozilla(413, 104), "PayloadTooLarge", REJECTED),
    "a bad topic": (400, mozilla(400, 113), "Errno113", REJECTED),
    "a bad request": (400, b"", "Status400", REJECTED),
    "moved": (301, b"", "Status301", REJECTED),
    "too many": (429, b"", "Status429", DEVICE_WAITS),
    "Microsoft's too many": (406, b"", "Status406", DEVICE_WAITS),
    "the signature": (401, mozilla(401, 109, "Invalid VAPID token"), "Errno109", HELD),
    "another's signature": (403, b"", "Status403", HELD),
    "Apple's signature": (403, apple("BadJwtToken"), "BadJwtToken", HELD),
    "Apple's signature, again": (400, apple("BadJwtToken"), "BadJwtToken", HELD),
    "Apple's mismatch": (400, apple("VapidPkHashMismatch"), "VapidKeyMismatch", MISROUTED),
    "Apple's other mismatch": (403, apple("VapidPkHashMismatch"), "VapidKeyMismatch", MISROUTED),
    "Google's mismatch": (403, GOOGLES_MISMATCH, "VapidKeyMismatch", MISROUTED),
    "Mozilla's mismatch": (
        401,
        mozilla(401, 109, "VAPID public key mismatch"),
        "VapidKeyMismatch",
        MISROUTED,
    ),
    "down": (502, b"<html>", "Status502", LATER),
}


def no_header(_: str) -> None:
    return None


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_every_answer_has_its_consequences(row: tuple[int, bytes, str, object]) -> None:
    status, body, reason, expected = row
    verdict = classify(status, body, no_header, NOW)
    after = CONSEQUENCES[verdict.outcome]
    assert (verdict.outcome, after.settles, after.device, verdict.route) == expected
    assert verdict.reason == reason
    assert label_of(reason, REASONS) in (reason, "")


@pytest.mark.parametrize(
    ("status", "outcome"), [(429, Outcome.THROTTLED), (503, Outcome.UNAVAILABLE)]
)
def test_a_wait_that_is_asked_for_is_everybodys(status: int, outcome: Outcome) -> None:
    verdict = classify(status, mozilla(status, 201), lambda _: "120", NOW)
    assert (verdict.outcome, verdict.retry_after) == (outcome, 120.0)
    assert verdict.route is RouteAction.PAUSE


@given(st.integers(100, 599), st.binary(max_size=200), st.none() | st.text(max_size=40))
def test_no_answer_at_all_makes_it_raise(status: int, body: bytes, header: str | None) -> None:
    assert classify(status, body, lambda _: header, NOW).outcome in Outcome


@given(
    st.integers(300, 599),
    st.dictionaries(
        st.sampled_from(["errno", "reason"]), st.none() | st.booleans() | st.integers() | st.text()
    ),
)
def test_no_json_of_any_shape_makes_it_raise(status: int, value: object) -> None:
    verdict = classify(status, json.dumps(value).encode(), no_header, NOW)
    assert verdict.outcome is not Outcome.ACCEPTED
    assert (verdict.reason or "").isidentifier()
