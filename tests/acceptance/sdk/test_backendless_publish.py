"""Whatever the unmodified SDK publishes arrives at the devices that it is for, and nowhere else."""

import json
from typing import Any

import pytest

from push_pipeline import status
from push_pipeline.clock import now_ms
from tests.acceptance.sdk.stand import (
    ANDROID,
    ANDROID_TOKEN,
    IOS_TOKEN,
    Service,
    register_both,
)
from tests.processes import wait_until

pytestmark = pytest.mark.slow  # the first of them starts a whole installation


def test_what_the_sdk_publishes_arrives_at_the_devices_it_registered(service: Service) -> None:
    register_both(service, ["default", "my channel"])

    published = service.call(
        "publish",
        "my channel",
        {"a": [1, "ü"]},
        {
            "$new": "PublishOptions",
            "of": {
                "publisherId": "shop",
                "headers": {"ios-alert-title": "Kitchen", "android-content-title": "K", "n": 7},
            },
        },
        {"$new": "DeliveryOptions", "of": {"publishPolicy": "PUSH", "pushBroadcast": 3}},
    )

    assert (published["status"], published["errorMessage"]) == ("scheduled", None)
    run = service.finish(published["messageId"])
    assert (run["audience"], run["accepted"]) == (2, 2)
    (apple,) = service.arrived(IOS_TOKEN)
    assert apple["aps"]["alert"]["title"] == "Kitchen"
    assert json.loads(apple["aps"]["alert"]["body"]) == {"a": [1, "ü"]}
    (android,) = service.arrived(ANDROID_TOKEN)
    data = android["message"]["data"]
    assert data["android-content-title"] == "K"
    assert json.loads(data["message"]) == {"a": [1, "ü"]}
    told = service.call("getMessageStatus", published["messageId"])
    assert told == {**published, "status": "published"}


def new(kind: str, of: dict[str, Any], **assigned: Any) -> dict[str, Any]:
    """An object of a class of the SDK, and the properties that are assigned to it."""
    return {"$new": kind, "of": of, "set": assigned}


#: What a publish may look like, and the text that each device gets; "all" is both of them.
PUBLISHES = [
    (["default", 42], "42", "all"),
    (["default", False], "false", "all"),
    (["default", [1, "x"]], '[1,"x"]', "all"),
    (["default", {"$date": 1700000000000}], "2023-11-14T22:13:20.000Z", "all"),
    (["ünï", "ünï"], "ünï", "all"),
    (["a:b", "a:b"], "a:b", "all"),
    (["q'", "q'"], "q'", "all"),
    (["default", "s", new("PublishOptions", {"subtopic": "x", "unknown": 1})], "s", "all"),
    (
        ["default", "Hi {name}", new("PublishOptions", {}, templateValues={"name": "Bob"})],
        "Hi Bob",
        "all",
    ),
    (["default", "before", {"message": "after"}], "after", "all"),
    (
        ["default", "or", None, new("DeliveryOptions", {"pushBroadcast": "IOS|ANDROID"})],
        "or",
        "all",
    ),
    (["default", "0", None, new("DeliveryOptions", {"pushBroadcast": 0})], "0", "all"),
    (["default", "2", None, new("DeliveryOptions", {"pushBroadcast": 2})], "2", "ANDROID"),
    (["default", "[]", None, new("DeliveryOptions", {"pushSinglecast": []})], "[]", "all"),
    (
        ["default", "one", None, new("DeliveryOptions", {"pushSinglecast": "phone-2"})],
        "one",
        "ANDROID",
    ),
    (  # the constructor drops it
        ["default", "d", None, new("DeliveryOptions", {"segmentQuery": "os = 'IOS'"})],
        "d",
        "all",
    ),
    (
        ["default", "kept", None, new("DeliveryOptions", {}, segmentQuery="os = 'IOS'")],
        "kept",
        "IOS",
    ),
]


