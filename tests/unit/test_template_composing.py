"""What a template push says to each platform's devices."""

import json

import pytest

from push_pipeline.content import Content
from push_pipeline.errors import InvalidParameter, MissingParameter
from push_pipeline.platform import Platform
from push_pipeline.template.composing import compose
from push_pipeline.template.stored import PushTemplate
from push_pipeline.template.wording import Wording, oversized_of


def template(
    ios: dict | None = None, android: dict | None = None, **fields: object
) -> PushTemplate:
    options = {"ios": ios or {}, "android": android or {}}
    return PushTemplate.read({"name": "{odd}", "message": "Hello", "options": options, **fields})


def test_ios_gets_the_look_in_aps_and_the_template_s_name_beside_it() -> None:
    ios = {
        "alertTitle": "T {who}", "sound": "bell.caf", "badge": 3, "threadId": "t1",
        "attachmentUrl": "https://example.com/{who}.png", "customHeaders": {"deal": "{who}"},
    }  # fmt: skip
    said = compose(template(ios), {"who": "Ann"})[Platform.IOS].content({})
    document = said.for_apple(Platform.IOS, "m1")
    assert document["aps"] == {
        "alert": {"title": "T Ann", "body": "Hello"}, "badge": 3, "sound": "bell.caf",
        "mutable-content": 1, "thread-id": "t1",
    }  # fmt: skip
    assert document["template_name"] == "{odd}"
    assert document["message"] == "Hello"
    assert document["deal"] == "Ann"
    assert document["attachment-url"] == "https://example.com/Ann.png"


def test_custom_headers_of_one_platform_are_not_sent_to_another() -> None:
    wordings = compose(
        template({"customHeaders": {"deal": "ios"}}, {"customHeaders": {"other": "android"}}), {}
    )
    assert "deal" not in wordings[Platform.ANDROID].content({}).for_android("m1")
    assert "other" not in wordings[Platform.IOS].content({}).for_apple(Platform.IOS, "m1")


def test_android_gets_texts_in_the_data_and_delivery_options_beside_it() -> None:
    android = {
        "contentTitle": "T",
        "deliveryPriority": "high",
        "ttlSeconds": 60,
        "directBoot": True,
    }
    content = compose(template(android=android), {})[Platform.ANDROID].content({})
    data = content.for_android("m1")
    assert data["android-content-title"] == "T"
    assert data["template_name"] == "{odd}"
    assert data["message"] == "Hello"
    assert not {"android-ttl-seconds", "android-delivery-priority", "android-direct-boot"} & set(
        data
    )


def test_only_the_platforms_of_the_template_are_composed() -> None:
    assert set(compose(template(platforms=["OSX"]), {})) == {Platform.OSX}


def test_a_silent_template_shows_nothing_and_still_carries_its_text() -> None:
    said = compose(template({"contentAvailable": 1, "alertTitle": "T"}), {})[Platform.IOS]
    content = Wording.from_json(json.loads(json.dumps(said.to_json()))).content({})
    assert content.silent_on(Platform.IOS)
    document = content.for_apple(Platform.IOS, "m1")
    assert document["aps"] == {"content-available": 1}
    assert document["message"] == "Hello"


def test_a_template_that_is_not_stored_travels_with_the_push() -> None:
    brought = {Platform.IOS: {"name": None, "badge": 2, "sound": None, "alertTitle": "{x"}}
    said = compose(template({"alertTitle": "{Users.name}"}, platforms=["IOS"]), {}, brought)
    document = said[Platform.IOS].content({"name": "Ann"}).for_apple(Platform.IOS, "m1")
    assert json.loads(str(document["ios_immediate_push"])) == {
        "name": "ImmediateMessage",
        "badge": 2,
    }
    assert document["ios-alert-title"] == "Ann"
    assert "template_name" not in document


def test_a_value_that_is_missing_for_one_platform_is_named() -> None:
    with pytest.raises(MissingParameter, match=r"\{title\}"):
        compose(template(android={"contentTitle": "{title}"}), {})


def test_a_wording_survives_its_storage() -> None:
    wording = Wording.fill("Hi {Users.name}", {"a": "{Users.b.c}!", "n": 5, "t": "x"}, {})
    assert Wording.from_json(json.loads(json.dumps(wording.to_json()))) == wording
    assert wording.columns == ("name", "b.c")
    assert wording.to_json()["message"] == "Hi {Users.name}"
    content = wording.content({"name": "Ann", "b.c": "B"})
    assert content == Content.from_publish("Hi Ann", {"a": "B!", "n": 5, "t": "x"})


@pytest.mark.parametrize("header", ["ios-badge", "ios-collapse-id", "android-collapse-key"])
def test_what_all_devices_share_cannot_be_personal(header: str) -> None:
    with pytest.raises(InvalidParameter, match=header):
        Wording.fill("Hello", {header: "{Users.count}"}, {})


def test_a_push_that_is_too_large_with_no_words_at_all_is_found() -> None:
    wording = Wording.fill("x" * 2000 + "{Users.name}" * 300, {}, {})
    assert oversized_of({Platform.ANDROID: wording}) == ({}, {})
    long = Wording.fill("x" * 4090 + "{Users.name}", {}, {})
    short = Wording.fill("x{Users.name}", {}, {})
    assert list(oversized_of({Platform.IOS: long, Platform.OSX: short}).once) == [Platform.IOS]
    assert list(oversized_of({Platform.OSX: wording}).usual) == [Platform.OSX]
    assert oversized_of({Platform.OSX: wording}).once == {}
