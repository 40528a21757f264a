"""Messages over HTTP: every combination of options, every answer."""

import time

import pytest
from sqlalchemy import select, update

from push_pipeline import db, publish
from push_pipeline.directory.apps import add_key
from push_pipeline.ledger.views import PARTS
from push_pipeline.models import MESSAGE, Message
from tests.integration.gateway_stand import APP, Client, make_app


def now() -> int:
    return time.time_ns() // 1_000_000


def test_a_publish_is_answered_as_scheduled_with_an_id_and_no_error(api: Client) -> None:
    api.register()
    answer = api.publish(headers={"ios-alert-title": "Kitchen"}, publishPolicy="PUSH")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.body) == {"messageId", "status", "errorMessage"}
    assert answer.body["status"] == "scheduled"
    assert answer.body["errorMessage"] is None
    kind, _, guid = answer.body["messageId"].partition(":")
    assert kind == "message"
    assert guid == guid.upper()
    assert [len(part) for part in guid.split("-")] == [8, 4, 4, 4, 12]


def test_a_message_may_be_any_json(api: Client, subtests: pytest.Subtests) -> None:
    cases = ["", "text", 42, 1.5, False, {"a": 1}, {}, [1, "x"], []]
    for message in cases:
        with subtests.test(message=message):
            assert api.publish(message=message).status == 200


def test_a_message_by_language_is_kept_with_each_of_its_texts(api: Client) -> None:
    title = {"de": "Küche", "default": "Kitchen"}
    answer = api.publish(
        message={"de": "Hallo", "default": "Hi"}, headers={"ios-alert-title": title}
    )

    assert answer.status == 200
    with db.reading() as connection:
        content = connection.execute(select(MESSAGE.content)).scalar_one()
    assert (content["message"], content["languages"]["de"]["message"]) == ("Hi", "Hallo")
    assert api.publish(headers={"ios-alert-title": {"de": "Küche"}}).fault == (400, 8008)


def test_options_are_taken_in_every_spelling(api: Client, subtests: pytest.Subtests) -> None:
    cases = [
        {"headers": {"a": 1, "b": True, "c": None, "d": {"e": []}}},
        {"publisherId": None, "headers": None, "subtopic": "x"},
        {"pushBroadcast": 3},
        {"pushBroadcast": "IOS|ANDROID"},
        {"pushBroadcast": "FOR_ALL", "pushSinglecast": ["a", "b"]},
        {"pushSinglecast": []},
        {"pushSinglecast": "a"},
        {"pushPolicy": "ONLY"},
        {"publishPolicy": 0},
        {"publishPolicy": "who knows"},
        {"unknown": 1, "templateValues": {"a": "b"}},
        {"publishAt": 0, "repeatEvery": 0, "repeatExpiresAt": 0},
        {"publishAt": 4102444800000},
        {"publishAt": "2099-01-01T06:00:00.000Z"},
        {"repeatEvery": 20, "repeatExpiresAt": "2099-01-01T06:00:00.000Z"},
        {"repeatEvery": 20},
        {"repeatExpiresAt": 4102444800000},
    ]
    api.register("a")
    for options in cases:
        with subtests.test(options=options):
            answer = api.publish(**options)
            assert answer.status == 200, answer.body
            assert answer.body["status"] == "scheduled"


def test_a_message_that_reaches_nobody_by_construction_says_so(
    api: Client, subtests: pytest.Subtests
) -> None:
    for options in ({"pushBroadcast": "FOR_NONE"}, {"pushBroadcast": "WP"}):
        with subtests.test(options=options):
            answer = api.publish(**options).body
            assert (answer["status"], answer["errorMessage"]) == ("failed", "no recipients")


def test_what_is_wrong_has_its_code_and_nothing_is_written(
    api: Client, subtests: pytest.Subtests
) -> None:
    cases = [
        ({}, 8007),
        ({"message": None}, 5041),
        ({"message": "x", "headers": "ios-alert"}, 8008),
        ({"message": "x", "headers": []}, 8008),
        ({"message": "x", "publishAt": 1}, 5030),
        ({"message": "x", "publishAt": 1700000000}, 5030),
        ({"message": "x", "publishAt": "tomorrow"}, 5030),
        ({"message": "x", "publishAt": -1}, 5030),
        ({"message": "x", "publishAt": {}}, 5030),
        ({"message": "x", "repeatEvery": 5, "repeatExpiresAt": 1}, 5003),
        ({"message": "x", "repeatExpiresAt": "soon"}, 5003),
        (
            {"message": "x", "publishAt": 4102444800000, "repeatExpiresAt": 4102444700000},
            5003,
        ),
        ({"message": "x", "repeatEvery": -1}, 8008),
        ({"message": "x", "repeatEvery": "often"}, 8008),
        ({"message": "x", "pushBroadcast": "SYMBIAN"}, 8008),
        ({"message": "x", "pushBroadcast": 99}, 8008),
        ({"message": "x", "pushSinglecast": [1]}, 8008),
        ({"message": "x", "pushSinglecast": {"a": 1}}, 8008),
        ({"message": "x", "segmentQuery": "deviceId = "}, 1017),
        ({"message": "x", "publisherId": 7}, 8008),
        ({"message": "x", "publishPolicy": []}, 8008),
        ({"message": "x", "pushSinglecasts": ["a"]}, 8008),
        ({"message": "x", "publishAt": None}, 5030),
        ({"message": "x", "repeatEvery": 5, "repeatExpiresAt": None}, 5003),
        ({"message": "x", "deliveryOptions": {"publishAt": 4102444800000}}, 8008),
    ]
    for body, code in cases:
        with subtests.test(body=body, code=code):
            assert api("POST", "/messaging/default", body).fault == (400, code)
            with db.reading() as connection:
                assert connection.execute(select(MESSAGE.id)).all() == []