def test_every_way_to_publish_arrives_at_the_devices_that_it_is_for(service: Service) -> None:
    register_both(service, ["default", "ünï", "a:b", "q'"])

    published = service.calls(*(["publish", *arguments] for arguments, _, _ in PUBLISHES))

    for one in published:
        assert one["status"] == "scheduled", one
        service.finish(one["messageId"])
    apple = [payload["aps"]["alert"]["body"] for payload in service.arrived(IOS_TOKEN)]
    assert sorted(apple) == sorted(text for _, text, to in PUBLISHES if to in {"all", "IOS"})
    android = [payload["message"]["data"]["message"] for payload in service.arrived(ANDROID_TOKEN)]
    assert sorted(android) == sorted(text for _, text, to in PUBLISHES if to in {"all", "ANDROID"})


def test_the_sdk_chooses_devices_by_system_by_id_and_by_segment(service: Service) -> None:
    register_both(service, ["default"])
    options = [
        {"$new": "DeliveryOptions", "of": {"pushBroadcast": "IOS"}},
        {"$new": "DeliveryOptions", "of": {"pushSinglecast": [ANDROID["uuid"]]}},
        {"segmentQuery": "osVersion = '17.1'"},
    ]
    headers = {"$new": "PublishOptions", "of": {"headers": {}}}
    published = service.calls(
        *(["publish", "default", f"to {n}", headers, one] for n, one in enumerate(options))
    )

    for one in published:
        assert service.finish(one["messageId"])["accepted"] == 1
    texts = [payload["aps"]["alert"]["body"] for payload in service.arrived(IOS_TOKEN)]
    assert sorted(texts) == ["to 0", "to 2"]
    (android,) = service.arrived(ANDROID_TOKEN)
    assert android["message"]["data"]["message"] == "to 1"


def test_the_sdk_pushes_a_template_and_reads_it_for_a_device(service: Service) -> None:
    register_both(service, [])

    pushed = service.call("pushWithTemplate", "welcome", {"city": "Oslo"})

    assert service.finish(pushed["messageId"])["accepted"] == 2
    (apple,) = service.arrived(IOS_TOKEN)
    assert apple["aps"]["alert"]["body"] == "Welcome to Oslo"
    for device_type in ("IOS", "android"):
        templates = service.call("getPushTemplates", device_type)
        assert templates["welcome"]["name"] == "welcome"
    assert service.calls(
        ["pushWithTemplate", "welcome"], ["pushWithTemplate", "nobody/knows", {}]
    ) == [(8007, 400), (5060, 400)]
    for one in service.calls(
        ["pushWithTemplate", "welcome", {"city": 7}],
        ["pushWithTemplate", "my plain one"],
        ["pushWithTemplate", "my plain one", {}],
    ):
        assert service.finish(one["messageId"])["accepted"] == 2
    texts = [payload["aps"]["alert"]["body"] for payload in service.arrived(IOS_TOKEN)]
    assert sorted(texts) == ["Plain", "Plain", "Welcome to 7", "Welcome to Oslo"]


def test_the_sdk_delays_repeats_and_cancels(service: Service) -> None:
    register_both(service, ["default"])
    later = now_ms() + 3_600_000
    delayed, dated, repeated, soon = service.calls(
        ["publish", "default", "later", None, {"publishAt": later}],
        ["publish", "default", "later", None, {"publishAt": {"$date": later}}],
        [
            "publish",
            "default",
            "again",
            None,
            {"repeatEvery": 1, "repeatExpiresAt": {"$date": later}},
        ],
        ["publish", "default", "soon", None, {"publishAt": now_ms() + 1500}],
    )

    assert service.finish(soon["messageId"])["accepted"] == 2
    for one in (delayed, dated):
        cancelled = {**one, "status": "cancelled"}
        assert service.calls(
            ["cancel", one["messageId"]],
            ["cancel", one["messageId"]],
            ["getMessageStatus", one["messageId"]],
        ) == [cancelled, (5040, 400), cancelled]
    wait_until(lambda: len(status(repeated["messageId"])["runs"]) >= 2, 30, "a second run")
    assert service.call("cancel", repeated["messageId"])["status"] == "cancelled"
    arrived = [payload["aps"]["alert"]["body"] for payload in service.arrived(IOS_TOKEN)]
    assert "again" in arrived
    assert "later" not in arrived
