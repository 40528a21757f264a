"""Dedupe keys and fingerprints: the same said in another way is the same, all else is not."""

from itertools import combinations

import pytest

from push_pipeline import errors
from push_pipeline.options import DeliveryOptions
from push_pipeline.publishing.dedupe import (
    HTTP_PREFIX,
    KEY_MAX,
    DedupeKey,
    fingerprint,
    key_of_host,
    key_of_request,
)
from push_pipeline.publishing.draft import draft_message
from push_pipeline.publishing.push_template import draft_template
from push_pipeline.template.stored import PushTemplate

NOW = 1_800_000_000_000
KEY = DedupeKey("k")


def said(channel="news", message="hello", options=None, delivery=None, now=NOW):
    return draft_message(channel, message, options, delivery, dedupe_key=KEY, now=now).once


def test_a_host_has_its_keys_as_they_are():
    assert key_of_host(None) is None
    assert key_of_host("k" * KEY_MAX) == DedupeKey("k" * KEY_MAX)
    for wrong in ("", "k" * (KEY_MAX + 1), f"{HTTP_PREFIX}x"):
        with pytest.raises(errors.InvalidParameter):
            key_of_host(wrong)


def test_the_key_of_a_request_is_its_callers_own():
    mine, theirs = (key_of_request(caller, "order-7") for caller in ("1", "2"))

    assert mine.stored != theirs.stored
    assert mine == key_of_request("1", "order-7")
    assert mine.before == "order-7"
    assert mine.stored.startswith(HTTP_PREFIX)
    assert len(key_of_request("1", "k" * KEY_MAX).stored) <= KEY_MAX
    assert key_of_request("1", None) is None
    for wrong in ("", "k" * (KEY_MAX + 1)):
        with pytest.raises(errors.InvalidParameter):
            key_of_request("1", wrong)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"message": {"a": 1, "b": 2}}, {"message": {"b": 2, "a": 1}}),
        ({"delivery": {"pushBroadcast": 3}}, {"delivery": {"push_broadcast": "ANDROID|IOS"}}),
        ({"delivery": {"pushBroadcast": "ALL"}}, {"delivery": DeliveryOptions()}),
        (
            {"delivery": {"push_singlecast": ["a", "b"]}},
            {"delivery": {"push_singlecast": ["b", "a", "b"]}},
        ),
        ({"options": {"headers": {}}}, {"options": None}),
        ({"now": NOW}, {"now": NOW + 60_000}),
    ],
)
def test_the_same_has_the_same_fingerprint(one, other):
    assert said(**one) == said(**other)


def test_whatever_else_is_said_has_another_fingerprint():
    different = [
        {},
        {"channel": "other"},
        {"message": "hello!"},
        {"message": ["hello"]},
        {"options": {"headers": {"ios-badge": "1"}}},
        {"options": {"publisher_id": "shop"}},
        {"options": {"template_values": {"a": "b"}}},
        {"delivery": {"push_broadcast": "IOS"}},
        {"delivery": {"push_singlecast": ["a"]}},
        {"delivery": {"push_users": ["a"]}},
        {"delivery": {"segment_query": "os = 'IOS'"}},
        {"delivery": {"publish_at": NOW + 1}},
        {"delivery": {"publish_at_local": "09:00"}},
        {"delivery": {"repeat_every": 60}},
        {"delivery": {"ttl": 60}},
    ]
    for one, other in combinations(different, 2):
        assert said(**one) != said(**other), (one, other)


def test_a_template_is_the_same_by_its_name_and_values_whatever_it_says_now():
    def pushed(values=None, to=None, brought=None, **fields):
        template = PushTemplate.read({"name": "t", "message": "Hi", **fields})
        return draft_template(template, values, to or DeliveryOptions(), KEY, brought).once

    assert pushed() == pushed(message="Hello", platforms=["IOS"])
    others = [
        pushed(name="other"),
        pushed(values={"a": "b"}),
        pushed(to=DeliveryOptions(push_users=["42"])),
        pushed(brought={}),
        pushed(brought={}, message="Hello"),
    ]
    assert len({pushed(), *others}) == 1 + len(others)


def test_a_fingerprint_is_thirty_two_bytes_of_any_names():
    assert len(fingerprint({"message": {1: "a", "b": object}})) == 32
