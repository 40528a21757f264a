"""Answer of FCM -> outcome -> what happens to the delivery, the device and the route."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.outcome import CONSEQUENCES, Outcome, RouteAction
from push_workers.senders.fcm.responses import CURED_BY_SIGNING_IN, are_all_named, classify, name_of
from tests.unit.senders.answers_of_fcm import NAME, QUOTA, RATE, ROWS, Row, error, fcm, info

NOW = 1_790_000_000.0


def no_header(_: str) -> None:
    return None


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_every_answer_has_its_consequences(row: Row) -> None:
    verdict = classify(row.status, row.body, no_header, NOW)
    after = CONSEQUENCES[verdict.outcome]
    assert (verdict.outcome, after.settles, after.device, verdict.route) == row.expected
    assert verdict.reason == row.reason


def test_the_name_of_an_accepted_message_is_kept() -> None:
    body = json.dumps({"name": NAME}).encode()
    assert classify(200, body, no_header, NOW).provider_id == NAME


FORMS = [
    b'{\n  "name": "%b"\n}\n',
    b'{"name":"%b"}',
    b' {"name" : "%b"} ',
    b'{"name":"","name":"%b"}',
]


@pytest.mark.parametrize("form", FORMS)
def test_answers_alike_are_seen_at_one_look_to_name_their_messages(form: bytes) -> None:
    names = [b"projects/p/messages/0:%d%%31bd" % (n * 977) for n in range(9)]
    assert are_all_named([form % name for name in names])
    assert are_all_named([form % b"name", form % b"another"])
    assert are_all_named([])


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"<html>",
        b'{"name": 5}',
        b'{"name": "x"',
        b'{"name": "x", "name": 5}',
        b'{"name": "x", "y": "z"}',
        b'{"name": "\\"}',
        b'{"name": "\n"}',
        b'{"name": "\xff"}',
        b'{"name": "x"}{"name": "y"}',
    ],
)
def test_answers_of_which_one_is_odd_are_read_one_by_one(odd: bytes) -> None:
    usual = b'{"name": "projects/p/messages/1"}'
    assert not are_all_named([usual, odd, usual])
    assert not are_all_named([odd, usual])
    assert not are_all_named([usual, b'{"name": "', b'x"}'])


pieces = st.sampled_from([b'"', b"\\", b'{"name": "', b'"}', b"x", b"", b", ", b"\n", b"\xc3\xa4"])


@given(st.lists(st.lists(pieces, max_size=5).map(b"".join), min_size=1, max_size=4))
def test_who_is_seen_to_be_named_has_a_name(bodies: list[bytes]) -> None:
    if are_all_named(bodies):
        assert None not in map(name_of, bodies)


def test_only_answers_about_the_access_token_ask_for_a_new_one() -> None:
    cured = {name for name, row in ROWS.items() if row.reason in CURED_BY_SIGNING_IN}
    assert cured == {"access token ended", "no access token"}


@pytest.mark.parametrize("detail", [fcm(QUOTA), info(RATE)])
@pytest.mark.parametrize(("header", "wait"), [(None, 60.0), ("7", 7.0), ("-1", 0.0)])
def test_a_used_up_quota_pauses_the_route(
    detail: dict[str, object], header: str | None, wait: float
) -> None:
    body = error(429, "RESOURCE_EXHAUSTED", detail)
    verdict = classify(429, body, lambda _: header, NOW)
    assert (verdict.retry_after, verdict.route) == (wait, RouteAction.PAUSE)


@pytest.mark.parametrize("header", ["30", "Mon, 21 Sep 2026 14:13:50 GMT"])
def test_a_5xx_with_retry_after_pauses_the_route(header: str) -> None:
    verdict = classify(503, b"", lambda _: header, NOW)
    assert (verdict.retry_after, verdict.route) == (30.0, RouteAction.PAUSE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b'{"error":null}',
        b'{"error":{"details":{}}}',
        b'{"error":{"details":[null,5,{"@type":7}]}}',
        b'{"error":{"status":5,"message":[1]}}',
        b'{"error":{"details":[{"@type":"google.rpc.BadRequest","fieldViolations":5}]}}',
        b'{"error":{"details":[{"@type":"google.rpc.BadRequest","fieldViolations":[{"field":[]}]}]}}',
        b"\xff",
    ],
)
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (401, Outcome.MISCONFIGURED),
        (403, Outcome.MISCONFIGURED),
        (404, Outcome.MISCONFIGURED),
        (429, Outcome.THROTTLED),
        (500, Outcome.UNAVAILABLE),
        (503, Outcome.UNAVAILABLE),
    ],
)
def test_an_odd_body_is_judged_by_its_status(body: bytes, status: int, outcome: Outcome) -> None:
    verdict = classify(status, body, no_header, NOW)
    assert (verdict.outcome, verdict.reason) == (outcome, f"Status{status}")


@given(st.integers(100, 599), st.binary(max_size=200), st.none() | st.text(max_size=40))
def test_no_answer_at_all_makes_it_raise(status: int, body: bytes, header: str | None) -> None:
    assert classify(status, body, lambda _: header, NOW).outcome in Outcome


names = st.sampled_from(
    ["error", "details", "@type", "errorCode", "fieldViolations", "violations", "field", "status"]
)
texts = st.sampled_from(["google.rpc.BadRequest", "google.rpc.QuotaFailure", "x", "message.token"])


@given(
    st.integers(400, 599),
    st.recursive(
        st.none() | st.integers() | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    ),
)
def test_no_json_of_any_shape_makes_it_raise(status: int, value: object) -> None:
    verdict = classify(status, json.dumps({"error": value}).encode(), no_header, NOW)
    assert verdict.outcome is not Outcome.ACCEPTED


@pytest.mark.parametrize("body", [b"", b"<html>400</html>", b"null", b"[]"])
def test_a_400_that_is_not_googles_is_no_verdict_on_the_notification(body: bytes) -> None:
    assert classify(400, body, no_header, NOW).outcome is Outcome.UNAVAILABLE
    odd = b'{"error":{"status":5,"message":[1]}}'
    assert classify(400, odd, no_header, NOW).outcome is Outcome.REJECTED
