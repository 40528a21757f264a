"""Apple's push types as rules: whose token it is, what is said to it, and what cannot be."""

import json

import pytest

from push_pipeline.content import Content
from push_pipeline.content.apple import typed
from push_pipeline.content.sizes import find_oversized
from push_pipeline.devices.registration import Registration, check_registration
from push_pipeline.errors import InvalidParameter
from push_pipeline.platform import Platform, route_environment
from push_pipeline.publishing.draft import Draft, draft_message
from push_pipeline.push_type import PUSH_TYPES, kept_id, takes

TOKEN = "ab" * 80


def registered(**fields: object) -> Registration:
    said = {"deviceId": "P1", "deviceToken": TOKEN, "os": "IOS", **fields}
    return check_registration(said, now=0)


def content(push_type: str | None, message: object = "", **headers: object) -> Content:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return Content.from_publish(message, typed(said, push_type))


def headers(push_type: str, **said: object) -> dict[str, str]:
    return content(push_type, **said).apple_headers(Platform.IOS, "run.1", 0)


@pytest.mark.parametrize(
    ("fields", "kind", "device_id"),
    [
        ({}, "apns", "P1"),
        ({"pushType": "alert"}, "apns", "P1"),
        ({"pushType": "VoIP"}, "voip", "P1.voip"),
        ({"pushType": "voip", "deviceId": "P1.voip"}, "voip", "P1.voip"),
        ({"topic": "com.example.app"}, "apns", "P1"),
        ({"topic": "com.example.app.voip"}, "voip", "P1.voip"),
        ({"topic": "com.example.app.voip-ptt"}, "pushtotalk", "P1.pushtotalk"),
        ({"topic": "com.example.app.push-type.widgets"}, "widgets", "P1.widgets"),
        ({"topic": "com.example.voip", "pushType": "alert"}, "apns", "P1"),
    ],
)
def test_a_token_is_of_the_kind_that_its_type_or_its_topic_says(
    fields: dict[str, str], kind: str, device_id: str
) -> None:
    one = registered(**fields)

    assert (one.kind, one.device_id) == (kind, device_id)
    assert route_environment(one.kind, "", "sandbox") == "sandbox"


@pytest.mark.parametrize(
    "fields",
    [
        {"pushType": "mdm"},
        {"pushType": "background"},
        {"pushType": "voip", "os": "ANDROID", "deviceToken": "x" * 40},
        {"pushType": "voip", "tokenType": "fcm", "deviceToken": "x" * 40},
        {"topic": "com.example.app.push-type.liveactivity"},
        {"topic": 7},
        {"pushType": "voip", "deviceId": "x" * 510},
    ],
)
def test_a_kind_that_no_token_can_have_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter):
        registered(**fields)


def test_each_kind_takes_its_own_pushes_and_no_others() -> None:
    for name in PUSH_TYPES:
        assert [kind for kind in (*PUSH_TYPES, "apns", "token") if takes(kind, name)] == [name]
    assert [kind for kind in (*PUSH_TYPES, "apns", "fid") if takes(kind, None)] == ["apns", "fid"]
    assert kept_id("P1", None) == "P1"


def test_a_payload_has_what_its_type_wants_and_the_text_where_the_app_reads_it() -> None:
    call = content("voip", {"caller": "Ann"}, room="7", ios_sdk_copy=0)
    assert call.for_apple(Platform.IOS, "m") == {
        "aps": {},
        "room": "7",
        "message": '{"caller":"Ann"}',
        "messageId": "m",
    }
    changed = {"aps": {"content-changed": True}, "messageId": "m"}
    assert content("controls").for_apple(Platform.OSX, "m") == changed
    raw = json.dumps({"aps": {"alert": "x"}})
    assert content("voip", ios_raw=raw).for_apple(Platform.IOS, "m")["aps"] == {"alert": "x"}


def test_each_type_is_named_with_its_priority_and_without_a_collapse_id() -> None:
    assert headers("voip") == {
        "apns-push-type": "voip",
        "apns-priority": "10",
        "apns-expiration": "0",
    }
    assert headers("location", ios_priority=5)["apns-priority"] == "5"
    with pytest.raises(InvalidParameter, match="ios-priority"):
        content("voip", ios_priority=5)


@pytest.mark.parametrize("said", [{"message": "Hi"}, {"ios_raw": {"aps": {"badge": 1}}}])
def test_a_type_that_only_signals_has_no_text(said: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter, match="has no text"):
        content("widgets", **said)


def test_what_steers_an_alert_is_named_as_without_effect() -> None:
    told = content("voip", ios_badge="+1", ios_alert_title="T").warnings([Platform.IOS])

    assert {one.field for one in told} == {"ios-badge", "ios-alert-title"}
    assert content("voip", ios_badge="+1").badge_change(Platform.IOS) is None


def test_a_call_may_be_a_kilobyte_larger() -> None:
    for push_type, fits in (("voip", True), ("complication", False)):
        large = content(push_type, "x" * 5_000)
        assert (not find_oversized(large, [Platform.IOS], "m")) is fits


def test_nobody_says_a_push_type_as_a_header() -> None:
    with pytest.raises(InvalidParameter, match="say pushType"):
        draft_message("news", "Hi", {"headers": {"ios-push-type": "voip"}}, None, now=0)


def drafted(message: object, **options: object) -> Draft:
    return draft_message("news", message, None, options, now=0)


@pytest.mark.parametrize(
    ("message", "options", "said"),
    [
        ("Hi", {"push_type": "widgets"}, "has no text"),
        ("", {"push_type": "voip", "push_broadcast": "ANDROID"}, "Apple's systems alone"),
        ("Hi", {"push_type": "liveactivity"}, "activities"),
        ("Hi", {"push_type": "phone"}, "one of alert"),
    ],
)
def test_what_a_type_cannot_be_is_refused(message: str, options: dict, said: str) -> None:
    with pytest.raises(InvalidParameter, match=said):
        drafted(message, **options)


def test_a_call_is_now_or_never_unless_a_lifetime_is_said() -> None:
    assert drafted("Ann", push_type="voip").to.ttl_seconds == 0
    assert drafted("Ann", push_type="voip", ttl=30).to.ttl_seconds == 30
    assert drafted("", push_type="widgets").to.ttl_seconds > 0
    assert drafted("Ann", push_type="voip").to.platforms == {Platform.IOS, Platform.OSX}
