"""Channel names: what fits in one segment of a path."""

import pytest

from push_pipeline import errors
from push_pipeline.devices.registration import check_registration, key_of_registration
from push_pipeline.directory.access import Grant, PublishRule
from push_pipeline.gateway.permissions import Caller
from push_pipeline.options import check_channel_name
from push_pipeline.options.channel import near_name
from push_pipeline.template.stored import PushTemplate
from push_pipeline.whereclause import parse_clause


@pytest.mark.parametrize("name", ["default", "my channel", "a@b:c&d+e;f,g=h$", "ä€😀", "x" * 255])
def test_a_channel_may_have_any_name_that_fits_in_a_path(name):
    assert check_channel_name(name) == name


@pytest.mark.parametrize(
    "wrong",
    [
        *("a/b", "a\\b", "a?b", "a#b", "a%b", "a\nb", "\x00", "\x7f", "\ud800", "a\u2028"),
        *("push", "registrations", "email", "channels", "pushtemplates", ".", ".."),
        *("", "x" * 256, None, 5, ["a"]),
    ],
)
def test_a_channel_name_that_is_lost_on_the_way_is_5044(wrong):
    with pytest.raises(errors.InvalidChannelName) as refused:
        check_channel_name(wrong)
    assert refused.value.code == 5044


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("nwes", "news"),
        ("NEWS", "news"),
        ("wether", "weather"),
        ("orders-2", None),  # as good a channel as that of another order
        ("room 12", None),
        ("entirely else", None),
    ],
)
def test_a_name_that_was_meant_is_found_among_those_that_there_are(wrong, meant):
    assert near_name(wrong, ["news", "weather", "orders-1", "room 11"]) == meant


def test_a_name_has_one_form_however_it_was_written():
    assert check_channel_name("Cafe\u0301") == "Caf\u00e9"
    assert check_channel_name("e\u0301" * 255) == "\u00e9" * 255
    with pytest.raises(errors.InvalidChannelName):
        check_channel_name("e\u0301" * 256)
    template = PushTemplate.read({"message": "x", "channelName": "Cafe\u0301"})
    assert template.channel_name == "Caf\u00e9"
    both = {"channels": ["Cafe\u0301", "Caf\u00e9"]}
    device = check_registration({"deviceId": "d", "deviceToken": "ab", "os": "IOS", **both}, 0)
    assert device.channels == ("Caf\u00e9",)
    assert key_of_registration("12::Cafe\u0301", "Caf\u00e9") == 12
    for clause in ("channelName = '{}'", "channelName LIKE '{}%'", "channelName IN ('{}', 'b')"):
        assert parse_clause(clause.format("Cafe\u0301")) == parse_clause(clause.format("Caf\u00e9"))


@pytest.mark.parametrize("channel", ["Cafe\u0301", "Caf\u00e9"])
@pytest.mark.parametrize("pattern", ["Cafe\u0301*", "Caf\u00e9"])
def test_a_permission_is_for_both_forms_of_a_name(channel, pattern):
    key = Grant("APP-1", frozenset(["publish"]), (pattern,))
    Caller(key).require_publish(channel)
    closed = Caller(Grant("APP-1", frozenset(["publish"])), (PublishRule(pattern, ("editor",)),))
    with pytest.raises(errors.PublishDenied):
        closed.require_publish(channel)
