"""Answer of APNs -> outcome -> what happens to the delivery, the device and the route."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.outcome import CONSEQUENCES, DeviceAction, Outcome, RouteAction, Settled
from push_workers.senders.apns import responses
from push_workers.senders.apns.responses import classify, classify_ending
from tests.unit.senders.answers_of_apns import GONE, HELD, ROWS

NOW = 1_790_000_000.0


def no_header(_: str) -> None:
    return None


def answer(reason: str | None, **others: object) -> bytes:
    return b"" if reason is None else json.dumps({"reason": reason, **others}).encode()


@pytest.mark.parametrize(("status", "reason", "expected"), ROWS)
def test_every_answer_has_its_consequences(
    status: int,
    reason: str | None,
    expected: tuple[Outcome, Settled | None, DeviceAction, RouteAction],
) -> None:
    verdict = classify(status, answer(reason), no_header, NOW)
    after = CONSEQUENCES[verdict.outcome]
    assert (verdict.outcome, after.settles, after.device, verdict.route) == expected
    assert verdict.reason == reason


def test_every_reason_that_the_code_knows_is_in_the_table() -> None:
    listed = {(status, reason) for status, reason, _ in ROWS}
    sets = (responses.REJECTED, responses.MISROUTED, responses.GONE, responses.HELD)
    assert set().union(*sets, responses.UNAVAILABLE) <= listed
    assert {reason for _, reason, _ in ROWS} >= responses.CURED_BY_RECONNECTING


@pytest.mark.parametrize("reason", ["Unregistered", "ExpiredToken"])
def test_a_dead_token_comes_with_the_time_of_its_death(reason: str) -> None:
    verdict = classify(410, answer(reason, timestamp=1_789_000_000_123), no_header, NOW)
    assert verdict.dead_since == 1_789_000_000_123


@pytest.mark.parametrize(
    "odd", [None, "1789000000123", 1_789_000_000, -1, 1.5e12, True, 10**30, []]
)
def test_a_time_of_death_that_cannot_be_is_not_believed(odd: object) -> None:
    verdict = classify(410, answer("Unregistered", timestamp=odd), no_header, NOW)
    assert verdict.outcome is GONE[0]
    assert verdict.dead_since is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>502</html>", b"null", b"[]", b'"x"', b"{", b'{"reason":5}', b"\xff\xfe",
             b'{"reason":null}', b'{"reason":""}', b'{"reason":"two words"}', b"[" * 100_000]
)  # fmt: skip
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (403, Outcome.MISCONFIGURED),
        (410, Outcome.REJECTED),
        (413, Outcome.REJECTED),
        (429, Outcome.THROTTLED),
        (500, Outcome.UNAVAILABLE),
        (503, Outcome.UNAVAILABLE),
        (302, Outcome.UNKNOWN),
    ],
)
def test_an_odd_body_is_judged_by_its_status(body: bytes, status: int, outcome: Outcome) -> None:
    verdict = classify(status, body, no_header, NOW)
    assert (verdict.outcome, verdict.reason) == (outcome, f"Status{status}")


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("999999999999", 86_400.0),
        ("inf", 86_400.0),
        (format_datetime(datetime.fromtimestamp(NOW + 30, UTC), usegmt=True), 30.0),
        (format_datetime(datetime.fromtimestamp(NOW - 30, UTC), usegmt=True), 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(header: str, wait: float | None) -> None:
    verdict = classify(503, answer("ServiceUnavailable"), lambda _: header, NOW)
    assert verdict.retry_after == wait
    assert verdict.route is (RouteAction.KEEP if wait is None else RouteAction.PAUSE)


def test_one_device_that_gets_too_much_waits_alone() -> None:
    verdict = classify(429, answer("TooManyRequests"), lambda _: "45", NOW)
    assert (verdict.retry_after, verdict.route) == (45.0, RouteAction.KEEP)


@pytest.mark.parametrize(("header", "wait"), [(None, 60.0), ("10", 60.0), ("300", 300.0)])
def test_token_churn_pauses_the_route_for_at_least_a_minute(
    header: str | None, wait: float
) -> None:
    verdict = classify(429, answer("TooManyProviderTokenUpdates"), lambda _: header, NOW)
    assert (verdict.retry_after, verdict.route) == (wait, RouteAction.PAUSE)


def test_prose_never_becomes_a_reason() -> None:
    token = "c0ffee" * 10
    verdict = classify(403, answer(f"token {token} is bad"), no_header, NOW)
    assert verdict.outcome is HELD[0]
    assert token not in repr(verdict)


@pytest.mark.parametrize(
    ("detail", "written", "outcome", "route"),
    [
        ("GoAway:BadCertificate", False, Outcome.MISCONFIGURED, RouteAction.HOLD),
        ("GoAway:BadCertificate", True, Outcome.UNKNOWN, RouteAction.KEEP),
        ("GoAway:Shutdown", False, Outcome.UNAVAILABLE, RouteAction.KEEP),
        ("BadCertificate", False, Outcome.UNAVAILABLE, RouteAction.KEEP),
        ("ConnectFailed", False, Outcome.UNAVAILABLE, RouteAction.KEEP),
        ("Timeout", True, Outcome.UNKNOWN, RouteAction.KEEP),
    ],
)
def test_silence_is_judged_by_what_may_have_arrived(
    detail: str, written: bool, outcome: Outcome, route: RouteAction
) -> None:
    verdict = classify_ending(detail, written=written)
    assert (verdict.outcome, verdict.route) == (outcome, route)
    assert verdict.reason == (detail.removeprefix("GoAway:") if route.value == "hold" else detail)


@given(st.integers(100, 599), st.binary(max_size=200), st.none() | st.text(max_size=40))
def test_no_answer_at_all_makes_it_raise(status: int, body: bytes, header: str | None) -> None:
    assert classify(status, body, lambda _: header, NOW).outcome in Outcome


@given(
    st.integers(400, 599),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["reason", "timestamp", "x"]), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)
def test_no_json_of_any_shape_makes_it_raise(status: int, value: object) -> None:
    body = json.dumps(value).encode()
    assert classify(status, body, no_header, NOW).outcome is not Outcome.ACCEPTED


@pytest.mark.parametrize("body", [b"", b"<html>400</html>", b"null", b"[]"])
def test_a_400_that_is_not_apples_is_no_verdict_on_the_notification(body: bytes) -> None:
    assert classify(400, body, no_header, NOW).outcome is Outcome.UNAVAILABLE
    assert classify(400, b'{"reason":"two words"}', no_header, NOW).outcome is Outcome.REJECTED
