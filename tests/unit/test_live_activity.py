"""An activity's event: what may be said in which, and what Apple and Android are told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from push_pipeline.content.activity_alert import alert_in, languages_of
from push_pipeline.content.live_activity import ActivityContent, collapse_key, document
from push_pipeline.content.sizes import size_of
from push_pipeline.errors import InvalidParameter, MissingParameter
from push_pipeline.options.activity import ActivityOptions
from push_pipeline.platform import Platform

NOW_MS = 1_800_000_000_000
START: dict[str, Any] = {
    "activity_id": "match-42",
    "event": "start",
    "attributes_type": "MatchAttributes",
    "attributes": {"home": "Ajax"},
    "state": {"score": [0, 0]},
    "alert": {"title": "Kick-off", "body": {"loc-key": "KICK_OFF", "loc-args": ["Ajax"]}},
}
UPDATE: dict[str, Any] = {
    "activity_id": "match-42",
    "event": "update",
    "state": {"score": [1, 0]},
}
END: dict[str, Any] = {"activity_id": "match-42", "event": "end"}


def test_a_start_says_what_apple_asks_for_and_the_id_to_the_app() -> None:
    aps = document(ActivityOptions(**START), 1_800_000_000)["aps"]

    assert aps == {
        "timestamp": 1_800_000_000,
        "event": "start",
        "content-state": {"score": [0, 0]},
        "attributes-type": "MatchAttributes",
        "attributes": {"activityId": "match-42", "home": "Ajax"},
        "input-push-token": 1,
        "alert": {"title": "Kick-off", "body": {"loc-key": "KICK_OFF", "loc-args": ["Ajax"]}},
    }


def test_a_start_may_make_the_app_listen_to_a_channel() -> None:
    aps: Any = document(ActivityOptions(**START, input_push_channel="dHN0"), 1)["aps"]

    assert aps["input-push-channel"] == "dHN0"
    assert "input-push-token" not in aps


def test_an_update_and_an_end_say_when_they_are_outdated_and_gone() -> None:
    stale = datetime.fromtimestamp(NOW_MS / 1000 + 60, UTC)
    update = ActivityOptions(**UPDATE, stale_date=stale, relevance_score=7.5)
    end = ActivityOptions(**END, dismissal_date=NOW_MS)

    assert document(update, 5)["aps"] == {
        "timestamp": 5,
        "event": "update",
        "content-state": {"score": [1, 0]},
        "stale-date": NOW_MS // 1000 + 60,
        "relevance-score": 7.5,
    }
    assert document(end, 6)["aps"] == {
        "timestamp": 6,
        "event": "end",
        "dismissal-date": NOW_MS // 1000,
    }


@pytest.mark.parametrize(
    ("said", "urgency"),
    [
        (START, 10),
        (UPDATE, 5),
        ({**UPDATE, "alert": "Goal"}, 10),
        ({**UPDATE, "priority": 10}, 10),
        ({**UPDATE, "alert": "Goal", "priority": "5"}, 5),
        (END, 10),
    ],
)
def test_what_alerts_nobody_costs_nothing_of_the_budget(said: Any, urgency: int) -> None:
    content = ActivityContent.of(ActivityOptions(**said), 5)

    assert content.apple_headers(Platform.IOS, "run", 9) == {
        "apns-push-type": "liveactivity",
        "apns-priority": str(urgency),
        "apns-expiration": "9",
    }
    assert content.urgent_on_android is (urgency == 10)


def test_android_gets_the_event_as_texts_and_keeps_the_newest() -> None:
    content = ActivityContent.of(ActivityOptions(**START, stale_date=NOW_MS), 5)

    assert content.for_android("m1") == {
        "activity_id": "match-42",
        "event": "start",
        "timestamp": "5",
        "state": '{"score":[0,0]}',
        "attributes_type": "MatchAttributes",
        "attributes": '{"activityId":"match-42","home":"Ajax"}',
        "alert": '{"title":"Kick-off","body":{"loc-key":"KICK_OFF","loc-args":["Ajax"]}}',
        "stale_date": str(NOW_MS // 1000),
        "messageId": "m1",
    }
    assert content.headers["android-collapse-key"] == collapse_key("match-42")


def test_what_was_stored_says_the_same_when_it_is_read_back() -> None:
    said = ActivityOptions(**START, stale_date=NOW_MS)
    waited = ActivityContent.of_stored(said.to_json(), NOW_MS)

    assert ActivityContent.of_stored({**said.to_json(), "timestamp": 7}, 0) == ActivityContent.of(
        said, 7
    )
    assert waited.timestamp == NOW_MS // 1000


@pytest.mark.parametrize("name", ["attributes_type", "attributes", "alert", "state"])
def test_a_start_needs_all_that_apple_needs(name: str) -> None:
    with pytest.raises(MissingParameter):
        ActivityOptions(**{**START, name: None})


@pytest.mark.parametrize("said", [{**UPDATE, "state": None}, {**END, "event": None}])
def test_an_event_without_its_state_or_name_is_refused(said: Any) -> None:
    with pytest.raises(MissingParameter):
        ActivityOptions(**said)


@pytest.mark.parametrize(
    "said",
    [
        {**UPDATE, "attributes_type": "MatchAttributes"},
        {**UPDATE, "dismissal_date": NOW_MS},
        {**END, "input_push_channel": "dHN0"},
        {**UPDATE, "activity_id": ""},
        {**UPDATE, "activity_id": "x" * 256},
        {**UPDATE, "event": "pause"},
        {**UPDATE, "priority": 1},
        {**UPDATE, "relevance_score": float("nan")},
        {**UPDATE, "state": ["no object"]},
        {**UPDATE, "state": {"text": "a\0b"}},
        {**UPDATE, "alert": {"subtitle": "none such"}},
        {**UPDATE, "alert": {"title": 5}},
        {**UPDATE, "alert": {"title": {"de": "Tor"}}},
        {**UPDATE, "stale_date": "tomorrow"},
    ],
)
def test_what_no_such_event_has_is_refused(said: Any) -> None:
    with pytest.raises(InvalidParameter):
        ActivityOptions(**said)


@pytest.mark.parametrize(
    "said",
    [
        {**UPDATE, "stale_date": NOW_MS},
        {**END, "dismissal_date": NOW_MS + timedelta(hours=4, seconds=1) // timedelta.resolution},
    ],
)
def test_times_that_cannot_be_meant_are_refused(said: Any) -> None:
    with pytest.raises(InvalidParameter):
        ActivityOptions(**said).check(NOW_MS)


def test_the_size_that_counts_is_that_of_the_document() -> None:
    content = ActivityContent.of(ActivityOptions(**{**UPDATE, "state": {"t": "é" * 2048}}), 5)

    size, limit = size_of(content, Platform.IOS, "m1")

    assert size > limit == 4096


def test_an_alert_is_said_in_the_language_that_is_asked_for() -> None:
    title = {"default": "Goal", "de": "Tor", "pt_BR": "Gol"}
    body = {"loc-key": "GOAL"}
    alert = ActivityOptions(**UPDATE, alert={"title": title, "body": body}).alert

    assert languages_of(alert) == ("de", "pt-br")
    assert alert_in("pt-br", alert) == {"title": "Gol", "body": body}
    assert alert_in("default", alert) == {"title": "Goal", "body": body}
    by_title = ActivityOptions(**UPDATE, alert=title).alert
    assert by_title is not None
    assert dict(by_title) == {"title": title}
    assert languages_of({"title": "Goal"}) == languages_of(None) == ()


@pytest.mark.parametrize(
    "texts",
    [
        {"default": "Goal", "deutsch": "Tor"},
        {"default": "Goal", "de": "Tor", "DE": "Tor"},
        {"default": "Goal", "de": 5},
        {"default": "Goal", "de": ""},
        "",
        {"default": "a", **{f"aa-{n}": "b" for n in range(101)}},
    ],
)
def test_an_alert_in_no_language_is_refused(texts: Any) -> None:
    with pytest.raises(InvalidParameter):
        languages_of(ActivityOptions(**UPDATE, alert={"title": texts}).alert)
