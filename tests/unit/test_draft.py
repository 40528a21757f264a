"""A draft: all of a publish checked, before anybody knows its app; nothing is written for it."""

from dataclasses import replace

import pytest

from push_pipeline import errors
from push_pipeline.options import EVERY_CHANNEL, DeliveryOptions
from push_pipeline.publishing.dedupe import DedupeKey
from push_pipeline.publishing.draft import NOW_OR_NEVER_MS, Draft, draft_message
from push_pipeline.publishing.push_template import draft_template
from push_pipeline.template.stored import PushTemplate

NOW = 1_800_000_000_000


def draft(channel="news", message="hello", options=None, **said):
    return draft_message(channel, message, None, options, now=NOW, **said)


def test_what_is_written_of_a_draft_is_what_was_said():
    made = draft(
        options={"publishAt": NOW + 5_000, "ttl": 0}, dedupe_key=DedupeKey("order-1")
    ).message()

    assert (made.channel, made.content["message"], made.once.key) == ("news", "hello", "order-1")
    assert (made.due_at, made.ttl_ms, made.failure) == (NOW + 5_000, NOW_OR_NEVER_MS, None)
    assert draft(options={"pushBroadcast": "NONE"}).message().failure == "no recipients"
    assert draft(None, options={"pushUsers": ["42"]}).message().channel == EVERY_CHANNEL


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (errors.InvalidPublishAt, {"publish_at": 1_000}),
        (errors.InvalidRepeatExpiresAt, {"repeat_every": 5, "repeat_expires_at": 1}),
        (errors.InvalidWhereClause, {"segment_query": "os ="}),
    ],
)
def test_no_draft_can_be_made_of_what_is_wrong(error, options):
    with pytest.raises(error):
        Draft("news", {}, DeliveryOptions(**options), None, NOW)


def test_a_template_makes_a_draft_as_a_message_does():
    template = PushTemplate.read({"name": "t", "message": "Hi {name}", "platforms": ["IOS"]})

    made = draft_template(template, {"name": "Bob"}, DeliveryOptions(), DedupeKey("once"))

    assert (made.channel, made.content["template"], made.content["message"]) == (
        "default",
        "t",
        "Hi Bob",
    )
    assert [platform.value for platform in made.to.platforms] == ["IOS"]
    with pytest.raises(errors.MissingParameter):
        draft_template(template, {}, DeliveryOptions(), None)


def template(**fields):
    return PushTemplate.read({"name": "t", "message": "Hi", **fields})


def test_a_push_of_a_template_is_for_those_who_meet_both_it_and_the_options():
    stored = template(platforms=["IOS", "OSX"], segmentQuery="osVersion = '{v}'")
    asked = DeliveryOptions(
        push_broadcast="IOS|ANDROID",
        push_singlecast=["a"],
        segment_query="locale = '{l}' OR os = 'X'",
    )

    to = draft_template(stored, {"v": "17", "l": "d'e"}, asked, None).to

    assert [platform.value for platform in to.platforms] == ["IOS"]
    assert to.device_ids == ("a",)
    assert to.segment_query == "(osVersion = '17') AND (locale = 'd''e' OR os = 'X')"
    alone = draft_template(template(), {}, DeliveryOptions(segment_query="os = 'IOS'"), None).to
    assert alone.segment_query == "os = 'IOS'"


def test_a_push_of_a_template_for_other_systems_reaches_nobody():
    asked = DeliveryOptions(push_broadcast="ANDROID")

    made = draft_template(template(platforms=["IOS"]), {}, asked, None)

    assert made.message().failure == "no recipients"


@pytest.mark.parametrize("clause", ["os = 'A') OR (os = 'B'", "os = 'A' OR", "1=1) --"])
def test_a_clause_cannot_end_the_one_of_the_template(clause):
    stored = template(segmentQuery="osVersion = '17'")
    with pytest.raises(errors.InvalidWhereClause):
        draft_template(stored, {}, DeliveryOptions(segment_query=clause), None)


def test_only_a_message_by_local_time_looks_at_its_audience_when_it_is_written():
    assert draft(options={"publishAtLocal": "09:00"}).looks_at_its_audience
    assert not draft().looks_at_its_audience


BADGE = ("ios-badge", "APNs has no place for it")


def test_what_has_no_effect_is_named_by_the_draft_and_refuses_a_strict_one():
    said = {"headers": {"ios-badge": "many", "order": 7}}
    for_nobody = {"publish_policy": "PUBSUB", "repeat_expires_at": NOW + 5}

    assert draft_message("news", "x", said, None, now=NOW).warnings == (BADGE,)
    assert draft_message("news", "x", said, {"push_broadcast": "ANDROID"}, now=NOW).warnings == ()
    named = [one.field for one in draft(options=for_nobody).warnings]
    assert named == ["repeatExpiresAt", "publishPolicy"]
    with pytest.raises(errors.StrictRefusal, match="ios-badge: APNs has no place for it"):
        draft_message("news", "x", said, None, strict=True, now=NOW)
    assert draft(strict=True).warnings == ()


def test_a_template_and_smart_text_name_what_has_no_effect_once():
    headers = {"ios-badge": "many", "ios-url-args": "{Users.name}", "message": "{Users.name}"}
    said = {"headers": headers, "template_values": {"a": "b"}}
    custom = {"options": {"ios": {"customHeaders": {"ios-relevance-score": "2"}}}}
    template = PushTemplate.read({"name": "t", "message": "Hi", **custom})

    made = draft_message("news", "Hi {Users.name}", said, None, now=NOW)
    pushed = draft_template(template, {}, DeliveryOptions(), None)

    assert [one.field for one in made.warnings] == ["message", "ios-badge"]
    assert [one.field for one in pushed.warnings] == ["ios-relevance-score"]
    with pytest.raises(errors.StrictRefusal):
        draft_template(template, {}, DeliveryOptions(), None, strict=True)


def test_a_draft_of_an_app_is_the_same_but_for_that():
    made = draft(options={"ttl": 60}, strict=True, dedupe_key=DedupeKey("order-1"))

    assert made.of_app("A", trusted=False) == replace(made, app_id="A", trusted=False)
