"""Stored templates are checked, and shown to devices in the form that the SDKs read."""

import pytest

from push_pipeline.errors import InvalidChannelName, InvalidParameter, MissingParameter
from push_pipeline.platform import Platform
from push_pipeline.template.device_facing import Looks, for_device
from push_pipeline.template.stored import ButtonTemplate, ChannelTemplate, PushTemplate

NOTHING = Looks({}, {})

#: A template as the console makes it.
CONSOLE = {
    "name": "welcome",
    "message": "Hello {name}",
    "platforms": [],
    "channelName": "default",
    "segmentQuery": None,
    "options": {
        "ios": {
            "alertTitle": None, "alertSubtitle": None, "customHeaders": None, "badge": 1,
            "sound": None, "attachmentUrl": None, "mutableContent": 0, "contentAvailable": 0,
            "buttonTemplate": "", "threadId": None, "summaryFormat": None,
        },
        "android": {
            "contentTitle": None, "summarySubText": None, "customHeaders": None, "badge": 0,
            "badgeNumber": 1, "icon": None, "largeIcon": None, "colorCode": "#3E86C4",
            "cancel": {"after": 60, "ontap": False}, "attachmentUrl": None, "actionOnTap": None,
            "contentAvailable": None, "buttonTemplate": "", "channelTemplate": "",
            "directBoot": False, "deliveryPriority": "normal", "ttlSeconds": 2419200,
            "lights": None,
        },
        "osx": {
            "alertTitle": None, "alertSubtitle": None, "customHeaders": None, "badge": 1,
            "sound": "default", "contentAvailable": 0,
        },
    },
}  # fmt: skip


def test_what_the_console_sends_is_what_the_console_gets() -> None:
    template = PushTemplate.read(CONSOLE)
    assert template.to_json() == {**CONSOLE, "id": None}
    assert template.reached == tuple(Platform)


def test_what_is_said_of_browsers_is_kept_and_nothing_is_written_where_nothing_was() -> None:
    said = {**CONSOLE, "options": {**CONSOLE["options"], "web": {"link": "https://shop.example/"}}}
    kept = PushTemplate.read(said).to_json()["options"]["web"]
    assert (kept["link"], kept["title"]) == ("https://shop.example/", None)
    unsaid = PushTemplate.read(CONSOLE)
    assert "web" not in unsaid.to_json()["options"]
    assert "options" not in unsaid.model_dump(mode="json", exclude_defaults=True)


