"""Messages over HTTP: every form of a URL, every combination of options, every answer."""

import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from pipeline import db
from pipeline.models import MESSAGE
from pipeline.settings import Settings
from tests.integration.gateway_stand import APP, KEY, Answer, Client, make_app, running_gateway


@pytest.fixture
def api(settings: Settings, configure: Callable[..., Settings]) -> Iterator[Client]:
    configure(app_id=APP)
    make_app()
    with running_gateway() as client:
        yield client


def now() -> int:
    return time.time_ns() // 1_000_000


def stored_channel(answer: Answer) -> str:
    with db.reading() as connection:
        message_id = answer.body["messageId"]
        return connection.execute(
            select(MESSAGE.channel).where(MESSAGE.id == message_id)
        ).scalar_one()


def test_a_publish_is_answered_as_scheduled_with_an_id_and_no_error(api: Client) -> None:
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


def test_each_form_of_the_base_url_leads_to_the_app(api: Client, subtests: pytest.Subtests) -> None:
    cases = [f"/{APP}/{KEY}", f"//{APP}/{KEY}", "/api", "//api", "/custom", ""]
    for prefix in cases:
        with subtests.test(prefix=prefix):
            info = api("GET", "/info", prefix=prefix)
            assert info.status == 200
            assert info.body == {
                "appId": APP,
                "apiKey": KEY if KEY in prefix else None,
                "loggers": [],
                "rtURL": None,
            }
            assert api("POST", "/messaging/default", {"message": 1}, prefix=prefix).status == 200


def test_ids_in_headers_are_as_good_as_ids_in_the_path(api: Client) -> None:
    ids = {"application_id": APP, "secret_key": KEY, "application_type": "REST"}
    assert api("DELETE", "/messaging/channels/x", prefix="/v1", **ids).fault == (400, 5010)
    assert api("DELETE", "/messaging/channels/x", prefix="/v1").fault == (400, 2000)
    ids["secret_key"] = "WRONG"
    assert api("GET", "/info", prefix="/v1", **ids).fault == (400, 2002)


def test_a_body_needs_no_content_type_and_a_charset_does_no_harm(api: Client) -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "text/plain", ""):
        answer = api("POST", "/messaging/default", {"message": "ünï"}, Content_Type=kind)
        assert answer.status == 200


def test_a_channel_in_the_path_is_decoded_once(api: Client, subtests: pytest.Subtests) -> None:
    cases = [
        ("my%20channel", "my channel"),
        ("%C3%BCn%C3%AF", "ünï"),
        ("a:b", "a:b"),
        ("a%3Ab", "a:b"),
        ("q%27", "q'"),
        ("a=b&c;d+e@f$g,h", "a=b&c;d+e@f$g,h"),
        ("a?b", "a"),
    ]
    for sent, name in cases:
        with subtests.test(sent=sent, name=name):
            assert stored_channel(api.publish(sent)) == name


def test_a_name_that_no_channel_may_have_is_refused(api: Client, subtests: pytest.Subtests) -> None:
    cases = [
        "a%2Fb",
        "a%5Cb",
        "a%3Fb",
        "a%23b",
        "a%25b",
        "a%0Ab",
        "channels",
        "registrations%20/",
    ]
    for sent in cases:
        with subtests.test(sent=sent):
            status, code = api.publish(sent).fault
            assert (status, code) in {(400, 5044), (404, 8002), (405, 8002)}
            with db.reading() as connection:
                assert connection.execute(select(MESSAGE.id)).all() == []


def test_email_is_answered_as_not_configured(api: Client) -> None:
    assert api("POST", "/messaging/email", {"subject": "x"}).fault == (400, 5050)
    assert api("POST", "/emailtemplate/send", {"addresses": []}).fault == (400, 5050)


def test_a_message_may_be_any_json(api: Client, subtests: pytest.Subtests) -> None:
    cases = ["", "text", 42, 1.5, False, {"a": 1}, {}, [1, "x"], []]
    for message in cases:
        with subtests.test(message=message):
            assert api.publish(message=message).status == 200


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
    ]
    for body, code in cases:
        with subtests.test(body=body, code=code):
            assert api("POST", "/messaging/default", body).fault == (400, code)
            with db.reading() as connection:
                assert connection.execute(select(MESSAGE.id)).all() == []


def test_a_payload_that_no_provider_takes_is_refused_at_once(api: Client) -> None:
    assert api.publish(message="x" * 5000).fault == (413, 8008)


def test_a_message_is_found_by_its_id_with_a_raw_or_an_escaped_colon(api: Client) -> None:
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
    parts = ("accepted", "rejected", "expired", "cancelled", "unknown", "inFlight")
    assert run["audience"] == sum(run[name] for name in parts) == 0
    assert run["state"] == "scheduled"
    assert {"n", "dueAt", "byPlatform", "byReason", "startedAt", "finishedAt"} <= set(run)


def test_a_repeated_request_with_the_same_idempotency_key_publishes_once(
    api: Client,
) -> None:
    answers = [
        api("POST", "/messaging/default", {"message": n}, Idempotency_Key="order-7").body
        for n in range(3)
    ]
    assert len({answer["messageId"] for answer in answers}) == 1


def test_what_leads_nowhere_is_answered_in_the_same_shape(
    api: Client, subtests: pytest.Subtests
) -> None:
    cases = [
        ("GET", "/nothing", (404, 8002)),
        ("GET", "/data/Users", (404, 8002)),
        ("PUT", "/log", (404, 8002)),
        ("POST", "/messaging", (404, 8002)),
        ("POST", "/messaging/", (404, 8002)),
        ("PATCH", "/messaging/default", (405, 8002)),
        ("PUT", "/messaging/registrations", (405, 8002)),
        ("GET", "/messaging/default/", (404, 8002)),
    ]
    for method, path, fault in cases:
        with subtests.test(method=method, path=path, fault=fault):
            assert api(method, path).fault == fault


def test_a_browser_may_ask_from_anywhere(api: Client, subtests: pytest.Subtests) -> None:
    cases = ["/info", "/messaging/default", "/messaging/registrations"]
    for path in cases:
        with subtests.test(path=path):
            asked = {
                "Origin": "https://shop.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type,user-token",
            }
            allowed = api("OPTIONS", path, **asked)
            assert allowed.status == 200
            assert allowed.headers["access-control-allow-origin"] == "*"
            assert "DELETE" in allowed.headers["access-control-allow-methods"]
            assert "user-token" in allowed.headers["access-control-allow-headers"]
            answered = api("GET", "/info", Origin="https://shop.example")
            assert answered.headers["access-control-allow-origin"] == "*"
