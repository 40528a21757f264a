"""What the simulator takes of a Live Activity, and from which token."""

from typing import Any

import orjson
import pytest

from push_workers.simulator.apns.activities import fault, token_fault
from push_workers.simulator.devices import Screen
from push_workers.simulator.messages import Push

UPDATE: dict[str, Any] = {"timestamp": 5, "event": "update", "content-state": {"n": 1}}
START = {
    **UPDATE,
    "event": "start",
    "attributes-type": "T",
    "attributes": {},
    "alert": {"title": "a", "body": "b"},
    "input-push-token": 1,
}
END = {"timestamp": 6, "event": "end", "dismissal-date": 1}


def body(aps: dict[str, Any]) -> bytes:
    return orjson.dumps({"aps": aps})


@pytest.mark.parametrize("aps", [START, UPDATE, END])
def test_each_event_is_taken_with_what_it_needs(aps: dict[str, Any]) -> None:
    assert fault(body(aps), "5") is None
    assert fault(body(aps), "1") == "BadPriority"


@pytest.mark.parametrize(
    "aps",
    [
        *({**START, name: None} for name in ("attributes-type", "attributes", "alert")),
        {**START, "content-state": "text"},
        {**UPDATE, "timestamp": 5.5},
        {**UPDATE, "timestamp": None},
        {**UPDATE, "event": "pause"},
        {**UPDATE, "attributes": {}},
        {**UPDATE, "dismissal-date": 1},
        {**UPDATE, "alert": "text"},
        {"timestamp": 5, "event": "update"},
    ],
)
def test_what_no_device_would_show_is_refused(aps: dict[str, Any]) -> None:
    assert fault(body(aps), None) == "InvalidPushType"


def test_a_token_is_for_what_it_was_given_for() -> None:
    refused = "DeviceTokenNotForTopic"
    assert token_fault("start", body(START), "liveactivity") is None
    assert token_fault("start", body(UPDATE), "liveactivity") == refused
    assert token_fault("activity", body(END), "liveactivity") is None
    assert token_fault("activity", body(START), "liveactivity") == refused
    assert token_fault("device", body(UPDATE), "liveactivity") == refused
    assert token_fault("activity", body({}), "alert") == refused
    assert token_fault("device", body({}), "alert") is None


def test_a_screen_shows_the_event_of_the_highest_timestamp() -> None:
    screen = Screen(1)
    for stamp in (5, 7, 6, 7):
        screen.receive(Push(b"%d" % stamp, "", None, stamp), 0, online=True)
    told = screen.as_json()
    assert (told["activity"], told["outdated"], told["alerts"]) == ("7", 2, 0)
