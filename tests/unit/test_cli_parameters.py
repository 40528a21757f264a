"""What several commands are asked alike, as it is read."""

from datetime import timedelta

import pytest

from push_pipeline.cli.parameters import read_pair, read_times
from push_pipeline.cli.publishing import in_languages
from push_pipeline.errors import InvalidParameter

NOTHING = dict.fromkeys(
    ("publish_at", "publish_at_local", "repeat_every", "repeat_expires_at"), None
)


def test_what_is_not_said_is_not_set():
    assert read_times(None, local=False, every=None, until=None) == NOTHING


def test_a_time_is_a_moment_or_by_the_clock_of_each_device():
    said = read_times("2031-01-01T09:00Z", local=False, every="1h", until=None)
    assert said == NOTHING | {
        "publish_at": "2031-01-01T09:00Z", "repeat_every": timedelta(hours=1),
    }  # fmt: skip
    local = read_times("09:00", local=True, every=None, until=None)
    assert local == NOTHING | {"publish_at_local": "09:00"}


@pytest.mark.parametrize(
    ("at", "local", "every"), [(None, True, None), ("+soon", False, None), (None, False, "")]
)
def test_a_time_that_is_none_is_refused(at, local, every):
    with pytest.raises(InvalidParameter):
        read_times(at, local=local, every=every, until=None)


def test_a_pair_is_cut_at_its_first_equals_sign():
    assert read_pair("--value", "sum=1=1") == ("sum", "1=1")
    for wrong in ("sum", "=1"):
        with pytest.raises(InvalidParameter, match="write NAME=VALUE"):
            read_pair("--value", wrong)


def test_texts_in_more_languages_stand_beside_the_default():
    texts = ["de=Hallo", "pt-BR=Oi", "de:ios-alert-title=a=b"]
    assert in_languages("Hello", {"ios-alert-title": "T", "x": "y"}, texts) == (
        {"de": "Hallo", "pt-br": "Oi", "default": "Hello"},
        {"ios-alert-title": {"de": "a=b", "default": "T"}, "x": "y"},
    )
    assert in_languages("Hello", {"x": "y"}, []) == ("Hello", {"x": "y"})
    for message, wrong in (
        ("Hello", "de"),
        ("Hello", "german=a"),
        ("Hello", "de:ios-alert-title=a"),
        ("Hello", "de:deep-link=a"),
        ({"id": 1}, "de=a"),
    ):
        with pytest.raises(InvalidParameter, match="--text"):
            in_languages(message, {}, [wrong])
