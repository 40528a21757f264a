"""Who shows a push on Android, and what the system can be told to show."""

import json

import pytest

from push_pipeline.content import Content
from push_pipeline.content.sizes import size_of
from push_pipeline.errors import InvalidParameter
from push_pipeline.platform import Platform
from push_workers.senders.fcm.payload import render
from push_workers.simulator.fcm.checks import facts


def content(message: object = "x", **headers: object) -> Content:
    named = {f"android-{n.replace('_', '-')}": v for n, v in headers.items()}
    return Content.from_publish(message, {**named, "order": 7})


def sent(made: Content) -> dict:
    """Return FCM's message, which the simulator finds no fault with."""
    body = render(
        made, Platform.ANDROID, message_id="m1", collapse_id="c", expires_at=None, now=0
    ).body
    message = json.loads(body)["message"]
    assert facts(json.dumps(message).encode(), "messageId", to_topic=False).fault is None
    return message


EVERY_FIELD = {
    "content_title": ("T", "title", "T"),
    "image": ("https://example.com/a.png", "image", "https://example.com/a.png"),
    "channel_id": ("news", "channel_id", "news"),
    "tag": ("t", "tag", "t"),
    "icon": ("bell", "icon", "bell"),
    "color": ("#FF8800", "color", "#FF8800"),
    "sound": ("ding", "sound", "ding"),
    "click_action": ("OPEN", "click_action", "OPEN"),
    "notification_priority": ("high", "notification_priority", "PRIORITY_HIGH"),
    "visibility": ("secret", "visibility", "SECRET"),
    "ticker": ("psst", "ticker", "psst"),
    "sticky": (1, "sticky", True),
    "badge": ("3", "notification_count", 3),
    "title_loc_key": ("TK", "title_loc_key", "TK"),
    "title_loc_args": (["a", 1], "title_loc_args", ["a", "1"]),
    "body_loc_key": ("BK", "body_loc_key", "BK"),
    "body_loc_args": ('["b"]', "body_loc_args", ["b"]),
}


def test_the_system_shows_every_field_that_fcm_has() -> None:
    made = content(style="notification", **{name: one[0] for name, one in EVERY_FIELD.items()})
    message = sent(made)
    shown = {key: value for _, key, value in EVERY_FIELD.values()}
    assert message["android"]["notification"] == {"body": "x", **shown}
    assert message["data"] == {"order": "7", "messageId": "m1"}
    assert made.warnings() == ()


def test_both_says_all_to_the_app_as_well() -> None:
    message = sent(content(style="both", content_title="T"))
    assert message["android"]["notification"] == {"title": "T", "body": "x"}
    told = {"order": "7", "android-content-title": "T", "message": "x", "messageId": "m1"}
    assert message["data"] == told


def test_the_apps_default_counts_where_a_push_does_not_say() -> None:
    assert "notification" not in sent(content())["android"]
    assert "notification" in sent(content().styled("both"))["android"]
    assert "notification" not in sent(content(style="data").styled("both"))["android"]
    assert "notification" in sent(content(style="blink").styled("both"))["android"]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("color", "red"),
        ("visibility", "hidden"),
        ("notification_priority", "11"),
        ("title_loc_args", "a"),
        ("analytics_label", "a b"),
        ("ttl_seconds", "1h"),
        ("ttl_seconds", 2_419_201),
        ("delivery_priority", "urgent"),
        ("direct_boot", "yes"),
        ("sticky", "yes"),
    ],
)
def test_what_fcm_has_no_place_for_is_named(header: str, value: object) -> None:
    made = content(style="notification", **{header: value})
    assert sent(made)["android"]["notification"] == {"body": "x"}
    assert made.warnings() == ((f"android-{header.replace('_', '-')}", "FCM has no place for it"),)


def test_an_unknown_display_is_named() -> None:
    assert content(style="blink").warnings() == (("android-style", "FCM has no place for it"),)


@pytest.mark.parametrize("style", ["data", "notification", "both"])
def test_a_push_that_shows_nothing_wakes_nobody(style: str) -> None:
    android = sent(content("", style=style, delivery_priority="high"))["android"]
    assert android["priority"] == "NORMAL"
    assert "notification" not in android
    assert sent(content("", content_title="T"))["android"]["priority"] == "HIGH"


def test_a_priority_that_a_silent_push_cannot_have_is_named() -> None:
    assert content("", delivery_priority="high").warnings() == (
        ("android-delivery-priority", "a push that shows nothing goes normal"),
    )
    assert content("x", delivery_priority="high").warnings() == ()
    assert content("", delivery_priority="normal").warnings() == ()


def test_what_only_the_apps_code_could_show_is_named_where_the_system_shows() -> None:
    looks = {"large_icon": "i", "content_text": "t"}
    assert content(style="notification", **looks).warnings() == (
        ("android-large-icon", "not sent where the system shows the push"),
    )
    assert content(style="both", **looks).warnings() == ()


def test_a_label_counts_the_push_at_firebase() -> None:
    assert sent(content(analytics_label="spring"))["android"]["fcm_options"] == {
        "analytics_label": "spring"
    }


def test_raw_json_is_merged_last() -> None:
    raw = {"android": {"notification": {"body": "R", "proxy": "DENY"}}, "data": {"k": "v"}}
    message = sent(content(style="both", raw=json.dumps(raw)))
    assert message["android"]["notification"] == {"body": "R", "proxy": "DENY"}
    assert message["data"]["k"] == "v"
    assert message["data"]["messageId"] == "m1"


@pytest.mark.parametrize(
    "raw",
    [
        "no JSON",
        {"token": "t"},
        {"apns": {}},
        {"data": None},
        {"data": {"k": 5}},
        {"data": {"message": "y"}},
        {"android": {"data": {"google.x": "y"}}},
        {"android": {"ttl": "5s"}},
        {"android": {"priority": "LOUD"}},
        {"android": {"notification": {"colour": "#FF8800"}}},
        {"android": {"notification": {"title": 5}}},
        {"android": None},
    ],
)
def test_raw_json_that_fcm_would_not_take_is_refused(raw: object) -> None:
    with pytest.raises(InvalidParameter, match="android-raw"):
        content(raw=raw)


def test_what_the_system_shows_counts_for_the_size() -> None:
    data, both = content(), content(style="both")
    assert size_of(both, Platform.ANDROID, "m")[0] == size_of(data, Platform.ANDROID, "m")[0] + 5


@pytest.mark.parametrize(
    "android",
    [
        {"notification": {"color": "red"}},
        {"fcmOptions": {"analyticsLabel": "a b"}},
        {"notification": {"visibility": "HIDDEN"}},
    ],
)
def test_the_simulator_refuses_what_firebase_would(android: dict) -> None:
    assert facts(json.dumps({"android": android}).encode(), "id", to_topic=False).fault is not None
