"""Channel names: what fits in one segment of a path."""

import pytest

from push_pipeline import errors
from push_pipeline.options import check_channel_name
from push_pipeline.options.channel import near_name


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
