"""What a browser shows of a push, and what its push service is told."""

import pytest

from push_pipeline.content import Content, browser
from push_pipeline.errors import InvalidParameter
from push_pipeline.platform import Platform
from push_workers.senders.webpush.payload import render

NOW = 1_790_000_000


def document(message: object, **headers: object) -> dict[str, object]:
    content = Content.from_publish(message, {k.replace("_", "-"): v for k, v in headers.items()})
    return browser.document(content.text, content.headers, "M1", "R1")


def told(message: object = "hi", expires_at: int | None = None, **headers: object) -> object:
    content = Content.from_publish(message, {k.replace("_", "-"): v for k, v in headers.items()})
    return browser.request_headers(content.text, content.headers, expires_at, NOW)


def test_a_text_alone() -> None:
    shown = {"title": "Hello", "tag": "R1", "data": {"messageId": "M1"}}
    assert document("Hello") == {"notification": shown}


def test_the_declarative_form_with_all_that_steers() -> None:
    buttons = [{"action": "open", "title": "Open", "navigate": "https://shop.example/7"}]
    made = document(
        "It is on its way",
        web_title="Order 7",
        web_link="https://shop.example/orders/7",
        web_icon="/icon.png",
        web_tag="order-7",
        web_silent=False,
        web_require_interaction="true",
        web_actions=buttons,
        web_badge="3",
        web_mutable=1,
        order=7,
        ios_sound="default",
    )
    assert made == {
        "web_push": 8030,
        "notification": {
            "title": "Order 7",
            "body": "It is on its way",
            "navigate": "https://shop.example/orders/7",
            "icon": "/icon.png",
            "tag": "order-7",
            "silent": False,
            "requireInteraction": True,
            "actions": buttons,
            "data": {"order": 7, "messageId": "M1"},
        },
        "app_badge": 3,
        "mutable": True,
    }


def test_a_push_without_words_is_data() -> None:
    assert document("", order=7) == {"data": {"order": 7, "messageId": "M1"}}
    assert told("") == {"ttl": "2419200", "urgency": "normal"}


def test_what_the_push_service_is_told() -> None:
    assert told() == {"ttl": "2419200", "urgency": "high"}
    assert told(expires_at=NOW + 60) == {"ttl": "60", "urgency": "high"}
    assert told(expires_at=0) == {"ttl": "0", "urgency": "high"}
    assert told(expires_at=NOW + 60, web_ttl_seconds=7, web_urgency="Low", web_topic="news") == {
        "ttl": "7",
        "urgency": "low",
        "topic": "news",
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"web-topic": "new_event"},
        {"web-topic": ""},
        {"web-topic": "x" * 33},
        {"web-urgency": "soon"},
        {"web-actions": [{"action": "open"}]},
        {"web-actions": ["open"]},
        {"web-actions": "open"},
    ],
)
def test_what_no_push_service_takes(headers: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter, match=next(iter(headers))):
        browser.check(headers)


def test_rendered_once_for_all_browsers() -> None:
    content = Content.from_publish("Hello", {"web-topic": "news", "web-title": "Shop"})
    browser.check(content.headers)
    said = {"message_id": "M1", "collapse_id": "R1", "expires_at": None, "now": float(NOW)}
    made = render(content, Platform.OSX, **said)
    assert made.headers["content-encoding"] == "aes128gcm"
    assert made.headers["topic"] == "news"
    assert made.body.startswith(b'{"notification":{"title":"Shop","tag":"R1","body":"Hello"')
    assert made.collapsible
