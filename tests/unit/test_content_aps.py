"""What a header may put into `aps`, and what a publisher's own JSON may."""

import pytest

from push_pipeline.content import Content
from push_pipeline.errors import InvalidParameter
from push_pipeline.platform import Platform

CRITICAL = {"critical": 1, "name": "alarm.aiff", "volume": 0.5}


def content(message: object = "x", **headers: object) -> Content:
    return Content.from_publish(
        message, {f"ios-{n.replace('_', '-')}": v for n, v in headers.items()}
    )


def aps(message: object = "x", **headers: object) -> dict:
    found = content(message, **headers).for_apple(Platform.IOS, "m1")["aps"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("header", "value", "key", "shown"),
    [
        ("interruption_level", "Time-Sensitive", "interruption-level", "time-sensitive"),
        ("relevance_score", "0.5", "relevance-score", 0.5),
        ("relevance_score", 1, "relevance-score", 1),
        ("target_content_id", "chat-7", "target-content-id", "chat-7"),
        ("filter_criteria", "work", "filter-criteria", "work"),
        ("sound", CRITICAL, "sound", CRITICAL),
        ("sound", '{"critical": 1, "volume": 1}', "sound", {"critical": 1, "volume": 1}),
        ("url_args", ["a", 7], "url-args", ["a", "7"]),
    ],
)
def test_every_key_of_aps_has_a_header(header: str, value: object, key: str, shown: object) -> None:
    made = content(**{header: value})
    document = made.for_apple(Platform.IOS, "m1")
    assert document["aps"] == {"alert": {"body": "x"}, key: shown}
    assert set(document) == {"aps", "message", "messageId"}
    assert made.warnings() == ()


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("interruption_level", "loud"),
        ("relevance_score", 1.5),
        ("relevance_score", "nan"),
        ("relevance_score", True),
        ("sound", {"critical": 1, "volume": 2}),
        ("sound", {"critical": 1, "pitch": 1}),
        ("sound", {"name": "a"}),
        ("alert_loc_args", "Bob"),
        ("alert_summary_arg_count", -1),
    ],
)
def test_what_apple_has_no_place_for_is_named(header: str, value: object) -> None:
    made = content(**{header: value})
    assert made.for_apple(Platform.IOS, "m1")["aps"] == {"alert": {"body": "x"}}
    assert made.warnings() == ((f"ios-{header.replace('_', '-')}", "APNs has no place for it"),)


def test_the_device_can_say_it_in_its_own_language() -> None:
    alert = aps(
        alert_title_loc_key="T", alert_title_loc_args=["a"], alert_subtitle_loc_key="S",
        alert_subtitle_loc_args="[1]", alert_loc_key="B", alert_loc_args=["Bob", 7],
        alert_launch_image="cat.png", alert_action_loc_key="OPEN",
    )["alert"]  # fmt: skip
    assert alert == {
        "title-loc-key": "T", "title-loc-args": ["a"], "subtitle-loc-key": "S",
        "subtitle-loc-args": ["1"], "loc-key": "B", "loc-args": ["Bob", "7"],
        "launch-image": "cat.png", "action-loc-key": "OPEN", "body": "x",
    }  # fmt: skip


def test_a_push_that_says_a_key_of_the_app_is_shown() -> None:
    assert not content("", content_available=1, alert_loc_key="B").silent


@pytest.mark.parametrize("as_text", [False, True])
def test_raw_json_is_merged_last(*, as_text: bool) -> None:
    raw: object = {"aps": {"alert": {"title": "R"}, "badge": 9, "category": None, "new": 1}, "x": 5}
    if as_text:
        raw = '{"aps": {"alert": {"title": "R"}, "badge": 9, "category": null, "new": 1}, "x": 5}'
    got = content(badge=1, category="C", raw=raw).for_apple(Platform.IOS, "m1")
    assert got == {
        "aps": {"alert": {"title": "R", "body": "x"}, "badge": 9, "new": 1},
        "x": 5,
        "message": "x",
        "messageId": "m1",
    }
    assert "x" not in content(raw=raw).for_apple(Platform.OSX, "m1")


@pytest.mark.parametrize(
    "raw",
    [
        "no JSON",
        "[1]",
        7,
        '{"a": NaN}',
        '{"a": "\\ud800"}',
        "[" * 100_000,
        {"aps": 5},
        {"message": "y"},
        {"messageId": None},
        {"aps": {"content-state": {}}},
        {"aps": {"badge": "1"}},
        {"aps": {"badge": -1}},
        {"aps": {"interruption-level": "Passive"}},
        {"aps": {"relevance-score": 2}},
        {"aps": {"content-available": True}},
        {"aps": {"alert": 5}},
    ],
)
def test_raw_json_that_apple_would_not_take_is_refused(raw: object) -> None:
    with pytest.raises(InvalidParameter, match="ios-raw"):
        content(raw=raw)


def test_raw_json_decides_whether_a_push_is_in_the_background() -> None:
    assert content("", raw={"aps": {"content-available": 1}}).silent
    assert not content("", content_available=1, raw={"aps": {"badge": 1}}).silent


def test_a_background_push_names_what_it_cannot_show() -> None:
    silent = content("", content_available=1, thread_id="t", interruption_level="passive")
    assert silent.for_apple(Platform.IOS, "m1")["aps"] == {"content-available": 1}
    assert silent.warnings() == (
        ("ios-interruption-level", "a background push has no place for it"),
        ("ios-thread-id", "a background push has no place for it"),
    )


def test_raw_json_adds_nothing_to_aps_of_a_background_push() -> None:
    raw = {"aps": {"content-available": 1, "thread-id": "t"}, "sync": "inbox"}
    silent = content("", raw=raw)
    document = silent.for_apple(Platform.IOS, "m1")
    assert (document["aps"], document["sync"]) == ({"content-available": 1}, "inbox")
    assert silent.warnings() == (("ios-raw", "a background push has no place for it"),)


def test_an_alert_that_raw_takes_away_leaves_a_background_push() -> None:
    taken = {"aps": {"alert": None, "content-available": 1}}
    silent = content("sync", raw=taken)
    assert silent.silent
    assert silent.for_apple(Platform.IOS, "m1") == {
        "aps": {"content-available": 1}, "message": "sync", "messageId": "m1",
    }  # fmt: skip
    assert silent.apple_headers(Platform.IOS, "c", None)["apns-priority"] == "5"
    assert not content("sync", sound="bell", raw=taken).silent
    assert content("sync", sound="bell", raw={"aps": {**taken["aps"], "sound": None}}).silent


def test_the_copy_for_the_sdk_is_left_out_where_nothing_else_would_lose_the_text() -> None:
    once = content("x", sdk_copy=0, alert_title="T").for_apple(Platform.IOS, "m1")
    assert once["aps"] == {"alert": {"title": "T", "body": "x"}}
    assert "message" not in once
    assert content("x", sdk_copy="yes").warnings() == (
        ("ios-sdk-copy", "APNs has no place for it"),
    )
    assert content("x", sdk_copy="yes").for_apple(Platform.IOS, "m1")["message"] == "x"
    silent = content("", content_available=1, sdk_copy=0)
    assert silent.for_apple(Platform.IOS, "m1")["message"] == ""
