"""What a message and its headers become on each platform."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.content import Content, compact_json
from push_pipeline.errors import EmptyMessage, InvalidParameter
from push_pipeline.platform import Platform

IOS, OSX = Platform.IOS, Platform.OSX

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_characters="\0")), inner, max_size=3
        )
    ),
    max_leaves=8,
)
header_names = st.sampled_from(
    [
        "ios-alert", "ios-alert-title", "ios-badge", "ios-sound", "ios-content-available",
        "ios-rich-media-url", "osx-alert-title", "android-content-title", "android-content-text",
        "template_name", "ios_immediate_push", "android_immediate_push", "wp-title", "aps", "from",
        "google.x", "gcm", "message", "messageId", "deep-link", "ключ",
    ]
)  # fmt: skip
header_sets = st.dictionaries(header_names, json_values, max_size=6)


def ios(message: object, **headers: object) -> dict[str, object]:
    return content(message, **headers).for_apple(IOS, "m1")


def content(message: object, **headers: object) -> Content:
    return Content.from_publish(message, {key.replace("__", "-"): v for key, v in headers.items()})


def test_a_plain_text_becomes_an_alert_and_travels_beside_aps() -> None:
    assert ios("Hello") == {
        "aps": {"alert": {"body": "Hello"}},
        "message": "Hello",
        "messageId": "m1",
    }


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("as it is ", "as it is "),
        (5, "5"),
        (5.5, "5.5"),
        (True, "true"),
        ({"b": 1, "a": [None, "é"]}, '{"b":1,"a":[null,"é"]}'),
        ([1, 2], "[1,2]"),
        ("", ""),
    ],
)
def test_a_message_that_is_no_string_is_told_as_compact_json(message: object, text: str) -> None:
    assert Content.from_publish(message).text == text
    assert ios(message)["message"] == text
    assert Content.from_publish(message).for_android("m1")["message"] == text


def test_null_is_no_message() -> None:
    with pytest.raises(EmptyMessage) as caught:
        Content.from_publish(None)
    assert caught.value.code == 5041


@pytest.mark.parametrize("headers", ["a string", "", 5, 0, [1], [], True, False])
def test_headers_that_are_no_object_are_refused(headers: object) -> None:
    with pytest.raises(InvalidParameter) as caught:
        Content.from_publish("x", headers)
    assert caught.value.code == 8008


@pytest.mark.parametrize(
    "message", ["\ud800", float("nan"), float("inf"), object(), {1, 2}, "a\0b", {"\0": 1}]
)
def test_what_no_provider_can_be_sent_is_refused_at_once(message: object) -> None:
    with pytest.raises(InvalidParameter):
        Content.from_publish(message)
    with pytest.raises(InvalidParameter):
        Content.from_publish("x", {"deep-link": message})


def test_a_value_nested_without_end_is_refused() -> None:
    value: list[object] = []
    for _ in range(5_000):
        value = [value]
    with pytest.raises(InvalidParameter):
        Content.from_publish(value)


def test_a_backslash_before_u0000_is_no_nul_character() -> None:
    assert Content.from_publish("\\u0000").text == "\\u0000"


def test_title_subtitle_and_body_come_from_their_headers() -> None:
    got = ios("text", **{"ios-alert-title": "T", "ios-alert-subtitle": "S", "ios-alert-body": "B"})
    assert got["aps"] == {"alert": {"title": "T", "subtitle": "S", "body": "B"}}
    assert (got["ios-alert-title"], got["ios-alert-subtitle"]) == ("T", "S")
    assert "ios-alert-body" not in got
    assert got["message"] == "text"


def test_the_older_name_of_the_body_loses_against_the_newer() -> None:
    assert ios("x", **{"ios-alert": "old"})["aps"] == {"alert": {"body": "old"}}
    assert ios("x", **{"ios-alert": "old", "ios-alert-body": "new"})["aps"] == {
        "alert": {"body": "new"}
    }


@pytest.mark.parametrize(
    ("badge", "shown"),
    [(7, 7), ("7", 7), (0, 0), (3.0, 3), ("seven", None), (True, None), (-1, None), (1.5, None)],
)
def test_a_badge_is_a_count_or_nothing(badge: object, shown: int | None) -> None:
    headers = Content.from_publish("x", {"ios-badge": badge})
    aps = headers.for_apple(IOS, "m1")["aps"]
    assert isinstance(aps, dict)
    assert aps.get("badge") == shown
    assert bool(headers.warnings()) == (shown is None)


@pytest.mark.parametrize("badge", [[1], {}, "9" * 5000, 1e300, 10**30, "٣", "-1", " 1"])
def test_an_odd_badge_is_ignored_and_named(badge: object) -> None:
    assert Content.from_publish("x", {"ios-badge": badge}).warnings() == (
        ("ios-badge", "APNs has no place for it"),
    )


def test_a_sound_that_is_a_byte_array_is_ignored_and_named() -> None:
    noisy = Content.from_publish("x", {"ios-sound": [1, 2, 3]})
    assert noisy.for_apple(IOS, "m1")["aps"] == {"alert": {"body": "x"}}
    assert noisy.warnings() == (("ios-sound", "APNs has no place for it"),)
    assert ios("x", **{"ios-sound": "default"})["aps"] == {
        "alert": {"body": "x"},
        "sound": "default",
    }


def test_a_picture_is_attached_and_wakes_the_extension() -> None:
    got = ios("x", **{"ios-rich-media-url": "https://example.com/a.png"})
    assert got["aps"] == {"alert": {"body": "x"}, "mutable-content": 1}
    assert got["attachment-url"] == got["ios-rich-media-url"] == "https://example.com/a.png"


@pytest.mark.parametrize("name", ["template_name", "ios_immediate_push"])
def test_a_template_travels_and_wakes_the_extension(name: str) -> None:
    got = ios("x", **{name: "Sale"})
    assert got[name] == "Sale"
    assert got["aps"] == {"alert": {"body": "x"}, "mutable-content": 1}


def test_our_extensions_set_category_thread_and_mutable_content() -> None:
    extensions = {
        "ios-category": "C",
        "ios-thread-id": 5,
        "ios-mutable-content": "1",
        "ios-collapse-id": "k",
    }
    got = ios("x", **extensions)
    assert got["aps"] == {
        "alert": {"body": "x"},
        "mutable-content": 1,
        "category": "C",
        "thread-id": "5",
    }
    assert set(got) == {"aps", "message", "messageId"}


@pytest.mark.parametrize("switch", [1, "1", True, "true", "TRUE"])
@pytest.mark.parametrize("message", ["", {}])
def test_a_push_with_nothing_to_show_is_silent(switch: object, message: object) -> None:
    silent = Content.from_publish(message, {"ios-content-available": switch, "sync": "inbox"})
    assert silent.silent
    assert silent.for_apple(IOS, "m1")["aps"] == {"content-available": 1}
    assert silent.for_apple(IOS, "m1")["sync"] == "inbox"


@pytest.mark.parametrize(
    "visible",
    [
        "ios-alert",
        "ios-alert-title",
        "ios-alert-subtitle",
        "ios-alert-body",
        "ios-badge",
        "ios-sound",
        "ios-rich-media-url",
        "template_name",
        "ios_immediate_push",
    ],
)
def test_a_push_with_anything_to_show_is_not_silent(visible: str) -> None:
    shown = Content.from_publish("", {"ios-content-available": 1, visible: "1"})
    assert not shown.silent
    aps = shown.for_apple(IOS, "m1")["aps"]
    assert isinstance(aps, dict)
    assert {"alert", "content-available"} <= set(aps)


def test_the_swift_default_does_not_hide_an_alert() -> None:
    got = ios("Hello", **{"ios-content-available": "1"})
    assert got["aps"] == {"alert": {"body": "Hello"}, "content-available": 1}


@pytest.mark.parametrize("switch", [0, "0", False, "no", None, "yes"])
def test_a_switch_that_is_off_silences_nothing(switch: object) -> None:
    assert not Content.from_publish("", {"ios-content-available": switch}).silent


def test_custom_headers_stand_beside_aps_with_their_types() -> None:
    got = ios("x", **{"deep-link": {"to": 5}, "count": 3, "empty": None})
    assert got["deep-link"] == {"to": 5}
    assert got["count"] == 3
    assert "empty" not in got


def test_headers_of_other_systems_stay_away() -> None:
    headers = {
        "android-action": "A",
        "wp-title": "W",
        "osx-alert-title": "O",
        "ios-alert-title": "I",
    }
    headers |= {"android_immediate_push": "{}"}
    everything = Content.from_publish("x", headers)
    assert set(everything.for_apple(IOS, "m1")) == {
        "aps",
        "message",
        "messageId",
        "ios-alert-title",
    }
    assert set(everything.for_apple(OSX, "m1")) == {
        "aps",
        "message",
        "messageId",
        "osx-alert-title",
    }
    android = everything.for_android("m1")
    assert set(android) == {"android-action", "android_immediate_push", "message", "messageId"}


def test_macos_reads_its_own_titles() -> None:
    titles = {"osx-alert-title": "T", "osx-alert-subtitle": "S", "ios-alert-title": "not this"}
    got = Content.from_publish("x", titles).for_apple(OSX, "m1")
    assert got["aps"] == {"alert": {"title": "T", "subtitle": "S", "body": "x"}}


def test_keys_that_are_ours_are_dropped_and_named() -> None:
    greedy = Content.from_publish("x", {"aps": {"badge": 1}, "message": "y", "messageId": "z"})
    assert greedy.for_apple(IOS, "m1") == ios("x")
    assert [one.field for one in greedy.warnings()] == ["aps", "message", "messageId"]


def test_android_gets_a_map_of_strings() -> None:
    headers = {"android-content-title": "T", "n": 5, "on": True, "o": {"a": 1}, "none": None}
    assert content("x", **headers).for_android("m1") == {
        "android-content-title": "T",
        "n": "5",
        "on": "true",
        "o": '{"a":1}',
        "message": "x",
        "messageId": "m1",
    }


def test_a_title_line_stands_in_for_an_empty_text_on_android() -> None:
    assert content("", **{"android-content-text": "line"}).for_android("m1")["message"] == "line"
    assert content("x", **{"android-content-text": "line"}).for_android("m1")["message"] == "x"


@pytest.mark.parametrize(
    "name", ["from", "message_type", "google.", "google.a", "gcm.notification.x"]
)
def test_keys_that_firebase_reserves_are_dropped_and_named(name: str) -> None:
    reserved = Content.from_publish("x", {name: "secret"})
    assert reserved.for_android("m1") == {"message": "x", "messageId": "m1"}
    assert reserved.warnings() == ((f"{name}", "FCM has no place for it"),)
    assert "secret" not in repr(reserved.warnings())


@pytest.mark.parametrize("name", ["google", "googlePayUrl", "gcm", "gcmId", "gcm.x", "fromWhom"])
def test_keys_that_firebase_does_not_reserve_travel(name: str) -> None:
    free = Content.from_publish("x", {name: "y"})
    assert free.for_android("m1") == {"message": "x", "messageId": "m1", name: "y"}
    assert free.warnings() == ()


def test_a_warning_is_for_whom_it_concerns() -> None:
    said = Content.from_publish("x", {"from": "a", "ios-badge": "many", "osx-badge": "many"})
    assert [one.field for one in said.warnings([IOS])] == ["ios-badge"]
    assert [one.field for one in said.warnings([OSX])] == ["osx-badge"]
    assert [one.field for one in said.warnings([Platform.ANDROID])] == ["from"]
    assert said.warnings([]) == ()


@pytest.mark.parametrize("name", ["ios-content-available", "ios-mutable-content"])
def test_a_switch_that_is_neither_on_nor_off_is_named(name: str) -> None:
    for plain in (0, 1, "0", "1", "true", "FALSE", False, ""):
        assert Content.from_publish("x", {name: plain}).warnings() == ()
    odd = Content.from_publish("x", {name: "yes"})
    assert odd.warnings() == ((name, "APNs has no place for it"),)


@pytest.mark.parametrize("name", ["ios-collapse-id", "osx-collapse-id", "android-collapse-key"])
@pytest.mark.parametrize("value", ["x" * 65, "", "a\r\nb", "ключ"])
def test_a_collapse_id_that_the_provider_would_refuse_is_refused_here(
    name: str, value: str
) -> None:
    with pytest.raises(InvalidParameter, match=name):
        Content.from_publish("x", {name: value})


def test_what_the_caller_changes_afterwards_changes_nothing() -> None:
    message, headers = {"a": [1]}, {"deep": {"b": 1}}
    frozen = Content.from_publish(message, headers)
    message["a"].append(2)
    headers["deep"]["b"] = 2
    assert frozen.for_apple(IOS, "m1")["deep"] == {"b": 1}
    assert frozen.text == '{"a":[1]}'


def test_the_text_survives_a_database_that_reorders_keys() -> None:
    stored = Content.from_publish({"zz": 1, "a": 2}).to_json()
    reordered = json.loads(json.dumps(stored, sort_keys=True))
    assert Content.from_json(reordered).text == '{"zz":1,"a":2}'


@given(json_values.filter(lambda value: value is not None), header_sets)
def test_every_json_value_makes_documents_that_are_json(
    message: object, headers: dict[str, object]
) -> None:
    made = Content.from_publish(message, headers)
    for platform in (IOS, OSX):
        document = json.loads(compact_json(made.for_apple(platform, "m1")))
        assert document["message"] == made.text
        assert isinstance(document["aps"], dict)
    data = made.for_android("m1")
    assert all(isinstance(part, str) for item in data.items() for part in item)
    assert not any(key.startswith("google.") or key == "from" for key in data)


@given(json_values.filter(lambda value: value is not None), header_sets)
def test_content_survives_its_journey_through_the_database(
    message: object, headers: dict[str, object]
) -> None:
    made = Content.from_publish(message, headers)
    assert Content.from_json(json.loads(json.dumps(made.to_json()))) == made
