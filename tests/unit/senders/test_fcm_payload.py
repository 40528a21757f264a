"""What FCM is given: pyfcm's message, data only, with a place for the target."""

import json

import pytest

from push_pipeline.content import Content
from push_pipeline.platform import Platform
from push_workers.senders.base import Rendered
from push_workers.senders.fcm.payload import PayloadBuilder, render


def rendered(
    message: object, *, expires_at: int | None = None, now: float = 0, **headers: object
) -> Rendered:
    content = Content.from_publish(message, headers)
    return render(
        content,
        Platform.ANDROID,
        message_id="m1",
        collapse_id="run-7",
        expires_at=expires_at,
        now=now,
    )


def message_of(notification: Rendered) -> dict[str, object]:
    """Put a target in, as the sender does."""
    at = notification.target_at
    assert at is not None
    whole = notification.body[:at] + b'"token":"t",' + notification.body[at:]
    message = json.loads(whole)["message"]
    assert message.pop("token") == "t"
    return message


def test_a_message_is_data_alone() -> None:
    assert message_of(rendered("Hi é😀", **{"android-content-title": "T"})) == {
        "data": {"message": "Hi é😀", "messageId": "m1", "android-content-title": "T"},
        "android": {"priority": "HIGH", "ttl": "2419200s"},
    }


@pytest.mark.parametrize(
    ("message", "headers", "kind", "priority"),
    [
        ("Hi é😀", {"ios-alert-title": "T", "ios-badge": 3, "deal": {"n": 1}}, "alert", "10"),
        ("", {"ios-content-available": 1}, "background", "5"),
    ],
)
def test_an_iphone_gets_by_fcm_what_apns_would_get(message, headers, kind, priority) -> None:
    content = Content.from_publish(message, headers)
    notification = render(
        content, Platform.IOS, message_id="m1", collapse_id="run-7", expires_at=99, now=0
    )

    assert message_of(notification) == {
        "apns": {
            "headers": {
                "apns-push-type": kind,
                "apns-priority": priority,
                "apns-collapse-id": "run-7",
                "apns-expiration": "99",
            },
            "payload": content.for_apple(Platform.IOS, "m1"),
        }
    }
    assert notification.collapsible


@pytest.mark.parametrize(
    ("expires_at", "now", "ttl"),
    [
        (None, 0, "2419200s"),
        (0, 100.0, "0s"),
        (160, 100.5, "59s"),
        (10, 100.0, "0s"),
        (10**10, 0, "2419200s"),
    ],
)
def test_the_lifetime_is_counted_from_now(expires_at: int | None, now: float, ttl: str) -> None:
    android = message_of(rendered("x", expires_at=expires_at, now=now))["android"]
    assert isinstance(android, dict)
    assert android["ttl"] == ttl


@pytest.mark.parametrize(
    ("asked", "ttl"), [(60, "60s"), ("0", "0s"), (1000, "100s"), ("soon", "100s"), (None, "100s")]
)
def test_the_publisher_may_ask_for_a_shorter_life_on_android(asked: object, ttl: str) -> None:
    notification = rendered("x", expires_at=200, now=100, **{"android-ttl-seconds": asked})
    assert message_of(notification) == {
        "data": {"message": "x", "messageId": "m1"},
        "android": {"priority": "HIGH", "ttl": ttl},
    }


@pytest.mark.parametrize(
    ("asked", "given"), [("normal", "NORMAL"), ("Normal", "NORMAL"), ("high", "HIGH"), (5, "HIGH")]
)
def test_the_publisher_may_ask_for_patience(asked: object, given: str) -> None:
    android = message_of(rendered("x", **{"android-delivery-priority": asked}))["android"]
    assert isinstance(android, dict)
    assert android["priority"] == given


def test_our_extensions_steer_the_envelope_and_do_not_travel() -> None:
    headers = {"android-collapse-key": "score", "android-direct-boot": "1"}
    message = message_of(rendered("x", **headers))
    assert message == {
        "data": {"message": "x", "messageId": "m1"},
        "android": {
            "priority": "HIGH",
            "ttl": "2419200s",
            "collapse_key": "score",
            "direct_boot_ok": True,
        },
    }


def test_a_second_copy_replaces_the_first_only_with_a_key_of_the_publisher() -> None:
    assert not rendered("x").collapsible
    assert rendered("x", **{"android-collapse-key": "score"}).collapsible


def test_the_builder_cannot_send() -> None:
    builder = PayloadBuilder()
    for attempt in (
        lambda: builder.notify(fcm_token="t", data_payload={"a": "b"}),
        lambda: builder.send_request(b"{}"),
        builder.request_headers,
    ):
        with pytest.raises(NotImplementedError):
            attempt()


def test_a_picture_stands_where_firebase_looks_for_it_on_an_iphone() -> None:
    content = Content.from_publish("Hi", {"ios-rich-media-url": "https://example.com/a.png"})
    notification = render(
        content, Platform.IOS, message_id="m1", collapse_id="c", expires_at=None, now=0
    )
    block = message_of(notification)["apns"]
    assert block["fcm_options"] == {"image": "https://example.com/a.png"}
    assert block["payload"]["aps"]["mutable-content"] == 1