def test_a_message_is_enough_and_the_rest_is_the_console_s_default() -> None:
    shortest = PushTemplate.read({"name": "welcome", "message": "Hello {name}"})
    assert shortest == PushTemplate.read(CONSOLE)


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"message": 5}, "message"),
        ({"message": "{User.name}"}, "{User.name}"),
        ({"name": "a,b"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": ""}, "name"),
        ({"platforms": ["WP"]}, "platforms.0"),
        ({"colour": "red"}, "colour"),
        ({"options": {"ios": {"badge": -1}}}, "options.ios.badge"),
        ({"options": {"ios": {"badge": "-1"}}}, "options.ios.badge"),
        ({"options": {"osx": {"badge": "+0"}}}, "options.osx.badge"),
        ({"options": {"android": {"colorCode": "red"}}}, "#RRGGBB"),
        ({"options": {"android": {"deliveryPriority": "urgent"}}}, "deliveryPriority"),
        ({"options": {"android": {"ttlSeconds": 2419201}}}, "ttlSeconds"),
        ({"options": {"ios": {"alertTitle": "{a.b}"}}}, "{a.b}"),
        ({"options": {"windows": {}}}, "options.windows"),
    ],
)
def test_a_wrong_field_is_named(change: dict, hint: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        PushTemplate.read({**CONSOLE, **change})
    assert hint in str(caught.value)
    assert caught.value.code == 8008


def test_what_is_missing_has_a_code_of_its_own() -> None:
    with pytest.raises(MissingParameter, match="message is missing") as caught:
        PushTemplate.read({**CONSOLE, "message": None})
    assert caught.value.code == 8007


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_what_is_no_object_is_no_template(body: object) -> None:
    with pytest.raises(InvalidParameter):
        PushTemplate.read(body)


def test_a_channel_s_name_is_checked_and_an_empty_one_means_all() -> None:
    with pytest.raises(InvalidChannelName):
        PushTemplate.read({**CONSOLE, "channelName": "a/b"})
    assert PushTemplate.read({**CONSOLE, "channelName": ""}).channel_name == ""


def test_android_is_told_of_colour_buttons_and_channel_in_numbers() -> None:
    options = {"buttonTemplate": "reply", "channelTemplate": "loud", "summarySubText": "sub"}
    template = PushTemplate.read({**CONSOLE, "options": {"android": options}})
    action = {"id": "Main", "title": "Answer", "options": 1, "inlineReply": True}
    buttons = ButtonTemplate.read({"name": "reply", "platform": "ANDROID", "actions": [action]})
    channel = ChannelTemplate.read(
        {
            "name": "loud",
            "priority": 5,
            "sound": "bell",
            "lightsColor": "#FF0000",
            "vibrate": [1, 2],
        }
    )
    shown = for_device(template, Platform.ANDROID, Looks({"reply": buttons}, {"loud": channel}))
    assert shown == {
        "name": "welcome", "contentTitle": None, "summarySubText": "sub", "customHeaders": None,
        "badge": 0, "badgeNumber": 1, "icon": None, "largeIcon": None, "colorCode": 4097732,
        "actionOnTap": None, "cancelOnTap": False, "cancelAfter": 60, "attachmentUrl": None,
        "contentAvailable": None,
        "actions": [{**action, "inputButtonTitle": None, "textInputPlaceholder": None}],
        "showBadge": True, "priority": 5, "sound": "bell", "lightsColor": 0xFF0000,
        "lightsOnMs": 0, "lightsOffMs": 0, "vibrate": [1, 2],
    }  # fmt: skip


def test_apple_s_devices_are_told_what_their_sdk_reads() -> None:
    template = PushTemplate.read(CONSOLE)
    ios = for_device(template, Platform.IOS, NOTHING)
    assert set(ios) == {
        "name", "alertTitle", "alertSubtitle", "customHeaders", "badge", "sound", "attachmentUrl",
        "mutableContent", "contentAvailable", "actions", "threadId", "summaryFormat",
    }  # fmt: skip
    assert ios["actions"] == []
    osx = for_device(template, Platform.OSX, NOTHING)
    assert set(osx) == {
        "name", "alertTitle", "alertSubtitle", "customHeaders", "badge", "sound",
        "contentAvailable",
    }  # fmt: skip


def test_a_button_template_that_is_gone_counts_as_none() -> None:
    template = PushTemplate.read({**CONSOLE, "options": {"ios": {"buttonTemplate": "gone"}}})
    assert for_device(template, Platform.IOS, NOTHING)["actions"] == []


def test_a_text_may_be_one_for_each_language() -> None:
    texts = {"de-AT": "Servus {name}", "default": "Hi {name}"}
    options = {"ios": {"alertTitle": texts}, "android": {"contentTitle": texts}}
    template = PushTemplate.read({**CONSOLE, "message": texts, "options": options})

    assert template.to_json()["message"] == texts
    assert template.to_json()["options"]["ios"]["alertTitle"] == texts
    assert PushTemplate.read(template.to_json()) == template
    assert for_device(template, Platform.IOS, NOTHING)["alertTitle"] == "Hi {name}"
    assert for_device(template, Platform.ANDROID, NOTHING)["contentTitle"] == "Hi {name}"
    for wrong in ({"de": "a"}, {"default": "", "de": "a"}, {"default": "{a.b}"}, {5: "a"}):
        with pytest.raises(InvalidParameter):
            PushTemplate.read({**CONSOLE, "message": wrong})


def test_a_template_may_raise_the_badge_and_the_device_keeps_none() -> None:
    template = PushTemplate.read({**CONSOLE, "options": {"ios": {"badge": "+1"}}})
    assert template.to_json()["options"]["ios"]["badge"] == "+1"
    assert for_device(template, Platform.IOS, NOTHING)["badge"] is None
    assert for_device(template, Platform.OSX, NOTHING)["badge"] == 1