def test_a_payload_that_no_provider_takes_is_refused_at_once(api: Client) -> None:
    assert api.publish(message="x" * 5000).fault == (413, 8008)


def test_a_message_is_found_by_its_id_with_a_raw_or_an_escaped_colon(api: Client) -> None:
    api.register()
    published = api.publish().body
    for message_id in (published["messageId"], published["messageId"].replace(":", "%3A")):
        assert api("GET", f"/messaging/{message_id}").body == published


def test_an_unknown_message_has_the_status_unknown(api: Client) -> None:
    answer = api("GET", "/messaging/message:NOBODY")
    assert answer.status == 200
    assert answer.body == {
        "messageId": "message:NOBODY",
        "status": "unknown",
        "errorMessage": None,
    }


def test_another_app_sees_nothing_of_a_message(api: Client) -> None:
    make_app("APP-2", "KEY-2")
    message_id = api.publish(publishAt=now() + 3_600_000).body["messageId"]
    api.prefix = "/APP-2/KEY-2"

    assert api("GET", f"/messaging/{message_id}").body["status"] == "unknown"
    assert api("GET", f"/messaging/{message_id}/ledger").body["status"] == "unknown"
    assert api("GET", f"/messaging/{message_id}/ledger").body["runs"] == []
    assert api("DELETE", f"/messaging/{message_id}").fault == (400, 5040)


def test_a_delayed_message_can_be_cancelled_once(api: Client) -> None:
    message_id = api.publish(publishAt=now() + 3_600_000).body["messageId"]

    answer = api("DELETE", f"/messaging/{message_id}")

    cancelled = {"messageId": message_id, "status": "cancelled", "errorMessage": None}
    assert (answer.status, answer.body) == (200, cancelled)
    assert api("GET", f"/messaging/{message_id}").body == cancelled
    assert api("DELETE", f"/messaging/{message_id}").fault == (400, 5040)
    assert api("DELETE", "/messaging/message:NOBODY").fault == (400, 5040)


def test_the_ledger_of_a_message_is_read_over_http(api: Client) -> None:
    message_id = api.publish().body["messageId"]

    ledger = api("GET", f"/messaging/{message_id}/ledger").body

    assert ledger["messageId"] == message_id
    (run,) = ledger["runs"]
    assert run["audience"] == sum(run[name] for name in PARTS) == 0
    assert run["state"] == "scheduled"
    assert {"n", "dueAt", "byPlatform", "byReason", "startedAt", "finishedAt"} <= set(run)


def test_a_repeated_request_with_the_same_idempotency_key_publishes_once(
    api: Client,
) -> None:
    answers = [
        api("POST", "/messaging/default", {"message": "x"}, Idempotency_Key="order-7")
        for _ in range(3)
    ]
    assert len({answer.body["messageId"] for answer in answers}) == 1
    told = [answer.headers.get("idempotent-replayed") for answer in answers]
    assert told == [None, "true", "true"]


def test_an_idempotency_key_with_another_request_is_refused(api: Client) -> None:
    first = {"message": "x", "pushBroadcast": 3}
    assert api("POST", "/messaging/default", first, Idempotency_Key="order-7").status == 200

    same = {"pushBroadcast": "IOS|ANDROID", "message": "x"}
    assert api("POST", "/messaging/default", same, Idempotency_Key="order-7").status == 200
    for path, body in (
        ("default", {"message": "y"}),
        ("default", {**first, "publishAt": 4102444800000}),
        ("other", first),
        ("users/42", first),
    ):
        answer = api("POST", f"/messaging/{path}", body, Idempotency_Key="order-7")
        assert answer.fault == (422, 5061), body
    for wrong in ("", "k" * 256):
        assert api("POST", "/messaging/default", first, Idempotency_Key=wrong).fault == (400, 8008)


def test_an_idempotency_key_is_its_callers_own_and_apart_from_those_of_the_host(
    api: Client,
) -> None:
    with db.writing() as connection:
        add_key(connection, APP, now(), key="another key")

    def ask(prefix: str) -> str:
        answer = api(
            "POST", "/messaging/orders", {"message": "x"}, prefix=prefix, Idempotency_Key="k"
        )
        assert "idempotent-replayed" not in answer.headers
        return answer.body["messageId"]

    ids = [ask(prefix) for prefix in (api.prefix, f"/{APP}/another%20key")]
    ids.append(publish("orders", "x", app=APP, dedupe_key="k").message_id)

    assert len(set(ids)) == 3


def test_an_idempotency_key_of_a_release_that_took_no_fingerprints_is_replayed(
    api: Client,
) -> None:
    first = publish("default", "hello", app=APP, dedupe_key="order-7")  # as it stored them
    asked = {"message": "hello"}
    with db.writing() as connection:
        connection.execute(update(Message).values(fingerprint=None))

    again = api("POST", "/messaging/default", asked, Idempotency_Key="order-7")

    assert again.body["messageId"] == first.message_id
    assert again.headers["idempotent-replayed"] == "true"
