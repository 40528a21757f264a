"""What APNs is given: headers by kind of push, and the document as the body."""

import json

import pytest

from push_pipeline.content import Content
from push_pipeline.platform import Platform
from push_workers.senders.apns.payload import render
from push_workers.senders.base import Rendered


def rendered(
    message: object,
    *,
    platform: Platform = Platform.IOS,
    expires_at: int | None = 5,
    **headers: object,
) -> Rendered:
    content = Content.from_publish(message, headers)
    return render(
        content, platform, message_id="m1", collapse_id="run-7", expires_at=expires_at, now=1
    )


def test_an_alert_is_to_be_shown_now() -> None:
    alert = rendered("Hello")
    assert alert.headers == {
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-collapse-id": "run-7",
        "apns-expiration": "5",
    }
    assert json.loads(alert.body) == Content.from_publish("Hello").for_apple(Platform.IOS, "m1")


def test_a_silent_push_is_a_background_push_of_priority_5() -> None:
    silent = rendered("", **{"ios-content-available": 1})
    assert silent.headers["apns-push-type"] == "background"
    assert silent.headers["apns-priority"] == "5"
    assert json.loads(silent.body)["aps"] == {"content-available": 1}


def test_silence_is_each_systems_own() -> None:
    headers = {"ios-content-available": 1}
    assert rendered("", platform=Platform.OSX, **headers).headers["apns-push-type"] == "alert"


def test_the_publisher_may_choose_what_replaces_what() -> None:
    chosen = {"ios-collapse-id": "score", "osx-collapse-id": "mac-score"}
    assert rendered("x", **chosen).headers["apns-collapse-id"] == "score"
    mac = rendered("x", platform=Platform.OSX, **chosen)
    assert mac.headers["apns-collapse-id"] == "mac-score"


def test_a_second_copy_always_replaces_the_first() -> None:
    assert rendered("x").collapsible
    assert rendered("", **{"ios-content-available": 1}).collapsible


@pytest.mark.parametrize(("expires_at", "header"), [(None, None), (0, "0"), (99, "99")])
def test_the_end_of_life_is_told_in_epoch_seconds(expires_at: int | None, header: str) -> None:
    assert rendered("x", expires_at=expires_at).headers.get("apns-expiration") == header


def test_now_or_never_is_not_over_before_it_is_sent() -> None:
    assert not rendered("x", expires_at=0).is_over(now=10.0)
    assert not rendered("x", expires_at=None).is_over(now=10.0)
    assert rendered("x", expires_at=10).is_over(now=10.0)
    assert not rendered("x", expires_at=11).is_over(now=10.0)
